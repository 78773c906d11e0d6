#include "operators/sink/file_stager.h"

#include <arrow/record_batch.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/io_pool.h"
#include "base/memory_budget.h"
#include "base/status_macros.h"
#include "lake/data_file_writer.h"

namespace weir {
namespace {

// A turn gives its thread back to the pool after this many batches, so that a busy sink doesn't
// starve the others.
constexpr int kBatchesPerTurn = 16;

// What a cut leaves to its finish function.
struct CutResult {
  absl::Status status;
  std::vector<DataFile> files;
  bool done = false;
};

// Rows, or a cut behind them.
struct Item {
  std::shared_ptr<arrow::RecordBatch> batch;
  int64_t bytes = 0;
  std::shared_ptr<CutResult> cut;  // shared: the finish function holds it too
};

}  // namespace

struct FileStager::State {
  State(IoPool* io_pool, NameOf names, MemoryBudget* budget, Place p, const Schema& s,
        int64_t bytes_max)
      : io(io_pool),
        name_of(std::move(names)),
        memory(budget),
        table(std::move(p)),
        schema(s),
        file_bytes_max(bytes_max) {
    if (memory != nullptr) memory->AddOwners(1);
  }
  ~State() {
    Hold(-held_bytes);
    if (memory != nullptr) memory->AddOwners(-1);
  }

  IoPool* const io;
  const NameOf name_of;
  MemoryBudget* const memory;
  const Place table;
  const Schema schema;
  const int64_t file_bytes_max;
  std::atomic<int64_t> held_bytes{0};
  std::atomic<bool> dropped{false};  // the stager is gone

  // Held while writing, by one thread of the pool; taken before `mutex`.
  absl::Mutex writing ABSL_ACQUIRED_BEFORE(mutex);
  std::optional<DataFilePlace> place ABSL_GUARDED_BY(writing);  // since the first row
  std::unique_ptr<DataFileWriter> open_file ABSL_GUARDED_BY(writing);
  int64_t opened ABSL_GUARDED_BY(writing) = 0;  // files so far
  std::vector<DataFile> closed ABSL_GUARDED_BY(writing);
  int64_t group_bytes ABSL_GUARDED_BY(writing) = 0;  // held by the open file's next row group

  // Held for moments.
  absl::Mutex mutex;
  std::deque<Item> queue ABSL_GUARDED_BY(mutex);
  bool scheduled ABSL_GUARDED_BY(mutex) = false;  // a turn is queued on the pool or running
  absl::Status error ABSL_GUARDED_BY(mutex);

