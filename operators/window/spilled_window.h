// The groups of a window of which state files hold a part: read in key order on the I/O pool, a
// chunk ahead of the slot thread that emits them.
#ifndef WEIR_OPERATORS_WINDOW_SPILLED_WINDOW_H_
#define WEIR_OPERATORS_WINDOW_SPILLED_WINDOW_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "model/plan.h"
#include "operators/window/accumulators.h"
#include "operators/window/pane_entries.h"
#include "operators/window/state_arena.h"
#include "state/keyed/keyed_state.h"

namespace weir {

class IoPool;

// Some groups of a window, all their runs and panes merged.
struct GroupChunk {
  std::string keys;                 // of all groups, one behind the other
  std::vector<size_t> key_ends;     // of group i
  std::vector<uint16_t> key_group;  // of group i
  std::vector<uint64_t> states;     // AggregateStates::width() bytes a group
  StateArena arena;                 // behind the states
  bool last = false;

  size_t size() const { return key_ends.size(); }
  std::string_view key(size_t i) const {
    const size_t begin = i == 0 ? 0 : key_ends[i - 1];
    return std::string_view(keys).substr(begin, key_ends[i] - begin);
  }
};

// Turns a window's entries into chunks. One thread at a time.
class WindowReader {
 public:
  // `cursor`: the entries of the window's panes, as KeyedState::Read returns them. `spec` and
  // `states` outlive this.
  WindowReader(const AggregateSpec* spec, const AggregateStates* states, int64_t window_start,
               int64_t window_end, std::unique_ptr<StateCursor> cursor);

  // About a batch of groups, or a few MiB of them. A chunk may be empty; the last one says so.
  // Errors as InGroup, DATA_LOSS.
  absl::StatusOr<GroupChunk> Next();

 private:
  absl::Status Add(const PaneEntry& entry, std::string_view stored_key, GroupChunk* chunk);

  const AggregateSpec* const spec_;
  const AggregateStates* const states_;
  const int64_t window_start_, window_end_;
  const std::vector<DataType> key_types_;
  const std::unique_ptr<StateCursor> cursor_;
  std::string last_value_;  // of a count(DISTINCT), with all that names it
};

// Shared by the slot thread and the work it has on the I/O pool.
class SpilledWindow : public std::enable_shared_from_this<SpilledWindow> {
 public:
  // `wake` is called on the I/O pool when something has arrived. `keep` is held until the last
  // piece of work is done.
  SpilledWindow(IoPool* io, std::function<void()> wake, std::shared_ptr<const void> keep)
      : io_(io), wake_(std::move(wake)), keep_(std::move(keep)) {}

  // I/O pool, once: reads the first chunk.
  void Begin(absl::StatusOr<std::unique_ptr<WindowReader>> reader);

  // Slot thread. True while Take has nothing to give.
  bool waiting() const;
  // The next chunk. REQUIRES: !waiting(), and the last chunk hasn't been taken.
  absl::StatusOr<GroupChunk> Take();
  // The slot thread is no longer interested.
  void Cancel();

 private:
  void ReadAhead();
  void Put(absl::StatusOr<GroupChunk> chunk);

  IoPool* const io_;
  const std::function<void()> wake_;
  const std::shared_ptr<const void> keep_;
  std::unique_ptr<WindowReader> reader_;  // one thread at a time: at most one read is under way

  mutable absl::Mutex mutex_;
  std::optional<absl::StatusOr<GroupChunk>> ready_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_SPILLED_WINDOW_H_
