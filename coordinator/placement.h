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
  bool draining = false;       // keeps what it runs for now, and takes nothing new
};

struct SlotRef {
  std::string worker_id;
  std::string address;
  int slot = 0;
};

// Slots that take tasks: those of workers that don't drain.
int TotalSlots(const std::vector<WorkerView>& workers);

// A slot for each task index 0..parallelism-1: the tasks of that index of all vertices share it, so
// partitions and key groups, both spread over indexes, are spread over slots. Every slot gets
// parallelism / slots indexes, rounded down or up.
//
// As many indexes as that allows stay where `previous` had them: by address and slot, because the
// state may still be on that machine's disk. When `previous` is of another parallelism, an index
// counts as at home where most of its key groups were. The others go where least runs; of slots
// alike, to their home's machine, then to the machine that has the fewest for its slots.
// REQUIRES: at least one slot.
std::vector<SlotRef> PlaceTasks(int parallelism, const std::vector<WorkerView>& workers,
                                const std::vector<SlotRef>& previous);

// Whether some slot holds more indexes than it would when placed anew. Indexes that can't be placed
// any better share what there is.
bool SharesNeedlessly(const std::vector<SlotRef>& placed, const std::vector<WorkerView>& workers);

}  // namespace weir

#endif  // WEIR_COORDINATOR_PLACEMENT_H_
