#include "coordinator/placement.h"

#include <algorithm>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

WorkerView Worker(std::string id, int slots, std::vector<int> load = {}) {
  return {id, "addr-" + id, slots, std::move(load)};
}

std::map<std::pair<std::string, int>, int> PerSlot(const std::vector<SlotRef>& placed) {
  std::map<std::pair<std::string, int>, int> count;
  for (const SlotRef& slot : placed) ++count[{slot.worker_id, slot.slot}];
  return count;
}

TEST(PlacementTest, EverySlotGetsOneIndexWhenTheyMatch) {
  const auto placed = PlaceTasks(4, {Worker("a", 2), Worker("b", 2)}, {});
  ASSERT_EQ(placed.size(), 4u);
  EXPECT_EQ(PerSlot(placed).size(), 4u);
}

TEST(PlacementTest, FewerSlotsThanIndexesShareEvenly) {
  for (const auto& [slot, indexes] : PerSlot(PlaceTasks(7, {Worker("a", 3)}, {}))) {
    EXPECT_LE(indexes, 3);
    EXPECT_GE(indexes, 2);
  }
}

TEST(PlacementTest, GoesWhereLeastRuns) {
  const auto placed = PlaceTasks(1, {Worker("a", 2, {3, 1}), Worker("b", 1, {2})}, {});
  EXPECT_EQ(placed[0].worker_id, "a");
  EXPECT_EQ(placed[0].slot, 1);
}

TEST(PlacementTest, StaysAtTheAddressWhenAProcessComesBack) {
  const auto before = PlaceTasks(4, {Worker("a", 2), Worker("b", 2)}, {});
  WorkerView returned = Worker("a2", 2);
  returned.address = "addr-a";
  const auto after = PlaceTasks(4, {Worker("b", 2), returned}, before);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(after[i].address, before[i].address) << i;
    EXPECT_EQ(after[i].slot, before[i].slot) << i;
  }
}

TEST(PlacementTest, ALostWorkersIndexesShareTheRest) {
  const auto before = PlaceTasks(4, {Worker("a", 2), Worker("b", 2)}, {});
  const auto after = PlaceTasks(4, {Worker("b", 2)}, before);
  for (const auto& [slot, indexes] : PerSlot(after)) EXPECT_EQ(indexes, 2);
}

TEST(PlacementTest, ANewWorkerTakesItsShareRatherThanLeavingTwoOnOneSlot) {
  const auto before = PlaceTasks(4, {Worker("b", 2)}, {});
  const auto after = PlaceTasks(4, {Worker("b", 2), Worker("a", 2)}, before);
  for (const auto& [slot, indexes] : PerSlot(after)) EXPECT_EQ(indexes, 1);
}

TEST(PlacementTest, ADrainingWorkerTakesNothing) {
  WorkerView draining = Worker("a", 4);
  draining.draining = true;
  EXPECT_EQ(TotalSlots({draining, Worker("b", 2)}), 2);
  const auto before = PlaceTasks(4, {Worker("a", 4)}, {});
  for (const SlotRef& slot : PlaceTasks(4, {draining, Worker("b", 2)}, before)) {
    EXPECT_EQ(slot.worker_id, "b");
  }
}

TEST(PlacementTest, MoreIndexesGoWhereTheirKeyGroupsWere) {
  const auto before = PlaceTasks(2, {Worker("a", 1), Worker("b", 1)}, {});
  const auto after = PlaceTasks(4, {Worker("a", 2), Worker("b", 2)}, before);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i].address, before[i / 2].address) << i;
  const auto back = PlaceTasks(2, {Worker("a", 2), Worker("b", 2)}, after);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(back[i].address, before[i].address) << i;
}

TEST(PlacementTest, FewIndexesSpreadOverMachines) {
  const auto placed = PlaceTasks(2, {Worker("a", 2), Worker("b", 2)}, {});
  EXPECT_NE(placed[0].address, placed[1].address);
}

TEST(PlacementTest, SharingIsNeedlessOnlyWhileSlotsAreFree) {
  const auto before = PlaceTasks(4, {Worker("b", 2)}, {});
  EXPECT_FALSE(SharesNeedlessly(before, {Worker("b", 2)}));
  EXPECT_TRUE(SharesNeedlessly(before, {Worker("b", 2), Worker("a", 2)}));
  WorkerView draining = Worker("a", 2);
  draining.draining = true;
  EXPECT_FALSE(SharesNeedlessly(before, {Worker("b", 2), draining}));
  // Two on one slot remain two on one slot whatever moves.
  EXPECT_FALSE(SharesNeedlessly(before, {Worker("b", 2), Worker("a", 1)}));
  EXPECT_FALSE(SharesNeedlessly(before, {}));
}

// Whatever the workers and the placement before: even within one, nothing on those that drain, and
// as few moves as evenness allows.
TEST(PlacementTest, IsEvenAndMovesNoMoreThanItMust) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    const int parallelism = 1 + static_cast<int>(random() % 20);
    const auto make_workers = [&] {
      std::vector<WorkerView> workers = {Worker("w0", 1 + static_cast<int>(random() % 4))};
      for (int i = 1; i < 5; ++i) {
        if (random() % 2 == 0) continue;
        workers.push_back(Worker("w" + std::to_string(i), 1 + static_cast<int>(random() % 4)));
        workers.back().draining = random() % 4 == 0;
      }
      return workers;
    };
    const auto before = PlaceTasks(parallelism, make_workers(), {});
    const std::vector<WorkerView> workers = make_workers();
    const auto after = PlaceTasks(parallelism, workers, before);
    SCOPED_TRACE(testing::Message() << "round " << round);

    std::map<std::pair<std::string, int>, int> held, stays_possible;
    for (const WorkerView& worker : workers) {
      for (int s = 0; s < worker.slots && !worker.draining; ++s) held[{worker.id, s}] = 0;
    }
    for (const SlotRef& slot : before) {
      if (held.contains({slot.worker_id, slot.slot})) {
        ++stays_possible[{slot.worker_id, slot.slot}];
      }
    }
    int stayed = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      ASSERT_TRUE(held.contains({after[i].worker_id, after[i].slot}));
      ++held[{after[i].worker_id, after[i].slot}];
      stayed += after[i].address == before[i].address && after[i].slot == before[i].slot;
    }
    const int share = parallelism / static_cast<int>(held.size());
    int extras = parallelism % static_cast<int>(held.size());
    int may_stay = 0;
    for (const auto& [slot, indexes] : held) {
      EXPECT_GE(indexes, share);
      EXPECT_LE(indexes, share + 1);
    }
    for (const auto& [slot, indexes] : stays_possible) {
      const bool extra = indexes > share && extras-- > 0;
      may_stay += std::min(indexes, share + (extra ? 1 : 0));
    }
    EXPECT_EQ(stayed, may_stay);
    EXPECT_FALSE(SharesNeedlessly(after, workers));
  }
}

}  // namespace
}  // namespace weir
