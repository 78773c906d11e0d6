// Where the owner's panes live: in memory up to its share, in state files beyond, and at every
// barrier in files altogether.
//
// When memory is short the panes touched longest ago are evicted: their tables go to the I/O pool
// as they are, what no file holds is written as a file, and the memory is free. Rows never wait for
// what was evicted, only for the room of an eviction under way.
#ifndef WEIR_OPERATORS_WINDOW_OWNER_STATE_H_
#define WEIR_OPERATORS_WINDOW_OWNER_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/memory_share.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "operators/operator.h"
#include "operators/window/accumulators.h"
#include "operators/window/fired_watermarks.h"
#include "operators/window/pane_tables.h"
#include "operators/window/spilled_window.h"
#include "operators/window/window_grid.h"
#include "state/keyed/keyed_state.h"
#include "state/keyed/ordered_work.h"

namespace weir {

// Slot thread, except Open.
class OwnerState {
 public:
  // The pointers outlive this; `states` is shared with work on the I/O pool, which may outlive it.
  OwnerState(const AggregateSpec& spec, std::shared_ptr<const AggregateStates> states,
             const WindowGrid* grid, PaneTables* panes, FiredWatermarks* fired);

  // Restores `panes` and `fired`. State that is small beside the budget is loaded; of larger state
  // only the names of its panes are, as if they had been evicted.
  absl::Status Open(const OperatorContext& context, const TaskRestore& restore);

  // To be called after rows were merged: reserves memory for the panes, or evicts some.
  absl::Status Settle();
  // Panes have gone: their memory is free.
  void Shrink() { memory_->Take(panes_->bytes()); }
  // Rows have to wait: memory is short until an eviction is written, or files until some are
  // merged.
  bool Blocked() const;
  // The error that work on the I/O pool ended with.
  absl::Status status() const { return work_->status(); }

  PendingState Capture(const Barrier& barrier);
  void Published(CheckpointId id) { keyed_->Published(id); }

  // Begins to read a window of `panes`, some of them spilled. All of them are evicted first.
  std::shared_ptr<SpilledWindow> Read(int64_t window_start, int64_t window_end,
                                      const std::vector<PaneTables::Open>& panes);

  struct Figures {
    int64_t spilled_bytes = 0;  // written by evictions since the start
    KeyedState::Size files;
  };
  Figures figures() const;

 private:
  // What work on the I/O pool tells back. Shared with it.
  struct Progress {
    std::atomic<int> evictions{0};  // under way
    std::atomic<int64_t> spilled_bytes{0};
    std::atomic<int64_t> files{0};
  };

  absl::Status RestoreFired(const std::vector<OperatorState>& states);
  absl::StatusOr<bool> RestorePanes(const KeyedState::Found& found);
  absl::StatusOr<bool> LoadPanes(const KeyedState::Found& found, int64_t dead_up_to);
  absl::Status CheckPane(int64_t pane_end) const;
  void Evict(const std::vector<int64_t>& ends);
  void CaptureFired(StateDelta* delta);
  std::function<void()> MergeLater() const;
  int64_t EvictionBytesMin() const;
  void LogFirstSpill();

  const AggregateSpec spec_;
  const std::shared_ptr<const AggregateStates> states_;
  const WindowGrid* const grid_;
  PaneTables* const panes_;
  FiredWatermarks* const fired_;
  const std::vector<DataType> key_types_;
  OperatorContext context_;
  KeyGroupRange key_groups_;

  std::optional<MemoryShare> memory_;
  std::shared_ptr<KeyedState> keyed_;  // shared with work that outlives this
  const std::shared_ptr<OrderedWork> work_ = std::make_shared<OrderedWork>();
  const std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  bool short_of_memory_ = false;
  bool stored_fired_ = false;  // the files name groups that lag behind
  bool spilled_before_ = false;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_OWNER_STATE_H_