  void Hold(int64_t bytes) {
    held_bytes += bytes;
    if (memory != nullptr) memory->Take(bytes);
  }
  int64_t Share() const {
    return memory == nullptr ? kSinkBytesMax : std::min(kSinkBytesMax, memory->fair_share());
  }
  static void Schedule(const std::shared_ptr<State>& state, bool even_without_rows = false)
      ABSL_LOCKS_EXCLUDED(mutex);
  static void Turn(const std::shared_ptr<State>& state) ABSL_LOCKS_EXCLUDED(writing);
  void Push(Item item) ABSL_LOCKS_EXCLUDED(mutex);
  std::optional<Item> Pop() ABSL_LOCKS_EXCLUDED(mutex);
  absl::Status Error() ABSL_LOCKS_EXCLUDED(mutex);
  void Do(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  void Fail(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::Status Append(const arrow::RecordBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::Status KeepToShare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::Status CloseFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  void ReleaseRowGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::StatusOr<std::vector<DataFile>> Finish(CutResult* cut) ABSL_LOCKS_EXCLUDED(writing);
};

FileStager::FileStager(IoPool* io, NameOf name_of, MemoryBudget* memory, Place place,
                       const Schema& schema, int64_t file_bytes_max)
    : state_(std::make_shared<State>(io, std::move(name_of), memory, std::move(place), schema,
                                     file_bytes_max)) {}

FileStager::~FileStager() { state_->dropped = true; }

int64_t FileStager::held_bytes() const { return state_->held_bytes.load(); }

bool FileStager::full() const {
  const int64_t held = state_->held_bytes.load();
  if (held == 0 || held < state_->Share()) return false;
  // The share may have shrunk since the last batch: then only a turn without one ends the group.
  State::Schedule(state_, /*even_without_rows=*/true);
  return true;
}

absl::Status FileStager::status() const { return state_->Error(); }

void FileStager::Add(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes) {
  added_since_cut_ = true;
  state_->Hold(bytes);
  state_->Push({std::move(batch), bytes, nullptr});
  State::Schedule(state_);
}

FileStager::FinishCut FileStager::Cut() {
  if (!added_since_cut_) return nullptr;
  added_since_cut_ = false;
  auto cut = std::make_shared<CutResult>();
  state_->Push({nullptr, 0, cut});
  return [state = state_, cut] { return state->Finish(cut.get()); };
}

void FileStager::State::Push(Item item) {
  absl::MutexLock lock(&mutex);
  queue.push_back(std::move(item));
}

std::optional<Item> FileStager::State::Pop() {
  absl::MutexLock lock(&mutex);
  if (queue.empty()) return std::nullopt;
  Item item = std::move(queue.front());
  queue.pop_front();
  return item;
}

absl::Status FileStager::State::Error() {
  absl::MutexLock lock(&mutex);
  return error;
}

void FileStager::State::Schedule(const std::shared_ptr<State>& state, bool even_without_rows) {
  {
    absl::MutexLock lock(&state->mutex);
    if (state->scheduled || (state->queue.empty() && !even_without_rows)) return;
    state->scheduled = true;
  }
  state->io->Run([state] { Turn(state); });
}

void FileStager::State::Turn(const std::shared_ptr<State>& state) {
  {
    absl::MutexLock lock(&state->writing);
    for (int i = 0; i < kBatchesPerTurn; ++i) {
      std::optional<Item> item = state->Pop();
      if (!item) break;
      state->Do(*std::move(item));
    }
    if (absl::Status status = state->KeepToShare(); !status.ok()) state->Fail(status);
  }
  {
    absl::MutexLock lock(&state->mutex);
    state->scheduled = false;
  }
  Schedule(state);  // if more has come meanwhile
}

void FileStager::State::Do(Item item) {
  absl::Status status = Error();
  // A cut behind dropped rows must never look whole.
  if (status.ok() && dropped) status = absl::CancelledError("the task was stopped");
  if (item.batch != nullptr) {
    group_bytes += item.bytes;
    if (status.ok()) status = Append(*item.batch);
  }
  if (status.ok() && item.cut != nullptr) status = CloseFile();
  if (!status.ok()) Fail(status);
  if (item.cut == nullptr) return;
  item.cut->status = status;
  item.cut->files = std::exchange(closed, {});
  item.cut->done = true;
}

void FileStager::State::Fail(const absl::Status& status) {
  open_file = nullptr;  // nothing will end what it buffers
  ReleaseRowGroup();
  absl::MutexLock lock(&mutex);
  error = status;
}

absl::Status FileStager::State::Append(const arrow::RecordBatch& batch) {
  if (open_file == nullptr) {
    if (!place) {
      WEIR_ASSIGN_OR_RETURN(place,
                            PlaceDataFiles(table.table_path, table.scratch_directory, table.roots));
    }
    WEIR_ASSIGN_OR_RETURN(open_file, OpenDataFile(*place, name_of(opened), schema));
    ++opened;
  }
  WEIR_RETURN_IF_ERROR(open_file->Write(batch));
  WEIR_RETURN_IF_ERROR(KeepToShare());
  const bool full = open_file->BytesEstimate() >= file_bytes_max || open_file->FooterIsLarge();
  return full ? CloseFile() : absl::OkStatus();
}

// Half of the share is for rows that come while a row group is encoded.
absl::Status FileStager::State::KeepToShare() {
  if (open_file == nullptr) return absl::OkStatus();
  if (group_bytes >= Share() / 2) WEIR_RETURN_IF_ERROR(open_file->EndRowGroup());
  if (!open_file->buffers_rows()) ReleaseRowGroup();
  return absl::OkStatus();
}

absl::Status FileStager::State::CloseFile() {
  if (open_file == nullptr) return absl::OkStatus();
  WEIR_ASSIGN_OR_RETURN(DataFile file, open_file->Close());
  open_file = nullptr;
  ReleaseRowGroup();
  closed.push_back(std::move(file));
  return absl::OkStatus();
}

void FileStager::State::ReleaseRowGroup() { Hold(-std::exchange(group_bytes, 0)); }

// Items leave the queue under `writing` only: once it is held, the cut is either done or still to
// come.
absl::StatusOr<std::vector<DataFile>> FileStager::State::Finish(CutResult* cut) {
  absl::MutexLock lock(&writing);
  while (!cut->done) Do(*Pop());
  WEIR_RETURN_IF_ERROR(cut->status);
  return std::move(cut->files);
}

}  // namespace weir
