#include "operators/source/source_operator.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kafka.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using PollResult = SourceOperator::PollResult;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kBound = 10 * kSecond;
constexpr int64_t kTimeout = 30 * kSecond;
constexpr int64_t kDrift = 100 * kSecond;

// What the operator emitted, one line an element: "rows 1 2", "watermark 5", "idle", "dead 1".
class RecordingOutput : public Output {
 public:
  absl::Status Emit(int port, Batch batch) override {
    if (port == 1) {
      lines.push_back(absl::StrCat("dead ", batch.num_rows()));
      return absl::OkStatus();
    }
    EXPECT_TRUE(batch.columns->ValidateFull().ok());
    std::string line = "rows";
    const auto& ids = static_cast<const arrow::Int64Array&>(*batch.columns->column(0));
    for (int64_t i = 0; i < ids.length(); ++i) {
      absl::StrAppend(&line, " ", ids.Value(i));
      // The way back to the record.
      EXPECT_THAT(std::string(batch.raw->Payload(batch.RawRow(i))),
                  HasSubstr(absl::StrCat("\"id\":", ids.Value(i), ",")));
    }
    lines.push_back(line);
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime time) override {
    lines.push_back(time == kMaxEventTime ? "watermark end"
                                          : absl::StrCat("watermark ", time.micros / kSecond));
    return absl::OkStatus();
  }
  absl::Status EmitStatus(ChannelStatus status) override {
    lines.push_back(status == ChannelStatus::kActive ? "active"
                    : status == ChannelStatus::kIdle ? "idle"
                                                     : "finished");
    return absl::OkStatus();
  }
  std::vector<std::string> Take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
};

class SourceOperatorTest : public testing::Test {
 protected:
  SourceOperatorTest() {
    SourceOp source;
    source.table = "events";
    source.kafka.topic = "events";
    source.declared.columns = {{"id", DataType::Of(TypeKind::kBigint), false},
                               {"t", DataType::Of(TypeKind::kTimestamptz), true}};
    source.output = source.declared;
    source.event_time_column = 1;
    source.watermark_bound_us = kBound;
    source.idle_timeout_us = kTimeout;
    source.max_drift_us = kDrift;
    source.timestamp_unit = TimestampUnit::kSeconds;
    spec_.id = "source-1";
    spec_.op = source;
    plan_.inserts = {{.sink = 0, .name = "a", .source_vertex = 0},
                     {.sink = 1, .name = "b", .source_vertex = 0},
                     {.sink = 2, .name = "other", .source_vertex = 1}};
    context_.topic = "events";
    context_.plan = &plan_;
    context_.clock = &clock_;
    context_.counters = &counters_;
  }

  FakeKafka& Topic(int partitions) {
    kafka_ = std::make_unique<FakeKafka>(partitions);
    return *kafka_;
  }
  SourceOp& source() { return std::get<SourceOp>(spec_.op); }

  PartitionPosition At(int32_t partition, int64_t next, int64_t stop = -1,
                       EventTime max = kMinEventTime, bool idle = false) {
    return {spec_.id, partition, next, stop, max, idle};
  }
  // From offset 0, up to what is there when bounded.
  void OpenFromStart(FakeKafka& kafka, int partitions) {
    TaskRestore restore;
    for (int32_t p = 0; p < partitions; ++p) {
      restore.positions.push_back(
          At(p, 0, source().kafka.stop_at_latest ? kafka.end_offset(p) : -1));
    }
    Open(kafka, restore);
  }
  void Open(FakeKafka& kafka, const TaskRestore& restore) {
    readers_ = kafka.Factory();
    auto made = MakeSourceOperator(spec_, plan_, readers_.get());
    ASSERT_TRUE(made.ok()) << made.status();
    operator_.reset(static_cast<SourceOperator*>(made->release()));
    ASSERT_TRUE(operator_->Open(context_, restore).ok());
  }
  static std::string Row(int64_t id, int64_t seconds) {
    return absl::StrCat("{\"id\":", id, ",\"t\":", seconds, "}");
  }

