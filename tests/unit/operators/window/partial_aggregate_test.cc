#include "operators/window/partial_aggregate.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "operators/bad_rows.h"
#include "operators/window/partial_format.h"
#include "state/keyed/key_encoding.h"
#include "tests/unit/operators/window/window_harness.h"

namespace weir {
namespace {

constexpr WindowSpec kTumble{10, 10, 0};

TestRow Row(int64_t time, std::string key, int64_t number) {
  return {time, std::move(key), number, 0.5, time + 1000};
}

struct Sent {
  std::vector<bool> raw;
  std::vector<int64_t> rows, pane_ends, offsets;  // offset -1: not raw
};

Sent Read(const Collected& out) {
  Sent sent;
  for (const Batch& batch : out.batches[0]) {
    auto int64s = [&](int c) -> const arrow::Int64Array& {
      return static_cast<const arrow::Int64Array&>(*batch.columns->column(c));
    };
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      const bool raw =
          static_cast<const arrow::BooleanArray&>(*batch.columns->column(kPartialRaw)).Value(i);
      sent.raw.push_back(raw);
      sent.rows.push_back(int64s(kPartialRows).Value(i));
      sent.pane_ends.push_back(int64s(kPartialPaneEnd).Value(i));
      EXPECT_EQ(int64s(kPartialEventTime).IsNull(i), !raw);
      sent.offsets.push_back(raw ? int64s(kPartialLate + 3).Value(i) : -1);
      const auto key =
          static_cast<const arrow::BinaryArray&>(*batch.columns->column(kPartialKey)).GetView(i);
      EXPECT_EQ(
          static_cast<const arrow::UInt16Array&>(*batch.columns->column(kPartialKeyGroup)).Value(i),
          KeyGroupOfHash(HashKey(key)));
    }
  }
  return sent;
}

class PartialAggregateTest : public testing::Test {
 protected:
  void SetUp() override { Start(TestSpec(kTumble)); }
  void Start(AggregateSpec spec, BadRowPolicy policy = BadRowPolicy::kSkip) {
    spec_ = std::move(spec);
    OperatorSpec op = PartialSpec(spec_);
    op.on_bad_row = policy;
    task_ = world_.Start(MakePartialAggregate(op), {});
  }
  absl::Status Process(const std::vector<TestRow>& rows) {
    return task_->op->Process(0, MakeBatch(rows), out_);
  }

