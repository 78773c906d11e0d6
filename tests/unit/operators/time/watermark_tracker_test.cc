#include "operators/time/watermark_tracker.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

using Change = WatermarkChange;
constexpr ChannelStatus kActive = ChannelStatus::kActive;
constexpr ChannelStatus kIdle = ChannelStatus::kIdle;
constexpr ChannelStatus kFinished = ChannelStatus::kFinished;
constexpr int64_t kBound = 100;
constexpr int64_t kTimeout = 1000;

constexpr EventTime At(int64_t micros) { return EventTime{micros}; }
Change Value(int64_t micros) { return {std::nullopt, At(micros)}; }
Change Status(ChannelStatus status) { return {status, std::nullopt}; }
Change Both(ChannelStatus status, EventTime time) { return {status, time}; }

class WatermarkTrackerTest : public testing::Test {
 protected:
  void AddFresh(int partitions) {
    for (int p = 0; p < partitions; ++p) tracker_.Add(p, kMinEventTime, /*idle=*/false);
    EXPECT_EQ(tracker_.TakeChange(), std::nullopt);
  }
  // `partition` is quiet without lag until it goes idle.
  std::optional<Change> GoIdle(int32_t partition) {
    tracker_.OnNoRows(partition, /*lag=*/false);
    tracker_.PassTime(kTimeout);
    return tracker_.OnNoRows(partition, /*lag=*/false);
  }

  WatermarkTracker tracker_{kBound, kTimeout};
};

TEST_F(WatermarkTrackerTest, LargestEventTimeLessBound) {
  AddFresh(1);
  EXPECT_EQ(tracker_.OnRows(0, At(1000)), Value(900));
  EXPECT_EQ(tracker_.OnRows(0, At(500)), std::nullopt);
  EXPECT_EQ(tracker_.max_event_time(0), At(1000));
}

TEST_F(WatermarkTrackerTest, MinimumOverPartitions) {
  AddFresh(2);
  EXPECT_EQ(tracker_.OnRows(0, At(1000)), std::nullopt);
  EXPECT_EQ(tracker_.OnRows(1, At(600)), Value(500));
  EXPECT_EQ(tracker_.OnRows(1, At(2000)), Value(900));
}

TEST_F(WatermarkTrackerTest, SubtractionSaturates) {
  tracker_.Add(0, kMinEventTime, false);
  EXPECT_EQ(tracker_.OnRows(0, At(kMinEventTime.micros + 5)), std::nullopt);
  EXPECT_EQ(tracker_.watermark(), kMinEventTime);
}

TEST_F(WatermarkTrackerTest, NothingSeenIsNoWatermarkEvenWithNegativeBound) {
  WatermarkTracker tracker(-kBound, kTimeout);
  tracker.Add(0, kMinEventTime, false);
  EXPECT_EQ(tracker.OnRows(0, kMinEventTime), std::nullopt);
  EXPECT_EQ(tracker.watermark(), kMinEventTime);
}

TEST_F(WatermarkTrackerTest, EmptyPartitionHoldsUntilItGoesIdle) {
  AddFresh(2);
  tracker_.OnRows(0, At(1000));
  tracker_.PassTime(kTimeout - 1);
  EXPECT_EQ(tracker_.OnNoRows(1, false), std::nullopt);
  tracker_.PassTime(1);
  EXPECT_EQ(tracker_.OnNoRows(1, false), Value(900));
  EXPECT_EQ(tracker_.partition_status(1), kIdle);
}

TEST_F(WatermarkTrackerTest, PartitionWithLagNeverGoesIdle) {
  AddFresh(1);
  for (int i = 0; i < 5; ++i) {
    tracker_.PassTime(kTimeout);
    EXPECT_EQ(tracker_.OnNoRows(0, /*lag=*/true), std::nullopt);
  }
  // The timeout counts from when the lag ended.
  tracker_.PassTime(kTimeout - 1);
  EXPECT_EQ(tracker_.OnNoRows(0, false), std::nullopt);
  EXPECT_EQ(tracker_.partition_status(0), kActive);
}

