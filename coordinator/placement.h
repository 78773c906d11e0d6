// Which slot runs which tasks. Pure.
#ifndef WEIR_COORDINATOR_PLACEMENT_H_
#define WEIR_COORDINATOR_PLACEMENT_H_

#include <string>
#include <vector>

namespace weir {

// A registered worker. A process that reconnects is another worker with the same address.
struct WorkerView {
  std::string id;
  std::string address;
  int slots = 0;
  std::vector<int> slot_load;  // tasks of other jobs per slot; may be shorter than `slots`
};

struct SlotRef {
  std::string worker_id;
  std::string address;
  int slot = 0;
};

int TotalSlots(const std::vector<WorkerView>& workers);

// A slot for each task index 0..parallelism-1: the tasks of that index of all vertices share it, so
// partitions and key groups, both spread over indexes, are spread over slots. No slot gets more
// than ceil(parallelism / slots) indexes. An index stays at the address where `previous` had it
// (its state may still be on that machine's disk), else it goes where least runs.
// REQUIRES: at least one slot.
std::vector<SlotRef> PlaceTasks(int parallelism, const std::vector<WorkerView>& workers,
                                const std::vector<SlotRef>& previous);

}  // namespace weir

#endif  // WEIR_COORDINATOR_PLACEMENT_H_