  World world_;
  AggregateSpec spec_;
  std::unique_ptr<Task> task_;
  Collected out_;
};

TEST_F(PartialAggregateTest, HoldsGroupsUntilTheWatermarkPassesTheirPane) {
  ASSERT_TRUE(Process({Row(1, "a", 1), Row(2, "a", 2), Row(3, "b", 3), Row(11, "a", 4)}).ok());
  EXPECT_TRUE(out_.batches[0].empty());
  EXPECT_EQ(task_->op->StateFootprint().keys, 3);
  ASSERT_TRUE(task_->op->OnWatermark(0, EventTime{9}, out_).ok());
  EXPECT_TRUE(out_.batches[0].empty());
  ASSERT_TRUE(task_->op->OnWatermark(0, EventTime{10}, out_).ok());
  Sent sent = Read(out_);
  EXPECT_EQ(sent.pane_ends, (std::vector<int64_t>{10, 10}));
  EXPECT_EQ(sent.rows, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(sent.raw, (std::vector<bool>{false, false}));
  EXPECT_TRUE(out_.batches[0][0].columns->schema()->Equals(*PartialSchema(spec_)));
  EXPECT_EQ(out_.watermarks, (std::vector<EventTime>{EventTime{9}, EventTime{10}}));
  ASSERT_TRUE(task_->op->Drain(out_).ok());
  EXPECT_EQ(Read(out_).pane_ends, (std::vector<int64_t>{10, 10, 20}));
  EXPECT_EQ(task_->op->StateFootprint().keys, 0);
}

TEST_F(PartialAggregateTest, RowsThatMayBeLateTravelOneByOne) {
  ASSERT_TRUE(task_->op->OnWatermark(0, EventTime{15}, out_).ok());
  task_->echo.max = EventTime{29};
  // The pane [10, 20) is open for us, and ends before the owners' watermark.
  ASSERT_TRUE(Process({Row(5, "a", 1), Row(15, "a", 2), Row(25, "a", 3), Row(16, "a", 4)}).ok());
  Sent sent = Read(out_);
  EXPECT_EQ(sent.raw, (std::vector<bool>{true, true, true}));
  EXPECT_EQ(sent.offsets, (std::vector<int64_t>{1005, 1015, 1016}));
  EXPECT_EQ(task_->op->StateFootprint().keys, 1);
}

TEST_F(PartialAggregateTest, EverythingTravelsRawUntilAllOwnersHaveAnswered) {
  task_->echo.complete = false;
  ASSERT_TRUE(Process({Row(1000, "a", 1), Row(2000, "a", 2)}).ok());
  EXPECT_EQ(Read(out_).raw, (std::vector<bool>{true, true}));
  task_->echo.complete = true;
  ASSERT_TRUE(Process({Row(1000, "a", 1), Row(1001, "a", 2)}).ok());
  ASSERT_TRUE(task_->op->Drain(out_).ok());
  EXPECT_EQ(Read(out_).rows, (std::vector<int64_t>{1, 1, 2}));
}

TEST_F(PartialAggregateTest, IdlenessDrains) {
  ASSERT_TRUE(Process({Row(1, "a", 1)}).ok());
  ASSERT_TRUE(task_->op->OnStatus(0, ChannelStatus::kIdle, out_).ok());
  EXPECT_EQ(Read(out_).rows, (std::vector<int64_t>{1}));
  EXPECT_EQ(out_.statuses, std::vector<ChannelStatus>{ChannelStatus::kIdle});
}

TEST_F(PartialAggregateTest, BypassesAPaneOfDistinctKeysAndProbesTheNext) {
  int next = 0;
  auto distinct = [&next](int64_t time) {
    std::vector<TestRow> rows;
    for (int i = 0; i < 8000; ++i) rows.push_back(Row(time, absl::StrCat("k", next++), 1));
    return rows;
  };
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(Process(distinct(5)).ok());
  EXPECT_TRUE(out_.batches[0].empty());  // 96,000 rows
  ASSERT_TRUE(Process(distinct(5)).ok());
  EXPECT_EQ(out_.rows(0), 13 * 8000);
  ASSERT_TRUE(Process(distinct(5)).ok());
  EXPECT_EQ(out_.rows(0), 14 * 8000);
  ASSERT_TRUE(Process(distinct(15)).ok());
  EXPECT_EQ(out_.rows(0), 14 * 8000);  // another pane: looks again
  Sent sent = Read(out_);
  EXPECT_EQ(std::count(sent.raw.begin(), sent.raw.end(), true), 0);
  ASSERT_TRUE(task_->op->Drain(out_).ok());
  // A barrier doesn't end the bypass; the end of the pane does.
  ASSERT_TRUE(Process(distinct(5)).ok());
  EXPECT_EQ(out_.rows(0), 16 * 8000);
}

TEST_F(PartialAggregateTest, KeysThatRepeatAreNotBypassed) {
  for (int i = 0; i < 20; ++i) {
    std::vector<TestRow> rows;
    for (int k = 0; k < 8000; ++k) rows.push_back(Row(5, absl::StrCat(i % 10, "/", k), 1));
    ASSERT_TRUE(Process(rows).ok());
  }
  EXPECT_TRUE(out_.batches[0].empty());
}

TEST_F(PartialAggregateTest, LeavesEarlyWhenMemoryIsShort) {
  World small{.memory = MemoryBudget(2 << 20)};
  auto task = small.Start(MakePartialAggregate(PartialSpec(spec_)), {});
  int64_t most = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<TestRow> rows;
    for (int k = 0; k < 4000; ++k) rows.push_back(Row(5, absl::StrCat(i % 2, "/", i, "/", k), 1));
    ASSERT_TRUE(task->op->Process(0, MakeBatch(rows), out_).ok());
    most = std::max(most, small.memory.used());
  }
  EXPECT_GT(out_.rows(0), 60000);
  EXPECT_LE(most, 2 << 20);
  // Others took all of it: one batch at a time still goes through.
  ASSERT_TRUE(small.memory.Reserve(small.memory.limit() - small.memory.used()));
  ASSERT_TRUE(task->op->Process(0, MakeBatch({Row(5, "x", 1)}), out_).ok());
  EXPECT_EQ(Read(out_).rows.back(), 1);
  task.reset();
}

TEST_F(PartialAggregateTest, LargeSetsOfDistinctValuesLeaveInPieces) {
  std::vector<TestRow> rows;
  for (int i = 0; i < 8000; ++i) rows.push_back(Row(5, "a", i));
  for (int b = 0; b < 3; ++b) {
    for (TestRow& row : rows) row.number = *row.number + 8000;
    ASSERT_TRUE(Process(rows).ok());
  }
  ASSERT_TRUE(task_->op->Drain(out_).ok());
  Sent sent = Read(out_);
  EXPECT_GT(sent.rows.size(), 3u);
  EXPECT_EQ(sent.rows[0], 24000);
  for (size_t i = 1; i < sent.rows.size(); ++i) EXPECT_EQ(sent.rows[i], 0);
  for (const Batch& batch : out_.batches[0]) {
    const auto& states =
        static_cast<const arrow::BinaryArray&>(*batch.columns->column(kPartialState));
    for (int64_t i = 0; i < states.length(); ++i) EXPECT_LT(states.value_length(i), 120'000);
  }
}

TEST_F(PartialAggregateTest, TimesOutOfRangeAndNullTimesAreBadRows) {
  std::vector<TestRow> rows = {Row(1, "a", 1), Row(2, "a", 2), Row(3, "a", 3)};
  rows[1].time = std::numeric_limits<int64_t>::max() - 3;
  ASSERT_TRUE(Process(rows).ok());
  EXPECT_EQ(task_->counters[0].bad, (std::map<std::string, int64_t>{{kBadRange, 1}}));
  Batch batch = MakeBatch({Row(1, "a", 1), Row(2, "b", 1)});
  arrow::TimestampBuilder times(batch.columns->column(kTime)->type(), arrow::default_memory_pool());
  ASSERT_TRUE(times.Append(4).ok());
  ASSERT_TRUE(times.AppendNull().ok());
  batch.columns =
      batch.columns
          ->SetColumn(kTime, arrow::field("time", times.type()), times.Finish().ValueOrDie())
          .ValueOrDie();
  ASSERT_TRUE(task_->op->Process(0, batch, out_).ok());
  EXPECT_EQ(task_->counters[0].bad_total(), 2);
  ASSERT_TRUE(task_->op->Drain(out_).ok());
  EXPECT_EQ(Read(out_).rows, (std::vector<int64_t>{3}));

  Start(TestSpec(kTumble), BadRowPolicy::kFail);
  absl::Status status = Process(rows);
  EXPECT_TRUE(IsFatal(status)) << status;
  EXPECT_NE(std::string(status.message()).find("too far from 1970"), std::string::npos) << status;
}

TEST_F(PartialAggregateTest, AnOverflowAtTheSourceNamesPaneAndGroup) {
  AggregateSpec spec = TestSpec(kTumble);
  const double max = std::numeric_limits<double>::max();
  const DataType real = DataType::Of(TypeKind::kDouble);
  spec.aggregates = {{AggregateKind::kSum, kReal, real, -1, real}};
  Start(spec);
  std::vector<TestRow> rows = {Row(1, "a", 1), Row(2, "b", 2), Row(3, "b", 3)};
  for (TestRow& row : rows) row.real = max;
  absl::Status status = Process(rows);
  EXPECT_TRUE(IsFatal(status)) << status;
  EXPECT_NE(std::string(status.message()).find("group (key) = (b)"), std::string::npos) << status;
}

TEST_F(PartialAggregateTest, ManyPanesInOneBatch) {
  std::vector<TestRow> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back(Row((i * 7919) % 3000, "a", i));
  ASSERT_TRUE(Process(rows).ok());
  EXPECT_EQ(task_->op->StateFootprint().keys, 300);
  ASSERT_TRUE(task_->op->OnWatermark(0, EventTime{3000}, out_).ok());
  EXPECT_EQ(Read(out_).rows, std::vector<int64_t>(300, 10));
}

}  // namespace
}  // namespace weir
