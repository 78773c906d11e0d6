#include "operators/sink/sink_operator.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/io_pool.h"
#include "base/memory_budget.h"
#include "base/random.h"
#include "operators/bad_rows.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class KeptOutput : public Output {
 public:
  absl::Status Emit(int port, Batch batch) override {
    EXPECT_EQ(port, 1);
    rows += batch.num_rows();
    return absl::OkStatus();
  }
  absl::Status EmitWatermark(EventTime) override { return absl::OkStatus(); }
  absl::Status EmitStatus(ChannelStatus) override { return absl::OkStatus(); }
  int64_t rows = 0;
};

constexpr int64_t kNull = -1;

// Rows (n, "t"); kNull is NULL. With `raw`, row i is record i at offset 100 + i.
Batch Rows(const std::vector<int64_t>& numbers, bool raw) {
  arrow::Int64Builder n;
  arrow::StringBuilder t;
  for (const int64_t number : numbers) {
    EXPECT_TRUE((number == kNull ? n.AppendNull() : n.Append(number)).ok());
    EXPECT_TRUE(t.Append("t").ok());
  }
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8())}),
      static_cast<int64_t>(numbers.size()), {n.Finish().ValueOrDie(), t.Finish().ValueOrDie()});
  if (!raw) return batch;
  auto records = std::make_shared<RawRecords>();
  for (size_t i = 0; i < numbers.size(); ++i) {
    records->payload_begin.push_back(static_cast<int64_t>(records->arena.size()));
    records->arena += "{}";
    records->payload_end.push_back(static_cast<int64_t>(records->arena.size()));
    records->key_begin.push_back(-1);
    records->key_end.push_back(-1);
    records->offsets.push_back(static_cast<int64_t>(100 + i));
    records->timestamps_ms.push_back(0);
  }
  batch.raw = records;
  return batch;
}

// Two INSERTs from one source into one table: projects 1 and 2 feed sink 3.
class SinkOperatorTest : public testing::Test {
 protected:
  SinkOperatorTest() {
    sink_.id = "activity";
    sink_.path = directory_ / "activity";
    sink_.schema = {{{"N", DataType::Of(TypeKind::kBigint), false},
                     {"t", DataType::Of(TypeKind::kText), true}}};
  }

  void MakePlan(bool source_side) {
    VertexSpec vertex;
    OperatorSpec first;
    if (source_side)
      first.op = SourceOp{};
    else
      first.op = FinalAggregateOp{};
    vertex.operators.push_back(first);
    for (const int insert : {0, 1}) {
      OperatorSpec project;
      project.op = ProjectOp{};
      project.inputs = {{0, 0}};
      project.insert = insert;
      vertex.operators.push_back(project);
    }
    OperatorSpec sink;
    sink.op = SinkOp{0};
    sink.inputs = {{1, 0}, {2, 0}};
    sink.on_bad_row = policy_;
    vertex.operators.push_back(sink);
    plan_.vertices = {vertex};
    plan_.sinks = {sink_};
    plan_.inserts = {{0, "activity", 0}, {0, "activity#2", 0}};
  }

  void Open(bool source_side) {
    MakePlan(source_side);
    context_.plan = &plan_;
    // Each start of a task is of another generation, and so names other files.
    context_.generation = Generation(context_.generation.value + 1);
    context_.random = random_.get();
    context_.clock = &clock_;
    context_.io = io_.get();
    context_.counters = &counters_;
    operator_ = MakeSinkOperator(plan_.vertices[0].operators.back(), plan_);
    const absl::Status opened = operator_->Open(context_, {});
    ASSERT_TRUE(opened.ok()) << opened;
  }
  std::vector<StagedFile> Checkpoint(int64_t id) {
    auto pending = operator_->Capture({Generation(1), CheckpointId(id)});
    EXPECT_TRUE(pending.ok()) << pending.status();
    if (pending->finish == nullptr) return {};
    auto captured = pending->finish();
    EXPECT_TRUE(captured.ok()) << captured.status();
    return captured->staged;
  }