TEST_F(WatermarkTrackerTest, StoppedClockKeepsAwake) {
  AddFresh(1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tracker_.OnNoRows(0, false), std::nullopt);
  tracker_.PassTime(-5);
  EXPECT_EQ(tracker_.OnNoRows(0, false), std::nullopt);
}

TEST_F(WatermarkTrackerTest, EveryRowRefreshesEvenWithoutNewerTime) {
  AddFresh(1);
  tracker_.OnRows(0, At(1000));
  tracker_.PassTime(kTimeout - 1);
  tracker_.OnRows(0, kMinEventTime);
  tracker_.PassTime(kTimeout - 1);
  EXPECT_EQ(tracker_.OnNoRows(0, false), std::nullopt);
}

TEST_F(WatermarkTrackerTest, AllIdleIsTheMaximumSeen) {
  AddFresh(2);
  tracker_.OnRows(0, At(1000));
  tracker_.OnRows(1, At(600));
  tracker_.PassTime(kTimeout);
  EXPECT_EQ(tracker_.OnNoRows(0, false), std::nullopt);
  EXPECT_EQ(tracker_.OnNoRows(1, false), Both(kIdle, At(900)));
  EXPECT_EQ(tracker_.status(), kIdle);
}

TEST_F(WatermarkTrackerTest, ReturnsActiveThenValue) {
  AddFresh(1);
  tracker_.OnRows(0, At(1000));
  EXPECT_EQ(GoIdle(0), Status(kIdle));
  EXPECT_EQ(tracker_.OnRows(0, At(1100)), Both(kActive, At(1000)));
  EXPECT_EQ(GoIdle(0), Status(kIdle));
  EXPECT_EQ(tracker_.OnRows(0, At(5)), Status(kActive));
}

TEST_F(WatermarkTrackerTest, RestoredSilentPartitionHolds) {
  tracker_.Add(0, At(2000), false);
  tracker_.Add(1, At(1000), false);
  EXPECT_EQ(tracker_.TakeChange(), Value(900));
  EXPECT_EQ(tracker_.OnRows(0, At(9000)), std::nullopt);
}

TEST_F(WatermarkTrackerTest, RestoredIdlePartitionStaysOut) {
  tracker_.Add(0, At(2000), false);
  tracker_.Add(1, At(1000), true);
  EXPECT_EQ(tracker_.TakeChange(), Value(1900));
}

TEST_F(WatermarkTrackerTest, RestoredAllIdle) {
  tracker_.Add(0, At(2000), true);
  tracker_.Add(1, At(1000), true);
  EXPECT_EQ(tracker_.TakeChange(), Both(kIdle, At(1900)));
}

TEST_F(WatermarkTrackerTest, AllFinishedIsTheEndOfTime) {
  AddFresh(2);
  tracker_.OnRows(0, At(1000));
  tracker_.OnRows(1, At(600));
  EXPECT_EQ(tracker_.OnFinished(1), Value(900));
  EXPECT_EQ(tracker_.OnFinished(0), Both(kFinished, kMaxEventTime));
}

TEST_F(WatermarkTrackerTest, FinishedBesideIdleDoesNotEndTime) {
  AddFresh(2);
  tracker_.OnRows(0, At(1000));
  EXPECT_EQ(GoIdle(0), std::nullopt);
  EXPECT_EQ(tracker_.OnFinished(1), Both(kIdle, At(900)));
}

TEST_F(WatermarkTrackerTest, NoPartitionsIsIdle) {
  EXPECT_EQ(tracker_.TakeChange(), Status(kIdle));
  tracker_.Add(3, kMinEventTime, false);
  EXPECT_EQ(tracker_.TakeChange(), Status(kActive));
}

}  // namespace
}  // namespace weir