  PollResult PollOnce() {
    absl::StatusOr<PollResult> result = operator_->Poll(out_);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(PollResult::kIdle);
  }
  // Polls until there is nothing more; what was emitted.
  std::vector<std::string> PollAll() {
    while (PollOnce() == PollResult::kBusy) {
    }
    return out_.Take();
  }
  // Quiet time, as a task sees it that is polled all along.
  void PassTime(int64_t micros) {
    for (int64_t passed = 0; passed < micros; passed += 50'000) {
      clock_.Advance(50'000);
      PollOnce();
    }
  }
  std::vector<PartitionPosition> Positions(bool last = false) {
    auto pending = operator_->Capture(Barrier{Generation(1), CheckpointId(1), last});
    EXPECT_TRUE(pending.ok());
    return pending->finish()->positions;
  }

  OperatorSpec spec_;
  Plan plan_;
  FakeClock clock_;
  std::map<int, InsertCounters> counters_;
  OperatorContext context_;
  std::unique_ptr<FakeKafka> kafka_;  // outlives what reads from it
  std::unique_ptr<PartitionReaderFactory> readers_;
  std::unique_ptr<SourceOperator> operator_;
  RecordingOutput out_;
};

TEST_F(SourceOperatorTest, RowsThenWatermark) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, Row(2, 50));
  OpenFromStart(kafka, 1);
  EXPECT_THAT(PollAll(), ElementsAre("rows 1 2", "watermark 90"));
  EXPECT_THAT(PollAll(), IsEmpty());
  kafka.Append(0, Row(3, 60));
  EXPECT_THAT(PollAll(), ElementsAre("rows 3"));
}

TEST_F(SourceOperatorTest, CountsForEveryInsertOfTheVertex) {
  FakeKafka& kafka = Topic(1);
  spec_.on_bad_row = BadRowPolicy::kSkip;
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, std::nullopt);
  kafka.Append(0, "{");
  kafka.Append(0, "{\"t\":1}");
  kafka.Append(0, "{\"id\":\"x\",\"t\":1}");
  OpenFromStart(kafka, 1);
  EXPECT_THAT(PollAll(), ElementsAre("rows 1", "watermark 90"));
  ASSERT_EQ(counters_.size(), 2u);
  for (int insert : {0, 1}) {
    const InsertCounters& c = counters_[insert];
    EXPECT_EQ(c.read, 5);
    EXPECT_EQ(c.filtered, 1);
    EXPECT_THAT(c.bad, testing::UnorderedElementsAre(testing::Pair("syntax", 1),
                                                     testing::Pair("missing_not_null", 1),
                                                     testing::Pair("wrong_type", 1)));
    EXPECT_EQ(c.used + c.late, 0);
  }
}

TEST_F(SourceOperatorTest, BadRowFailsTheJobByDefaultAndNamesItsPlace) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, "{\"id\":true,\"t\":1}");
  OpenFromStart(kafka, 1);
  const absl::Status status = operator_->Poll(out_).status();
  EXPECT_TRUE(IsFatal(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("topic events, partition 0, offset 1: column \"id\" bigint: found true"));
  EXPECT_THAT(out_.Take(), IsEmpty());
}

TEST_F(SourceOperatorTest, DeadLettersGoToPortOne) {
  FakeKafka& kafka = Topic(1);
  spec_.on_bad_row = BadRowPolicy::kDeadLetter;
  kafka.Append(0, "{");
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, "}");
  OpenFromStart(kafka, 1);
  EXPECT_THAT(PollAll(), ElementsAre("dead 2", "rows 1", "watermark 90"));
}