  TemporaryDirectory directory_;
  BadRowPolicy policy_ = BadRowPolicy::kSkip;
  SinkSpec sink_;
  Plan plan_;
  OperatorContext context_;
  FakeClock clock_;
  std::map<int, InsertCounters> counters_;
  const std::unique_ptr<Random> random_ = SeededRandom(5);
  const std::unique_ptr<IoPool> io_ = MakeInlineIoPool();
  std::unique_ptr<Operator> operator_;
  KeptOutput out_;
};

TEST_F(SinkOperatorTest, StagesTheRowsOfAllInputs) {
  Open(true);
  ASSERT_TRUE(operator_->Process(0, Rows({1, 2}, true), out_).ok());
  ASSERT_TRUE(operator_->Process(1, Rows({3}, true), out_).ok());
  const std::vector<StagedFile> staged = Checkpoint(7);
  ASSERT_THAT(staged, SizeIs(1));
  EXPECT_EQ(staged[0].sink, "activity");
  EXPECT_EQ(staged[0].rows, 3);
  EXPECT_EQ(staged[0].closed_by, CheckpointId(7));
  EXPECT_THAT(staged[0].stats, HasSubstr("\"minValues\":{\"N\":1"));
  EXPECT_EQ(staged[0].size,
            static_cast<int64_t>(std::filesystem::file_size(sink_.path + "/" + staged[0].path)));
  EXPECT_EQ(counters_[0].used, 2);
  EXPECT_EQ(counters_[1].used, 1);
}

TEST_F(SinkOperatorTest, AnEmptyEpochHasNoFile) {
  Open(true);
  EXPECT_THAT(Checkpoint(1), IsEmpty());
  ASSERT_TRUE(operator_->Process(0, Rows({}, true), out_).ok());
  EXPECT_THAT(Checkpoint(2), IsEmpty());
  ASSERT_TRUE(operator_->Process(0, Rows({1}, true), out_).ok());
  EXPECT_THAT(Checkpoint(3), SizeIs(1));
  EXPECT_THAT(Checkpoint(4), IsEmpty());
}

TEST_F(SinkOperatorTest, ANullForNotNullIsABadRow) {
  Open(true);
  ASSERT_TRUE(operator_->Process(1, Rows({1, kNull, 3}, true), out_).ok());
  ASSERT_TRUE(operator_->Process(1, Rows({kNull}, true), out_).ok());
  EXPECT_EQ(counters_[1].used, 2);
  EXPECT_THAT(counters_[1].bad, ElementsAre(Pair(kBadMissing, 2)));
  EXPECT_EQ(counters_[0].bad_total(), 0);
  EXPECT_EQ(Checkpoint(1)[0].rows, 2);
}

TEST_F(SinkOperatorTest, BadRowsBecomeDeadLetters) {
  policy_ = BadRowPolicy::kDeadLetter;
  Open(true);
  ASSERT_TRUE(operator_->Process(0, Rows({1, kNull, kNull}, true), out_).ok());
  EXPECT_EQ(out_.rows, 2);
}

