// Emits the rows of closed windows, in order of their ends, a batch at a time.
//
// A window of one pane in memory is read from its table. Panes of a longer window are first merged
// into a table of their own, a block of groups at a time. A window of which files hold a part is
// read from there altogether. All go on where the last call stopped.
#ifndef WEIR_OPERATORS_WINDOW_WINDOW_FIRING_H_
#define WEIR_OPERATORS_WINDOW_WINDOW_FIRING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "model/plan.h"
#include "operators/operator.h"
#include "operators/window/accumulators.h"
#include "operators/window/fired_watermarks.h"
#include "operators/window/group_table.h"
#include "operators/window/owner_state.h"
#include "operators/window/pane_tables.h"
#include "operators/window/spilled_window.h"
#include "operators/window/window_grid.h"
#include "operators/window/window_rows.h"

namespace weir {

// Slot thread. While active(), nobody changes panes or fired watermarks.
class WindowFiring {
 public:
  // Everything outlives this.
  WindowFiring(const AggregateSpec* spec, const WindowGrid* grid, const AggregateStates* states,
               PaneTables* panes, OwnerState* owner, const FiredWatermarks* fired, WindowRows* rows)
      : spec_(spec),
        grid_(grid),
        states_(states),
        panes_(panes),
        owner_(owner),
        fired_(fired),
        rows_(rows) {}
  ~WindowFiring();

  bool active() const { return active_; }
  // Continue has nothing to do until files were read.
  bool waiting() const;
  // Up to where the windows are closed, while active and afterwards.
  EventTime up_to() const { return up_to_; }

  // Begins with the first window that ends in (lowest fired, time], skipping stretches without
  // panes. REQUIRES: !active().
  void Begin(EventTime time);
  // Emits about kBatchRows rows, or does as much work; inactive when all windows are done, and the
  // last row has left.
  absl::Status Continue(Output& out);

 private:
  // The window at hand.
  struct Window {
    int64_t start = 0, end = 0;
    std::vector<PaneTables::Open> panes;
    // Merging: where the next block begins. Done when `pane` is panes.size().
    size_t pane = 0;
    int64_t row = 0;
    std::optional<GroupTable> merged;
    int64_t next_group = 0;  // to emit: of the table, or of the chunk
    std::shared_ptr<SpilledWindow> files;
    std::optional<GroupChunk> chunk;
  };

  void OpenWindow(int64_t window_end);
  absl::Status Merge(Window& window);
  absl::Status EmitSome(Window& window, GroupTable& table, Output& out);
  absl::Status EmitFromFiles(Window& window, Output& out);
  absl::Status Emit(const Window& window, int key_group, std::string_view key,
                    const uint8_t* states, Output& out);

  const AggregateSpec* const spec_;
  const WindowGrid* const grid_;
  const AggregateStates* const states_;
  PaneTables* const panes_;
  OwnerState* const owner_;
  const FiredWatermarks* const fired_;
  WindowRows* const rows_;

  bool active_ = false;
  EventTime up_to_ = kMinEventTime;
  std::optional<Window> window_;  // none while active: the rest of the rows has to leave
  int64_t budget_ = 0;            // groups that this step may still look at
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_WINDOW_FIRING_H_