TEST_F(SourceOperatorTest, PartitionsTakeTurns) {
  FakeKafka& kafka = Topic(2);
  for (int i = 0; i < kBatchRows + 1; ++i) kafka.Append(0, Row(i, 100));
  kafka.Append(1, Row(-1, 100));
  OpenFromStart(kafka, 2);
  EXPECT_EQ(PollOnce(), PollResult::kBusy);
  out_.Take();
  EXPECT_EQ(PollOnce(), PollResult::kBusy);
  EXPECT_THAT(out_.Take(), ElementsAre("rows -1", "watermark 90"));
  EXPECT_EQ(PollOnce(), PollResult::kBusy);
  EXPECT_THAT(out_.Take(), ElementsAre(absl::StrCat("rows ", kBatchRows)));
}

TEST_F(SourceOperatorTest, RestoresPositionsAndTime) {
  FakeKafka& kafka = Topic(2);
  for (int p : {0, 1})
    for (int i = 0; i < 3; ++i) kafka.Append(p, Row(10 * p + i, 100));
  TaskRestore restore;
  restore.positions = {At(0, 2, -1, EventTime{200 * kSecond}),
                       At(1, 3, -1, EventTime{300 * kSecond}, /*idle=*/true),
                       {"another source", 0, 0, -1, kMinEventTime, false}};
  Open(kafka, restore);
  // The idle one is left out; late rows don't turn time back.
  EXPECT_THAT(PollAll(), ElementsAre("watermark 190", "rows 2"));
  EXPECT_THAT(Positions(),
              testing::UnorderedElementsAre(At(0, 3, -1, EventTime{200 * kSecond}),
                                            At(1, 3, -1, EventTime{300 * kSecond}, true)));
}

TEST_F(SourceOperatorTest, PositionPassesHoles) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  kafka.SkipOffsets(0, 5);
  OpenFromStart(kafka, 1);
  PollAll();
  EXPECT_EQ(Positions()[0].next_offset, 6);
}

TEST_F(SourceOperatorTest, GoesIdleAndReturns) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  OpenFromStart(kafka, 1);
  PollAll();
  PassTime(kTimeout - kSecond);
  EXPECT_THAT(out_.Take(), IsEmpty());
  PassTime(2 * kSecond);
  EXPECT_THAT(out_.Take(), ElementsAre("idle"));
  EXPECT_TRUE(Positions()[0].idle);
  kafka.Append(0, Row(2, 200));
  EXPECT_THAT(PollAll(), ElementsAre("active", "rows 2", "watermark 190"));
  EXPECT_FALSE(Positions()[0].idle);
}

TEST_F(SourceOperatorTest, EmptyPartitionHoldsTheWatermarkUntilIdleThoughOthersAreBusy) {
  FakeKafka& kafka = Topic(2);
  OpenFromStart(kafka, 2);
  for (int i = 0; i < 30; ++i) {
    kafka.Append(0, Row(i, 100 + i));
    for (const std::string& line : PollAll()) {
      EXPECT_THAT(line, testing::StartsWith("rows")) << i;
    }
    if (i < 29) PassTime(kSecond);
  }
  PassTime(2 * kSecond);
  EXPECT_THAT(out_.Take(), ElementsAre("watermark 119"));
}

TEST_F(SourceOperatorTest, StalledPartitionWithLagIsNotIdle) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  OpenFromStart(kafka, 1);
  kafka.Stall(0, true);
  PassTime(2 * kTimeout);
  EXPECT_THAT(out_.Take(), IsEmpty());
}

TEST_F(SourceOperatorTest, NobodyIsIdleWhileBrokersAreAway) {
  FakeKafka& kafka = Topic(1);
  OpenFromStart(kafka, 1);
  PassTime(kTimeout - kSecond);
  kafka.SetTrouble("brokers x unreachable for 3 s");
  PassTime(2 * kTimeout);
  EXPECT_THAT(out_.Take(), IsEmpty());
  EXPECT_EQ(operator_->Stats().waiting_for, "brokers x unreachable for 3 s");
  kafka.SetTrouble("");
  PassTime(kTimeout / 2);
  EXPECT_THAT(out_.Take(), IsEmpty());
  PassTime(kTimeout);
  EXPECT_THAT(out_.Take(), ElementsAre("idle"));
}

