#include "coordinator/placement.h"

#include <algorithm>

#include "base/log.h"

namespace weir {
namespace {

struct Slot {
  SlotRef ref;
  int load = 0;     // tasks of other jobs
  int indexes = 0;  // given by this placement
};

std::vector<Slot> AllSlots(const std::vector<WorkerView>& workers) {
  std::vector<Slot> slots;
  for (const WorkerView& worker : workers) {
    for (int s = 0; s < worker.slots; ++s) {
      const auto known = static_cast<size_t>(s) < worker.slot_load.size();
      slots.push_back(
          {{worker.id, worker.address, s}, known ? worker.slot_load[static_cast<size_t>(s)] : 0});
    }
  }
  return slots;
}

}  // namespace

int TotalSlots(const std::vector<WorkerView>& workers) {
  int slots = 0;
  for (const WorkerView& worker : workers) slots += worker.slots;
  return slots;
}

std::vector<SlotRef> PlaceTasks(int parallelism, const std::vector<WorkerView>& workers,
                                const std::vector<SlotRef>& previous) {
  std::vector<Slot> slots = AllSlots(workers);
  WEIR_CHECK(!slots.empty());
  const int per_slot =
      (parallelism + static_cast<int>(slots.size()) - 1) / static_cast<int>(slots.size());
  std::vector<SlotRef> placed(static_cast<size_t>(parallelism));
  std::vector<size_t> homeless;
  for (size_t index = 0; index < placed.size(); ++index) {
    const auto home = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) {
      return index < previous.size() && slot.ref.address == previous[index].address &&
             slot.ref.slot == previous[index].slot && slot.indexes < per_slot;
    });
    if (home == slots.end()) {
      homeless.push_back(index);
      continue;
    }
    ++home->indexes;
    placed[index] = home->ref;
  }
  for (const size_t index : homeless) {
    const auto least =
        std::min_element(slots.begin(), slots.end(), [](const auto& a, const auto& b) {
          return a.indexes != b.indexes ? a.indexes < b.indexes : a.load < b.load;
        });
    ++least->indexes;
    placed[index] = least->ref;
  }
  return placed;
}

}  // namespace weir