TEST_F(SinkOperatorTest, ABadRowFailsTheJobThatWantsThat) {
  policy_ = BadRowPolicy::kFail;
  Open(true);
  const absl::Status status = operator_->Process(0, Rows({1, kNull}, true), out_);
  EXPECT_TRUE(IsFatal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("101"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("column N"));
}

TEST_F(SinkOperatorTest, AboveAnAggregateNothingIsCountedAndNullIsFatal) {
  Open(false);
  ASSERT_TRUE(operator_->Process(0, Rows({1, 2}, false), out_).ok());
  EXPECT_THAT(counters_, IsEmpty());
  const absl::Status status = operator_->Process(0, Rows({1, kNull}, false), out_);
  EXPECT_TRUE(IsFatal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("N=null, t=t"));
  EXPECT_EQ(Checkpoint(1)[0].rows, 2);
}

TEST_F(SinkOperatorTest, SideTablesCountNothing) {
  for (const SinkRole role : {SinkRole::kLate, SinkRole::kDeadLetter}) {
    sink_.role = role;
    Open(true);
    ASSERT_TRUE(operator_->Process(0, Rows({1}, true), out_).ok());
    EXPECT_THAT(counters_, IsEmpty());
    EXPECT_THAT(Checkpoint(1), SizeIs(1));
  }
}

TEST_F(SinkOperatorTest, RefusesWhatIsNoAppend) {
  Open(true);
  Batch batch = Rows({1}, true);
  arrow::Int8Builder kinds;
  ASSERT_TRUE(kinds.Append(static_cast<int8_t>(RowKind::kUpdateAfter)).ok());
  batch.row_kinds = kinds.Finish().ValueOrDie();
  EXPECT_FALSE(operator_->Process(0, batch, out_).ok());
  arrow::Int8Builder inserts;
  ASSERT_TRUE(inserts.Append(static_cast<int8_t>(RowKind::kInsert)).ok());
  batch.row_kinds = inserts.Finish().ValueOrDie();
  EXPECT_TRUE(operator_->Process(0, batch, out_).ok());
}

TEST_F(SinkOperatorTest, AWriteErrorNamesThePath) {
  std::ofstream(sink_.path) << "a file in the way";
  Open(true);
  ASSERT_TRUE(operator_->Process(0, Rows({1}, true), out_).ok());
  for (const absl::Status& status :
       {operator_->Process(0, Rows({2}, true), out_),
        operator_->Capture({Generation(1), CheckpointId(1)}).status()}) {
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(IsFatal(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr(sink_.path));
  }
}

// A filter that leaves a row of each batch hands over slices of whole batches.
TEST_F(SinkOperatorTest, AFewRowsDoNotKeepTheirBatch) {
  Open(true);
  MemoryBudget memory(64 << 20);
  context_.sink_memory = &memory;
  operator_ = MakeSinkOperator(plan_.vertices[0].operators.back(), plan_);
  ASSERT_TRUE(operator_->Open(context_, {}).ok());
  const Batch whole = Rows(std::vector<int64_t>(8192, 1), true);
  ASSERT_TRUE(operator_->Process(0, TakeRows(whole, {17}), out_).ok());
  EXPECT_LT(memory.used(), 1000);
  EXPECT_GT(memory.used(), 0);
  ASSERT_TRUE(operator_->Process(0, whole, out_).ok());
  EXPECT_GE(memory.used(), whole.ByteSize());
  operator_ = nullptr;
}

// Takes work and never runs it: a disk that hangs.
class StuckPool : public IoPool {
 public:
  void Run(std::function<void()>) override {}
};

TEST_F(SinkOperatorTest, IsBlockedWhileTooMuchWaits) {
  StuckPool stuck;
  Open(true);
  MemoryBudget memory(4 << 20);
  context_.io = &stuck;
  context_.sink_memory = &memory;
  operator_ = MakeSinkOperator(plan_.vertices[0].operators.back(), plan_);
  ASSERT_TRUE(operator_->Open(context_, {}).ok());
  EXPECT_FALSE(operator_->Blocked());
  const Batch batch = Rows(std::vector<int64_t>(8192, 1), true);
  int64_t bytes = 0;
  while (!operator_->Blocked()) {
    ASSERT_LE(bytes, memory.limit());
    ASSERT_TRUE(operator_->Process(0, batch, out_).ok());
    bytes += batch.ByteSize();
  }
  EXPECT_GE(bytes, memory.limit());
  EXPECT_GE(memory.used(), bytes);
  operator_ = nullptr;
}

}  // namespace
}  // namespace weir
