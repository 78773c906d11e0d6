#include "coordinator/placement.h"

#include <map>

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

}  // namespace
}  // namespace weir