TEST_F(SourceOperatorTest, HeldUpTaskDoesNotCountAsSilence) {
  FakeKafka& kafka = Topic(1);
  OpenFromStart(kafka, 1);
  PollAll();
  clock_.Advance(10 * kTimeout);
  EXPECT_THAT(PollAll(), IsEmpty());
}

TEST_F(SourceOperatorTest, PartitionFarAheadWaitsForTheSlowestWithLag) {
  FakeKafka& kafka = Topic(3);
  kafka.Append(0, Row(1, 1000));
  kafka.Append(1, Row(2, 100));
  OpenFromStart(kafka, 3);
  PollAll();
  // Partition 1 has lag now, and its next record doesn't come.
  kafka.Stall(1, true);
  kafka.Append(1, Row(3, 950));
  EXPECT_THAT(PollAll(), IsEmpty());
  kafka.Append(0, Row(4, 1001));
  EXPECT_THAT(PollAll(), IsEmpty());
  PassTime(2 * kTimeout);
  EXPECT_EQ(Positions()[0].next_offset, 1);
  EXPECT_FALSE(Positions()[0].idle);
  out_.Take();
  // It catches up: both go on. The third is empty and idle, and never held anybody.
  kafka.Stall(1, false);
  EXPECT_THAT(PollAll(), testing::UnorderedElementsAre("rows 3", "watermark 940", "rows 4"));
}

TEST_F(SourceOperatorTest, PartitionAheadOfOneWithoutLagGoesOn) {
  FakeKafka& kafka = Topic(2);
  kafka.Append(0, Row(1, 1000));
  kafka.Append(1, Row(2, 100));
  OpenFromStart(kafka, 2);
  PollAll();
  kafka.Append(0, Row(3, 1001));
  EXPECT_THAT(PollAll(), ElementsAre("rows 3"));
}

TEST_F(SourceOperatorTest, BoundedRunEndsByPosition) {
  FakeKafka& kafka = Topic(2);
  source().kafka.stop_at_latest = true;
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, Row(2, 101));
  kafka.SkipOffsets(0, 3);  // the stop is behind control records
  OpenFromStart(kafka, 2);
  kafka.Append(0, Row(3, 5000));  // behind the stop
  EXPECT_THAT(PollAll(), ElementsAre("rows 1 2", "watermark 91", "watermark end", "finished"));
  EXPECT_EQ(PollOnce(), PollResult::kFinished);
  EXPECT_THAT(out_.Take(), IsEmpty());
  EXPECT_THAT(Positions(), ElementsAre(At(0, 5, 5, EventTime{101 * kSecond}), At(1, 0, 0)));
  EXPECT_EQ(operator_->Stats().lag_records, 0);
  EXPECT_EQ(counters_[0].read, 2);
}

TEST_F(SourceOperatorTest, FinishedPartitionIsNotReadAfterRestore) {
  FakeKafka& kafka = Topic(1);
  source().kafka.stop_at_latest = true;
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, Row(2, 200));
  kafka.Truncate(0, 2);
  TaskRestore restore;
  restore.positions = {At(0, 1, 1, EventTime{100 * kSecond})};
  Open(kafka, restore);
  EXPECT_THAT(PollAll(), ElementsAre("watermark 90", "watermark end", "finished"));
  EXPECT_EQ(kafka.polls(), 0);
}

TEST_F(SourceOperatorTest, WithoutPartitions) {
  FakeKafka& kafka = Topic(1);
  Open(kafka, {});
  EXPECT_THAT(PollAll(), ElementsAre("idle"));
  source().kafka.stop_at_latest = true;
  Open(kafka, {});
  EXPECT_THAT(PollAll(), ElementsAre("idle", "watermark end", "finished"));
}

