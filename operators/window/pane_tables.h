// The owner's open panes: group tables by pane end, with what changed since the last checkpoint.
//
// A pane's table need not hold all of its groups: evicted ones are in state files, and those that
// come back start anew with the pane's next run number. Nothing is read back to merge rows; firing
// merges all runs (spilled_window.h).
#ifndef WEIR_OPERATORS_WINDOW_PANE_TABLES_H_
#define WEIR_OPERATORS_WINDOW_PANE_TABLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "operators/window/accumulators.h"
#include "operators/window/evicted_panes.h"
#include "operators/window/group_table.h"
#include "operators/window/pane_entries.h"

namespace weir {

// One thread at a time. `states` outlives this.
class PaneTables {
 public:
  explicit PaneTables(const AggregateStates* states) : states_(states) {}

  // Merges encoded states into the groups of pane `pane_end`: those of keys rows[i]. On error,
  // *failed is the row.
  absl::Status Merge(int64_t pane_end, const KeySpan& keys, const std::vector<uint32_t>& rows,
                     const arrow::BinaryArray& encoded, uint32_t* failed);

  // Restoring. Takes a stored entry in, as clean; a pane of which entries of two runs come is left
  // to the files, and goes on with `next_run`. REQUIRES: it isn't kFired.
  absl::Status Restore(const PaneEntry& entry, uint32_t next_run);
  // Leaves a pane to the files, whatever was restored of it.
  void RestoreSpilled(int64_t pane_end, uint32_t next_run);

  bool empty() const { return panes_.empty(); }
  int64_t first_end() const { return panes_.begin()->first; }
  // Panes that end in [first, last], oldest first.
  struct Open {
    int64_t end;
    GroupTable* table;
    bool spilled;  // files hold more of it
  };
  std::vector<Open> Between(int64_t first, int64_t last);
  // The end of the first pane that ends after `time`; false when there is none.
  bool NextEnd(int64_t time, int64_t* end) const;

  // Frees the panes that end at or before `pane_end`.
  void Expire(int64_t pane_end);
  // The largest end that was expired.
  int64_t expired_up_to() const { return expired_up_to_; }

  // Ends of the panes that were touched longest ago, together `bytes` or a little more.
  std::vector<int64_t> Coldest(int64_t bytes) const;
  // Of the panes with the most to write first.
  std::vector<int64_t> Dirtiest() const;
  // Takes the groups of these panes out: what of them is in no file is to be written, before any
  // entry that is captured or evicted later.
  std::vector<EvictedPane> Evict(const std::vector<int64_t>& ends);

  // Adds what changed since the last call. DirtyBytes: about what it takes while it is written.
  void Capture(StateDelta* delta);
  int64_t DirtyBytes() const;
  int64_t DirtyBytes(int64_t pane_end) const;

  // The largest run number of any entry that Capture or Evict has handed out so far.
  uint32_t last_run() const { return last_run_; }
  int64_t bytes() const { return bytes_; }
  int64_t groups() const { return groups_; }

 private:
  struct Pane {
    explicit Pane(size_t width) : table(width) {}
    int64_t bytes() const {
      return table.bytes() + static_cast<int64_t>(dirty.capacity() * sizeof(dirty[0]));
    }
    GroupTable table;
    std::vector<GroupRow*> dirty;
    uint32_t run = 0;
    bool known = false;    // entries of `run` were restored
    bool spilled = false;  // files hold earlier runs
    int64_t touched = 0;   // the number of the last Merge
  };
  // Keeps bytes_ and groups_ right around a change of one pane.
  class Measure;

  Pane* Find(int64_t pane_end);
  void CaptureGroup(int64_t pane_end, uint32_t run, GroupRow* group, StateDelta* delta);
  int64_t CaptureBytes(const Pane& pane) const;

  const AggregateStates* states_;
  std::map<int64_t, std::unique_ptr<Pane>> panes_;  // by end; never moved: Measure points at them
  std::vector<uint8_t*> groups_of_rows_;
  int64_t bytes_ = 0, groups_ = 0;
  int64_t merges_ = 0;
  uint32_t last_run_ = 0;
  int64_t expired_up_to_ = kUndyingTime;
};

// Groups that MergeRows takes at most.
inline constexpr int64_t kMergeBlock = 1024;

// Merges the groups [begin, begin + count) of `from` into `into`. OUT_OF_RANGE on overflow, with
// *failed the group.
absl::Status MergeRows(const AggregateStates& states, GroupTable& from, int64_t begin,
                       int64_t count, GroupTable& into, GroupRow** failed);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PANE_TABLES_H_
