#include "operators/window/spilled_window.h"

#include <utility>

#include "base/io_pool.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/batch.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/pane_entries.h"

namespace weir {
namespace {

// Of texts, sets and keys in one chunk.
constexpr int64_t kChunkBytesMax = 2 << 20;

}  // namespace

WindowReader::WindowReader(const AggregateSpec* spec, const AggregateStates* states,
                           int64_t window_start, int64_t window_end,
                           std::unique_ptr<StateCursor> cursor)
    : spec_(spec),
      states_(states),
      window_start_(window_start),
      window_end_(window_end),
      key_types_(KeyTypes(*spec)),
      cursor_(std::move(cursor)) {}

absl::StatusOr<GroupChunk> WindowReader::Next() {
  GroupChunk chunk;
  chunk.states.assign(kBatchRows * states_->width() / sizeof(uint64_t), 0);
  for (; cursor_->Valid(); cursor_->Next()) {
    const StateEntry entry = cursor_->entry();
    WEIR_ASSIGN_OR_RETURN(const PaneEntry parsed, ParsePaneEntry(entry, key_types_));
    const size_t count = chunk.size();
    const bool same = count > 0 && chunk.key(count - 1) == parsed.key &&
                      chunk.key_group[count - 1] == parsed.key_group;
    if (!same) {
      const bool full = count == kBatchRows || chunk.arena.bytes() > kChunkBytesMax ||
                        chunk.keys.size() > kChunkBytesMax;
      if (full) return chunk;
      chunk.keys.append(parsed.key);
      chunk.key_ends.push_back(chunk.keys.size());
      chunk.key_group.push_back(static_cast<uint16_t>(parsed.key_group));
    }
    WEIR_RETURN_IF_ERROR(Add(parsed, entry.key, &chunk));
  }
  WEIR_RETURN_IF_ERROR(cursor_->status());
  chunk.last = true;
  return chunk;
}

absl::Status WindowReader::Add(const PaneEntry& entry, std::string_view stored_key,
                               GroupChunk* chunk) {
  uint8_t* const states =
      reinterpret_cast<uint8_t*>(chunk->states.data()) + (chunk->size() - 1) * states_->width();
  if (entry.kind == PaneEntry::Kind::kGroup) {
    absl::Status status = states_->Merge(states, entry.value, chunk->arena);
    return status.ok() ? status : InGroup(status, *spec_, window_start_, window_end_, entry.key);
  }
  if (entry.kind != PaneEntry::Kind::kDistinct) {
    return absl::DataLossError("a pane holds an entry of another kind");
  }
  // Values of several panes come together: each is counted once, and none is kept.
  stored_key.remove_prefix(kStateTimeSize);
  if (stored_key == last_value_) return absl::OkStatus();
  last_value_.assign(stored_key);
  for (size_t column : states_->distinct_columns()) {
    if (column != entry.column) continue;
    states_->CountOneValue(column, states, chunk->arena);
    return absl::OkStatus();
  }
  return absl::DataLossError("a stored value belongs to no count(DISTINCT)");
}

void SpilledWindow::Begin(absl::StatusOr<std::unique_ptr<WindowReader>> reader) {
  if (!reader.ok()) return Put(reader.status());
  reader_ = *std::move(reader);
  ReadAhead();
}

bool SpilledWindow::waiting() const {
  absl::MutexLock lock(&mutex_);
  return !ready_.has_value();
}

absl::StatusOr<GroupChunk> SpilledWindow::Take() {
  absl::StatusOr<GroupChunk> chunk;
  {
    absl::MutexLock lock(&mutex_);
    WEIR_CHECK(ready_.has_value(), "nothing was read yet");
    chunk = *std::move(ready_);
    ready_.reset();
  }
  if (!chunk.ok() || chunk->last) return chunk;
  if (io_ == nullptr) {
    ReadAhead();
  } else {
    io_->Run([self = shared_from_this()] { self->ReadAhead(); });
  }
  return chunk;
}

void SpilledWindow::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
}

void SpilledWindow::ReadAhead() {
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) return;
  }
  Put(reader_->Next());
}

void SpilledWindow::Put(absl::StatusOr<GroupChunk> chunk) {
  {
    absl::MutexLock lock(&mutex_);
    ready_.emplace(std::move(chunk));
  }
  if (wake_) wake_();
}

}  // namespace weir
