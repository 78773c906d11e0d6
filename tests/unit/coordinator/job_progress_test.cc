#include "coordinator/job_progress.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr TaskId kTask{0, 1};

TaskLive Report(int64_t busy_us, int64_t idle_us, int64_t records, int64_t offset,
                int64_t watermark_us = 0) {
  TaskLive task;
  task.task = kTask;
  task.busy_us = busy_us;
  task.idle_us = idle_us;
  task.source_records = records;
  task.partitions = {{.partition = 3, .next_offset = offset, .watermark = {watermark_us}}};
  return task;
}

TEST(JobProgressTest, NothingIsKnownAfterOneLook) {
  JobProgress progress;
  EXPECT_EQ(progress.Of(kTask).busy, -1);
  progress.Observe(0, Generation(1), {Report(5, 5, 5, 5)});
  EXPECT_EQ(progress.Of(kTask).busy, -1);
  EXPECT_EQ(progress.Of(kTask).source_records, 0);
  EXPECT_EQ(progress.Of(kTask, 3).quiet_us, 0);
}

TEST(JobProgressTest, ComparesTwoLooks) {
  JobProgress progress;
  progress.Observe(0, Generation(1), {Report(0, 0, 100, 1000)});
  progress.Observe(2 * kSecond, Generation(1), {Report(1'500'000, 500'000, 700, 1600)});
  EXPECT_DOUBLE_EQ(progress.Of(kTask).busy, 0.75);
  EXPECT_DOUBLE_EQ(progress.Of(kTask).idle, 0.25);
  EXPECT_DOUBLE_EQ(progress.Of(kTask).blocked, 0);
  EXPECT_DOUBLE_EQ(progress.Of(kTask).source_records, 300);
  EXPECT_DOUBLE_EQ(progress.Of(kTask, 3).records, 300);
}

TEST(JobProgressTest, LooksAtMostOnceASecond) {
  JobProgress progress;
  progress.Observe(0, Generation(1), {Report(0, 0, 0, 0)});
  progress.Observe(kSecond - 1, Generation(1), {Report(9, 9, 9, 9)});
  EXPECT_EQ(progress.Of(kTask).source_records, 0);
}

TEST(JobProgressTest, ForgetsWhatWasLongAgo) {
  JobProgress progress;
  for (int64_t s = 0; s <= 60; ++s) {
    // A hundred records a second for half a minute, then none.
    progress.Observe(s * kSecond, Generation(1), {Report(s, s, 100 * std::min<int64_t>(s, 30), s)});
  }
  EXPECT_DOUBLE_EQ(progress.Of(kTask).source_records, 0);
}

TEST(JobProgressTest, KnowsSinceWhenAPartitionStandsStill) {
  JobProgress progress;
  for (int64_t s = 0; s <= 20; ++s) {
    progress.Observe(s * kSecond, Generation(1),
                     {Report(0, 0, s, std::min<int64_t>(s, 15), std::min<int64_t>(s, 5))});
  }
  EXPECT_EQ(progress.Of(kTask, 3).quiet_us, 5 * kSecond);
  EXPECT_EQ(progress.Of(kTask, 3).stuck_us, 15 * kSecond);
}

TEST(JobProgressTest, AnotherGenerationCountsFromItsBeginning) {
  JobProgress progress;
  progress.Observe(0, Generation(1), {Report(0, 0, 5000, 5000)});
  progress.Observe(kSecond, Generation(2), {Report(0, 0, 10, 10)});
  EXPECT_EQ(progress.Of(kTask).source_records, 0);
  EXPECT_EQ(progress.Of(kTask, 3).quiet_us, 0);
}

TEST(JobProgressTest, ATaskThatVanishedHasNoPace) {
  JobProgress progress;
  progress.Observe(0, Generation(1), {Report(0, 0, 0, 0)});
  progress.Observe(kSecond, Generation(1), {});
  EXPECT_EQ(progress.Of(kTask).busy, -1);
  EXPECT_EQ(progress.Of(TaskId{7, 7}).busy, -1);
  EXPECT_EQ(progress.Of(kTask, 99).records, 0);
}

}  // namespace
}  // namespace weir
