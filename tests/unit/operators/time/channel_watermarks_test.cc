#include "operators/time/channel_watermarks.h"

#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using Change = WatermarkChange;
constexpr ChannelStatus kActive = ChannelStatus::kActive;
constexpr ChannelStatus kIdle = ChannelStatus::kIdle;
constexpr ChannelStatus kFinished = ChannelStatus::kFinished;

constexpr EventTime At(int64_t micros) { return EventTime{micros}; }

Change Value(int64_t micros) { return {std::nullopt, At(micros)}; }
Change Status(ChannelStatus status) { return {status, std::nullopt}; }
Change Both(ChannelStatus status, int64_t micros) { return {status, At(micros)}; }
constexpr std::nullopt_t kNothing = std::nullopt;

// One call and what it must announce.
struct Step {
  int channel;
  std::variant<EventTime, ChannelStatus> input;
  std::optional<Change> announced;
};

struct Rule {
  std::string name;
  int channels;
  std::vector<Step> steps;
};

class ChannelWatermarksRule : public testing::TestWithParam<Rule> {};

TEST_P(ChannelWatermarksRule, Holds) {
  ChannelWatermarks merge(GetParam().channels);
  int number = 0;
  for (const Step& step : GetParam().steps) {
    std::optional<Change> change =
        std::holds_alternative<EventTime>(step.input)
            ? merge.OnWatermark(step.channel, std::get<EventTime>(step.input))
            : merge.OnStatus(step.channel, std::get<ChannelStatus>(step.input));
    EXPECT_EQ(change, step.announced) << GetParam().name << ", step " << number;
    ++number;
  }
}

const Rule kRules[] = {
    {"MinimumOverActive",
     3,
     {{0, At(10), kNothing},
      {1, At(20), kNothing},
      {2, At(5), Value(5)},
      {2, At(30), Value(10)},
      {0, At(15), Value(15)}}},
    {"AChannelNeverHeardHoldsTheResult", 2, {{0, At(10), kNothing}, {0, At(1000), kNothing}}},
    {"AChannelGoingBackIsIgnored", 1, {{0, At(10), Value(10)}, {0, At(3), kNothing}}},
    {"EqualValueIsNotAnnouncedAgain", 1, {{0, At(10), Value(10)}, {0, At(10), kNothing}}},
    // Rule 1: the status isn't encoded in the value, nor the value in the status.
    {"MaximumAsValueStaysActive",
     2,
     {{0, kMaxEventTime, kNothing}, {1, At(7), Value(7)}, {0, kIdle, kNothing}}},
    {"IdleLeavesTheOthersTheirMinimum",
     2,
     {{0, At(10), kNothing}, {1, kIdle, Value(10)}, {0, At(12), Value(12)}}},
    // Rule 3: the finished take no part, whatever value they ended with.
    {"FinishedDoesNotHold",
     2,
     {{0, At(10), kNothing}, {1, kFinished, Value(10)}, {0, At(11), Value(11)}}},
    {"FinishedAtMaximumDoesNotPushIdleOnes",
     2,
     {{0, At(10), kNothing},
      {1, kMaxEventTime, Value(10)},
      {1, kFinished, kNothing},
      {0, kIdle, Status(kIdle)}}},
    {"FinishedIsFinal",
     2,
     {{1, kFinished, kNothing}, {1, kActive, kNothing}, {0, At(4), Value(4)}}},
    {"AllFinishedIsTheMaximumOfAll",
     2,
     {{0, At(10), kNothing},
      {1, At(20), Value(10)},
      {0, kFinished, Value(20)},
      {1, kFinished, Status(kFinished)}}},
    // Rule 4: derived anew at every change of status.
    {"HoldingChannelGoesIdle",
     3,
     {{0, At(10), kNothing}, {1, At(20), kNothing}, {2, kIdle, Value(10)}, {0, kIdle, Value(20)}}},
    {"HoldingChannelFinishes",
     2,
     {{0, At(10), kNothing}, {1, At(20), Value(10)}, {0, kFinished, Value(20)}}},
    // Rule 5: all idle means the maximum seen, whatever the order.
    {"AllIdleHighestFirst",
     2,
     {{0, At(10), kNothing},
      {1, At(20), Value(10)},
      {1, kIdle, kNothing},
      {0, kIdle, Both(kIdle, 20)}}},
    {"AllIdleLowestFirst",
     2,
     {{0, At(10), kNothing},
      {1, At(20), Value(10)},
      {0, kIdle, Value(20)},
      {1, kIdle, Status(kIdle)}}},
    {"ValueOfAnIdleChannelCountsOnceAllAreIdle",
     2,
     {{0, At(10), kNothing},
      {1, kIdle, Value(10)},
      {1, At(50), kNothing},
      {0, kIdle, Both(kIdle, 50)}}},
    // Rule 7: never back. The returning channel holds; its older rows are late.
    {"ReturningBehind",
     2,
     {{0, At(10), kNothing},
      {1, kIdle, Value(10)},
      {0, At(100), Value(100)},
      {1, At(50), kNothing},
      {1, kActive, kNothing},
      {0, At(200), kNothing},
      {1, At(150), Value(150)}}},
    {"ReturningAfterAllWereIdle",
     2,
     {{0, At(10), kNothing},
      {1, At(20), Value(10)},
      {0, kIdle, Value(20)},
      {1, kIdle, Status(kIdle)},
      {0, kActive, Status(kActive)},
      {0, At(15), kNothing},
      {0, At(25), Value(25)}}},
    {"FlappingLosesNothing",
     1,
     {{0, kIdle, Status(kIdle)},
      {0, kActive, Status(kActive)},
      {0, At(5), Value(5)},
      {0, kIdle, Status(kIdle)},
      {0, kIdle, kNothing},
      {0, kActive, Status(kActive)},
      {0, At(6), Value(6)}}},
};

