// The owner's open panes: group tables by pane end, with what changed since the last checkpoint.
#ifndef WEIR_OPERATORS_WINDOW_PANE_TABLES_H_
#define WEIR_OPERATORS_WINDOW_PANE_TABLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "operators/window/accumulators.h"
#include "operators/window/group_table.h"
#include "operators/window/pane_entries.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// One thread at a time. `states` outlives this.
class PaneTables {
 public:
  explicit PaneTables(const AggregateStates* states) : states_(states) {}

  // Merges encoded states into the groups of pane `pane_end`: those of keys rows[i]. On error,
  // *failed is the row.
  absl::Status Merge(int64_t pane_end, const KeySpan& keys, const std::vector<uint32_t>& rows,
                     const arrow::BinaryArray& encoded, uint32_t* failed);
  // Takes a stored entry in, as clean. REQUIRES: it isn't kFired.
  absl::Status Restore(const PaneEntry& entry);

  // Panes, oldest first, and their groups.
  bool empty() const { return panes_.empty(); }
  int64_t first_end() const { return panes_.begin()->first; }
  // The tables of the panes that end in [first, last].
  std::vector<GroupTable*> Between(int64_t first, int64_t last);
  // The end of the first pane that ends after `time`; false when there is none.
  bool NextEnd(int64_t time, int64_t* end) const;

  // Frees the panes that end at or before `pane_end`.
  void Expire(int64_t pane_end);

  // Writes what changed since the last call, or everything when delta->full.
  void Capture(StateDelta* delta);

  int64_t bytes() const { return bytes_; }
  int64_t groups() const { return groups_; }

 private:
  struct Pane {
    explicit Pane(size_t width) : table(width) {}
    GroupTable table;
    std::vector<GroupRow*> dirty;
    bool stored = false;  // some entry of it is in a delta
  };
  // Keeps bytes_ and groups_ right around a change of one pane.
  class Measure;

  void CaptureGroup(int64_t pane_end, GroupRow* group, bool full, PaneEntryWriter& writer);

  const AggregateStates* states_;
  std::map<int64_t, std::unique_ptr<Pane>> panes_;  // by end; never moved: Measure points at them
  std::vector<uint8_t*> groups_of_rows_;
  int64_t bytes_ = 0, groups_ = 0;
  bool stored_expired_ = false;  // since the last Capture, and up to where
  int64_t expired_up_to_ = 0;
};

// Merges the groups of `from` into `into`. OUT_OF_RANGE on overflow, with *failed the group.
absl::Status MergeTable(const AggregateStates& states, GroupTable& from, GroupTable& into,
                        GroupRow** failed);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PANE_TABLES_H_
