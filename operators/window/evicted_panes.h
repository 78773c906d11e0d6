// Panes on their way out of memory: what changed in them, in the order of a state file.
#ifndef WEIR_OPERATORS_WINDOW_EVICTED_PANES_H_
#define WEIR_OPERATORS_WINDOW_EVICTED_PANES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "operators/window/accumulators.h"
#include "operators/window/group_table.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// A pane's groups since its last eviction.
struct EvictedPane {
  int64_t end = 0;
  uint32_t run = 0;
  GroupTable table;
};

// Hands over the groups of `panes` (oldest first) that no file holds yet, with the values that
// their sets hold beyond the files. Takes the tables apart. Memory beside them: 8 bytes a group,
// which the tables' slots have given back.
absl::Status WriteEvicted(const AggregateStates& states, std::vector<EvictedPane>& panes,
                          PutStateEntry put);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_EVICTED_PANES_H_
