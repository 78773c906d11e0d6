#include "coordinator/placement.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/log.h"

namespace weir {
namespace {

struct Slot {
  SlotRef ref;
  int load = 0;     // tasks of other jobs
  int indexes = 0;  // given by this placement
  int worker_slots = 0;
};

std::vector<Slot> AllSlots(const std::vector<WorkerView>& workers) {
  std::vector<Slot> slots;
  for (const WorkerView& worker : workers) {
    if (worker.draining) continue;
    for (int s = 0; s < worker.slots; ++s) {
      const auto known = static_cast<size_t>(s) < worker.slot_load.size();
      slots.push_back({{worker.id, worker.address, s},
                       known ? worker.slot_load[static_cast<size_t>(s)] : 0,
                       0,
                       worker.slots});
    }
  }
  return slots;
}

// Where index `index` of `parallelism` had the middle of its key groups; nullptr = nowhere.
const SlotRef* HomeOf(size_t index, size_t parallelism, const std::vector<SlotRef>& previous) {
  if (previous.empty()) return nullptr;
  return &previous[(2 * index + 1) * previous.size() / (2 * parallelism)];
}

// Places some indexes at home. Of the slots, only as many as there are indexes beyond an even share
// may hold one more than that share.
class Placer {
 public:
  Placer(int parallelism, std::vector<Slot> slots)
      : slots_(std::move(slots)),
        share_(parallelism / static_cast<int>(slots_.size())),
        extras_left_(parallelism % static_cast<int>(slots_.size())) {}

  // False when that slot is gone or has its share.
  bool Stay(const SlotRef& home, SlotRef* placed) {
    for (Slot& slot : slots_) {
      if (slot.ref.address != home.address || slot.ref.slot != home.slot) continue;
      if (slot.indexes >= share_ + (extras_left_ > 0 ? 1 : 0)) return false;
      Take(&slot, placed);
      return true;
    }
    return false;
  }

  void Settle(const SlotRef* home, SlotRef* placed) {
    Slot* best = nullptr;
    for (Slot& slot : slots_) {
      if (best == nullptr || Rank(slot, home) < Rank(*best, home)) best = &slot;
    }
    Take(best, placed);
  }

 private:
  std::tuple<int, bool, double, int> Rank(const Slot& slot, const SlotRef* home) const {
    const auto on_worker = worker_indexes_.find(slot.ref.worker_id);
    const int indexes = on_worker == worker_indexes_.end() ? 0 : on_worker->second;
    return {slot.indexes, home == nullptr || slot.ref.address != home->address,
            static_cast<double>(indexes) / slot.worker_slots, slot.load};
  }

  void Take(Slot* slot, SlotRef* placed) {
    if (slot->indexes == share_) --extras_left_;
    ++slot->indexes;
    ++worker_indexes_[slot->ref.worker_id];
    *placed = slot->ref;
  }

  std::vector<Slot> slots_;
  std::map<std::string, int> worker_indexes_;
  const int share_;
  int extras_left_;
};

}  // namespace

int TotalSlots(const std::vector<WorkerView>& workers) {
  int slots = 0;
  for (const WorkerView& worker : workers) slots += worker.draining ? 0 : worker.slots;
  return slots;
}

std::vector<SlotRef> PlaceTasks(int parallelism, const std::vector<WorkerView>& workers,
                                const std::vector<SlotRef>& previous) {
  std::vector<Slot> slots = AllSlots(workers);
  WEIR_CHECK(!slots.empty());
  Placer placer(parallelism, std::move(slots));
  std::vector<SlotRef> placed(static_cast<size_t>(parallelism));
  std::vector<size_t> homeless;
  for (size_t index = 0; index < placed.size(); ++index) {
    const SlotRef* home = HomeOf(index, placed.size(), previous);
    if (home == nullptr || !placer.Stay(*home, &placed[index])) homeless.push_back(index);
  }
  for (const size_t index : homeless) {
    placer.Settle(HomeOf(index, placed.size(), previous), &placed[index]);
  }
  return placed;
}

bool SharesNeedlessly(const std::vector<SlotRef>& placed, const std::vector<WorkerView>& workers) {
  const int slots = TotalSlots(workers);
  if (slots == 0) return false;
  // On every event of every job: sorted in place of a map.
  std::vector<std::pair<std::string_view, int>> sorted;
  sorted.reserve(placed.size());
  for (const SlotRef& slot : placed) sorted.emplace_back(slot.worker_id, slot.slot);
  std::sort(sorted.begin(), sorted.end());
  int most = 0;
  int same = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    same = i > 0 && sorted[i] == sorted[i - 1] ? same + 1 : 1;
    most = std::max(most, same);
  }
  return most > (static_cast<int>(placed.size()) + slots - 1) / slots;
}

}  // namespace weir