// While the job was down an idle partition may have got rows, no later than those of the others.
TEST_F(SourceOperatorTest, ARestoredIdlePartitionMayHaveLag) {
  FakeKafka& kafka = Topic(2);
  kafka.Append(0, Row(1, 100));
  kafka.Append(0, Row(2, 1000));
  kafka.Append(1, Row(3, 100));
  kafka.Append(1, Row(4, 110));
  kafka.Stall(1, true);  // The first answer takes its time.
  TaskRestore restore;
  restore.positions = {At(0, 1, -1, EventTime{100 * kSecond}),
                       At(1, 1, -1, EventTime{100 * kSecond}, /*idle=*/true)};
  Open(kafka, restore);
  EXPECT_THAT(PollAll(), ElementsAre("watermark 90", "rows 2"));
  kafka.Stall(1, false);
  EXPECT_THAT(PollAll(), ElementsAre("rows 4", "watermark 100"));
}

TEST_F(SourceOperatorTest, ARestoredIdlePartitionThatNobodyKnowsOfIsWaitedFor) {
  FakeKafka& kafka = Topic(2);
  kafka.Append(0, Row(1, 100));
  kafka.SetTrouble("brokers away");
  TaskRestore restore;
  restore.positions = {At(0, 1, -1, EventTime{200 * kSecond}),
                       At(1, 0, -1, EventTime{100 * kSecond}, /*idle=*/true)};
  Open(kafka, restore);
  EXPECT_THAT(PollAll(), ElementsAre("watermark 90"));
  // Stopped now, nothing new is known of it either.
  EXPECT_TRUE(Positions()[1].idle);
  kafka.SetTrouble("");
  EXPECT_THAT(PollAll(), ElementsAre("watermark 190"));
  EXPECT_TRUE(Positions()[1].idle);
}

TEST_F(SourceOperatorTest, NewPartitionsAreReadFromTheirPosition) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  OpenFromStart(kafka, 1);
  PollAll();
  const int32_t added = kafka.AddPartition();
  kafka.Append(added, Row(2, 150));
  ASSERT_TRUE(
      operator_->AddPartitions({At(0, 0), At(added, 0), {"other", 7, 0, -1, {}, false}}).ok());
  EXPECT_THAT(PollAll(), ElementsAre("rows 2"));
  EXPECT_EQ(Positions().size(), 2u);
}

TEST_F(SourceOperatorTest, NewPartitionWakesAnIdleTask) {
  FakeKafka& kafka = Topic(1);
  Open(kafka, {});
  EXPECT_THAT(PollAll(), ElementsAre("idle"));
  kafka.Append(0, Row(1, 100));
  ASSERT_TRUE(operator_->AddPartitions({At(0, 0)}).ok());
  EXPECT_THAT(PollAll(), ElementsAre("active", "rows 1", "watermark 90"));
}

TEST_F(SourceOperatorTest, NothingBehindTheLastBarrier) {
  FakeKafka& kafka = Topic(1);
  kafka.Append(0, Row(1, 100));
  OpenFromStart(kafka, 1);
  PollAll();
  kafka.Append(0, Row(2, 200));
  EXPECT_EQ(Positions(/*last=*/true)[0].next_offset, 1);
  EXPECT_EQ(PollOnce(), PollResult::kIdle);
  PassTime(2 * kTimeout);
  EXPECT_THAT(out_.Take(), IsEmpty());
  EXPECT_EQ(Positions()[0].next_offset, 1);
}

TEST_F(SourceOperatorTest, PositionThatIsGoneFailsTheJob) {
  FakeKafka& kafka = Topic(1);
  for (int i = 0; i < 3; ++i) kafka.Append(0, Row(i, 100));
  kafka.Truncate(0, 2);
  OpenFromStart(kafka, 1);
  const absl::Status status = operator_->Poll(out_).status();
  EXPECT_TRUE(IsFatal(status)) << status;
}

