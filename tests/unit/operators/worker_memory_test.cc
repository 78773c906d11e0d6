#include "operators/worker_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

TEST(WorkerMemoryTest, PartsAddUpToTheNumber) {
  for (const int slots : {1, 2, 16}) {
    for (const int64_t memory : {512 * kMiB, 777 * kMiB + 123, int64_t{64} << 30}) {
      absl::StatusOr<MemoryPlan> plan = PlanMemory(memory, slots);
      ASSERT_TRUE(plan.ok()) << plan.status();
      WorkerMemory parts(*plan);
      int64_t sum = plan->process;
      for (const auto& [name, budget] : parts.parts()) {
        EXPECT_GT(budget->limit(), kMiB) << name;
        sum += budget->limit();
      }
      EXPECT_EQ(sum, memory);
      EXPECT_EQ(plan->total, memory);
    }
  }
}

TEST(WorkerMemoryTest, StateHasTheLargestPart) {
  absl::StatusOr<MemoryPlan> plan = PlanMemory(512 * kMiB, 2);
  ASSERT_TRUE(plan.ok());
  WorkerMemory parts(*plan);
  for (const auto& [name, budget] : parts.parts()) {
    if (name != "state") {
      EXPECT_LT(budget->limit(), plan->state) << name;
    }
  }
}

TEST(WorkerMemoryTest, TooLittleIsRefusedWithTheLeastThatWouldDo) {
  for (const int slots : {1, 3}) {
    const absl::Status refused = PlanMemory(50 * kMiB, slots).status();
    ASSERT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    const std::string message(refused.message());
    const std::string needs = "needs at least ";
    const size_t at = message.find(needs);
    ASSERT_NE(at, std::string::npos) << message;
    const int64_t least = std::stoll(message.substr(at + needs.size()));
    EXPECT_TRUE(PlanMemory(least * kMiB, slots).ok());
    EXPECT_FALSE(PlanMemory((least - 1) * kMiB, slots).ok());
  }
  EXPECT_FALSE(PlanMemory(0, 1).ok());
}

}  // namespace
}  // namespace weir
