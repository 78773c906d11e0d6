#include "operators/sink/file_stager.h"

#include <arrow/record_batch.h>

#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/io_pool.h"
#include "base/random.h"
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
  State(IoPool* io_pool, Random* r, const std::string& path, const Schema& s, int64_t bytes_max)
      : io(io_pool), random(r), table_path(path), schema(s), file_bytes_max(bytes_max) {}

  IoPool* const io;
  Random* const random;
  const std::string table_path;
  const Schema schema;
  const int64_t file_bytes_max;
  std::atomic<int64_t> queued_bytes{0};
  std::atomic<bool> dropped{false};  // the stager is gone

  // Held while writing, by one thread of the pool; taken before `mutex`.
  absl::Mutex writing ABSL_ACQUIRED_BEFORE(mutex);
  std::unique_ptr<DataFileWriter> open_file ABSL_GUARDED_BY(writing);
  std::vector<DataFile> closed ABSL_GUARDED_BY(writing);

  // Held for moments.
  absl::Mutex mutex;
  std::deque<Item> queue ABSL_GUARDED_BY(mutex);
  bool scheduled ABSL_GUARDED_BY(mutex) = false;  // a turn is queued on the pool or running
  absl::Status error ABSL_GUARDED_BY(mutex);

  static void Schedule(const std::shared_ptr<State>& state) ABSL_LOCKS_EXCLUDED(mutex);
  static void Turn(const std::shared_ptr<State>& state) ABSL_LOCKS_EXCLUDED(writing);
  void Push(Item item) ABSL_LOCKS_EXCLUDED(mutex);
  std::optional<Item> Pop() ABSL_LOCKS_EXCLUDED(mutex);
  absl::Status Error() ABSL_LOCKS_EXCLUDED(mutex);
  void Do(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::Status Write(const arrow::RecordBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::Status CloseFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing);
  absl::StatusOr<std::vector<DataFile>> Finish(CutResult* cut) ABSL_LOCKS_EXCLUDED(writing);
};

FileStager::FileStager(IoPool* io, Random* random, const std::string& table_path,
                       const Schema& schema, int64_t file_bytes_max)
    : state_(std::make_shared<State>(io, random, table_path, schema, file_bytes_max)) {}

FileStager::~FileStager() { state_->dropped = true; }

int64_t FileStager::queued_bytes() const { return state_->queued_bytes.load(); }
absl::Status FileStager::status() const { return state_->Error(); }

void FileStager::Add(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes) {
  added_since_cut_ = true;
  state_->queued_bytes += bytes;
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

void FileStager::State::Schedule(const std::shared_ptr<State>& state) {
  {
    absl::MutexLock lock(&state->mutex);
    if (state->scheduled || state->queue.empty()) return;
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
  if (status.ok() && item.batch != nullptr) status = Write(*item.batch);
  if (status.ok() && item.cut != nullptr) status = CloseFile();
  queued_bytes -= item.bytes;
  if (!status.ok()) {
    absl::MutexLock lock(&mutex);
    error = status;
  }
  if (item.cut == nullptr) return;
  item.cut->status = status;
  item.cut->files = std::exchange(closed, {});
  item.cut->done = true;
}

absl::Status FileStager::State::Write(const arrow::RecordBatch& batch) {
  if (open_file == nullptr) {
    // Random from the first character on: stores that partition by prefix spread them.
    const std::string name = absl::StrCat(MakeUuid(*random), ".parquet");
    WEIR_ASSIGN_OR_RETURN(open_file, OpenDataFile(table_path, name, schema));
  }
  WEIR_RETURN_IF_ERROR(open_file->Write(batch));
  return open_file->BytesEstimate() < file_bytes_max ? absl::OkStatus() : CloseFile();
}

absl::Status FileStager::State::CloseFile() {
  if (open_file == nullptr) return absl::OkStatus();
  WEIR_ASSIGN_OR_RETURN(DataFile file, open_file->Close());
  open_file = nullptr;
  closed.push_back(std::move(file));
  return absl::OkStatus();
}

// Items leave the queue under `writing` only: once it is held, the cut is either done or still to
// come.
absl::StatusOr<std::vector<DataFile>> FileStager::State::Finish(CutResult* cut) {
  absl::MutexLock lock(&writing);
  while (!cut->done) Do(*Pop());
  WEIR_RETURN_IF_ERROR(cut->status);
  return std::move(cut->files);
}

}  // namespace weir