TEST_F(SourceOperatorTest, RecreatedTopicFailsTheJob) {
  FakeKafka& kafka = Topic(1);
  for (int i = 0; i < 3; ++i) kafka.Append(0, Row(i, 100));
  OpenFromStart(kafka, 1);
  PollAll();
  kafka.Recreate();
  kafka.Append(0, Row(9, 100));
  EXPECT_TRUE(IsFatal(operator_->Poll(out_).status()));
}

TEST_F(SourceOperatorTest, OtherReaderErrorsMayBeRetried) {
  FakeKafka& kafka = Topic(1);
  OpenFromStart(kafka, 1);
  kafka.FailNextPoll(0, absl::DataLossError("crc"));
  const absl::Status status = operator_->Poll(out_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(IsFatal(status));
}

TEST_F(SourceOperatorTest, Stats) {
  FakeKafka& kafka = Topic(2);
  kafka.Append(0, Row(1, 100));
  kafka.Append(1, Row(2, 100));
  OpenFromStart(kafka, 2);
  PollAll();
  kafka.Stall(1, true);
  kafka.Append(1, Row(3, 100));
  const SourceOperator::SourceStats stats = operator_->Stats();
  EXPECT_EQ(stats.records, 2);
  EXPECT_EQ(stats.bytes, static_cast<int64_t>(Row(1, 100).size() + Row(2, 100).size()));
  EXPECT_EQ(stats.lag_records, 1);
  EXPECT_EQ(stats.lag_by_partition.at(0), 0);
  EXPECT_EQ(stats.lag_by_partition.at(1), 1);
  EXPECT_EQ(stats.partitions.size(), 2u);
  EXPECT_EQ(stats.partitions.at(1).end_offset - stats.partitions.at(1).next_offset, 1);
  EXPECT_EQ(stats.partitions.at(1).status, ChannelStatus::kActive);
  EXPECT_EQ(stats.watermark.micros, 90 * kSecond);
  EXPECT_EQ(stats.waiting_for, "");
}

TEST_F(SourceOperatorTest, WakesWhenThereIsSomething) {
  FakeKafka& kafka = Topic(1);
  OpenFromStart(kafka, 1);
  int woken = 0;
  operator_->SetWake([&woken] { ++woken; });
  kafka.Append(0, Row(1, 100));
  EXPECT_EQ(woken, 1);
}

TEST_F(SourceOperatorTest, WithoutEventTimeThereIsNoWatermarkButAnEnd) {
  FakeKafka& kafka = Topic(1);
  source().event_time_column = -1;
  source().kafka.stop_at_latest = true;
  kafka.Append(0, Row(1, 100));
  OpenFromStart(kafka, 1);
  EXPECT_THAT(PollAll(), ElementsAre("rows 1", "watermark end", "finished"));
}

TEST_F(SourceOperatorTest, RefusesPlansThatItCanNotRun) {
  FakeKafka& kafka = Topic(1);
  readers_ = kafka.Factory();
  auto refused = [this](const std::string& what) {
    const absl::Status status = MakeSourceOperator(spec_, plan_, readers_.get()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  };
  const SourceOp good = source();
  source().event_time_column = 0;
  refused("event time id is bigint");
  source().event_time_column = 9;
  refused("no such event time column");
  source() = good;
  source().output.columns[0].name = "elsewhere";
  refused("elsewhere isn't declared");
  source() = good;
  source().output.columns[0].type = DataType::Of(TypeKind::kInterval);
  refused("can't be interval");
  EXPECT_FALSE(MakeSourceOperator(spec_, plan_, nullptr).ok());
  spec_.op = ProjectOp{};
  refused("not a source");
}

}  // namespace
}  // namespace weir