INSTANTIATE_TEST_SUITE_P(Rules, ChannelWatermarksRule, testing::ValuesIn(kRules),
                         [](const auto& info) { return info.param.name; });

TEST(ChannelWatermarks, WithoutChannelsIsIdle) {
  ChannelWatermarks merge(0);
  EXPECT_EQ(merge.TakeChange(), Status(kIdle));
  EXPECT_EQ(merge.TakeChange(), kNothing);
}

TEST(ChannelWatermarks, AddedChannelHoldsFromNowOn) {
  ChannelWatermarks merge(1);
  EXPECT_EQ(merge.OnWatermark(0, At(10)), Value(10));
  int added = merge.AddChannel();
  EXPECT_EQ(merge.TakeChange(), kNothing);
  EXPECT_EQ(merge.OnWatermark(0, At(20)), kNothing);
  EXPECT_EQ(merge.OnWatermark(added, At(15)), Value(15));
}

TEST(ChannelWatermarks, AddedChannelWakesAnIdleMerge) {
  ChannelWatermarks merge(1);
  merge.OnStatus(0, kIdle);
  merge.AddChannel();
  EXPECT_EQ(merge.TakeChange(), Status(kActive));
}

TEST(ChannelWatermarks, RestoredChannelsSpeakAtOnce) {
  ChannelWatermarks merge(0);
  merge.AddChannel(kActive, At(40));
  merge.AddChannel(kIdle, At(90));
  EXPECT_EQ(merge.TakeChange(), Value(40));
}

std::string Order(const Change& change) {
  std::string order;
  absl::Status status =
      change.Announce([&](ChannelStatus) { return order += "s", absl::OkStatus(); },
                      [&](EventTime) { return order += "w", absl::OkStatus(); });
  EXPECT_TRUE(status.ok());
  return order;
}

TEST(WatermarkChange, ActivePrecedesTheValueAndIdleFollowsIt) {
  EXPECT_EQ(Order(Both(kActive, 1)), "sw");
  EXPECT_EQ(Order(Both(kIdle, 1)), "ws");
  EXPECT_EQ(Order(Both(kFinished, 1)), "ws");
  EXPECT_EQ(Order(Value(1)), "w");
  EXPECT_EQ(Order(Status(kIdle)), "s");
}

TEST(WatermarkChange, AnnounceStopsAtTheFirstError) {
  int calls = 0;
  absl::Status status =
      Both(kActive, 1)
          .Announce([&](ChannelStatus) { return ++calls, absl::AbortedError("no"); },
                    [&](EventTime) { return ++calls, absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(calls, 1);
}

// Random histories against the definition, written down a second time.
TEST(ChannelWatermarks, RandomHistoriesNeverGoBackAndMatchTheDefinition) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const int n = 1 + random() % 4;
    ChannelWatermarks merge(n);
    std::vector<int64_t> value(n, kMinEventTime.micros);
    std::vector<ChannelStatus> status(n, kActive);
    int64_t expected = kMinEventTime.micros;
    for (int step = 0; step < 200; ++step) {
      int c = random() % n;
      std::optional<Change> change;
      if (random() % 3 != 0) {
        int64_t t = random() % 1000;
        value[c] = std::max(value[c], t);
        change = merge.OnWatermark(c, At(t));
      } else {
        ChannelStatus s = random() % 40 == 0 ? kFinished : random() % 2 == 0 ? kIdle : kActive;
        if (status[c] != kFinished) status[c] = s;
        change = merge.OnStatus(c, s);
      }
      bool any_active = false, any_idle = false;
      for (ChannelStatus s : status) any_active |= s == kActive, any_idle |= s == kIdle;
      ChannelStatus merged = any_active ? kActive : any_idle ? kIdle : kFinished;
      int64_t derived = any_active ? kMaxEventTime.micros : kMinEventTime.micros;
      for (int i = 0; i < n; ++i) {
        if (status[i] != merged) continue;
        derived = any_active ? std::min(derived, value[i]) : std::max(derived, value[i]);
      }
      if (derived > expected) {
        ASSERT_TRUE(change && change->watermark);
        EXPECT_EQ(change->watermark->micros, derived);
        expected = derived;
      } else {
        EXPECT_FALSE(change && change->watermark);
      }
      EXPECT_EQ(merge.status(), merged);
      EXPECT_EQ(merge.watermark().micros, expected);
    }
  }
}

}  // namespace
}  // namespace weir
