// FilterOperator and ProjectOperator.
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "operators/expr/filter_operator.h"
#include "operators/expr/project_operator.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/operators/collecting_output.h"
#include "tests/unit/operators/expr/expr_builders.h"

namespace weir {
namespace {

using enum TypeKind;
using OptionalText = std::optional<std::string>;

const DataType kInt = DataType::Of(kInteger);
const Schema kEvents = {{{"event", DataType::Of(kText), true}, {"amount", kInt, true}}};

Expr IsBuy() { return Call("eq(text,text)", {Column(0, kText), TextLiteral("buy")}); }
Expr HundredBy(int column) {
  return Call("divide(integer,integer)", {IntegerLiteral(100), Column(column, kInteger)});
}

// A source, then the operator under test; or, in the second vertex, an aggregate before it.
class ExprOperatorsTest : public ::testing::Test {
 protected:
  ExprOperatorsTest() {
    OperatorSpec source;
    source.id = "source";
    source.op = SourceOp{};
    source.output = kEvents;
    OperatorSpec aggregate;
    aggregate.id = "aggregate";
    FinalAggregateOp op;
    op.spec.keys = {{{"event", DataType::Of(kText), true}}};
    aggregate.op = op;
    const DataType time = DataType::Of(kTimestamptz);
    aggregate.output = {{{"window_start", time, false},
                         {"window_end", time, false},
                         {"event", DataType::Of(kText), true},
                         {"total", kInt, true}}};
    plan_.vertices.resize(2);
    plan_.vertices[0].operators = {source};
    plan_.vertices[1].operators = {aggregate};
    plan_.inserts = {{0, "activity", 0}};
    context_.topic = "events";
    context_.plan = &plan_;
    context_.clock = &clock_;
    context_.counters = &counters_;
    out_ = std::make_unique<CollectingOutput>();
  }

  OperatorSpec& AddTo(int vertex, OperatorSpec spec, BadRowPolicy policy) {
    spec.id = "under_test";
    spec.name = "under test";
    spec.inputs = {{0, 0}};
    spec.insert = 0;
    spec.on_bad_row = policy;
    context_.task.vertex = vertex;
    plan_.vertices[vertex].operators.push_back(std::move(spec));
    return plan_.vertices[vertex].operators.back();
  }

  void Filter(int vertex, Expr predicate, BadRowPolicy policy = BadRowPolicy::kSkip) {
    OperatorSpec spec;
    spec.output = plan_.vertices[vertex].operators[0].output;
    spec.op = FilterOp{std::move(predicate)};
    auto made = MakeFilterOperator(AddTo(vertex, std::move(spec), policy), plan_);
    ASSERT_TRUE(made.ok()) << made.status();
    Start(*std::move(made));
  }

  void Project(int vertex, std::vector<Expr> exprs, BadRowPolicy policy = BadRowPolicy::kSkip) {
    OperatorSpec spec;
    for (const Expr& expr : exprs) spec.output.columns.push_back({"c", expr.type, true});
    spec.op = ProjectOp{std::move(exprs)};
    auto made = MakeProjectOperator(AddTo(vertex, std::move(spec), policy), plan_);
    ASSERT_TRUE(made.ok()) << made.status();
    Start(*std::move(made));
  }

  void Start(std::unique_ptr<Operator> op) {
    op_ = std::move(op);
    ASSERT_TRUE(op_->Open(context_, TaskRestore()).ok());
  }

  // Source rows: record i has offset 10 * i.
  static Batch Events(std::vector<OptionalText> events, std::vector<OptionalText> amounts) {
    Batch batch;
    auto raw = std::make_shared<RawRecords>();
    for (size_t i = 0; i < events.size(); ++i) {
      raw->offsets.push_back(10 * static_cast<int64_t>(i));
      raw->key_begin.push_back(-1);
      raw->key_end.push_back(-1);
      raw->payload_begin.push_back(0);
      raw->payload_end.push_back(0);
      raw->timestamps_ms.push_back(-1);
    }
    batch.raw = raw;
    batch.columns = BatchOf(kEvents, {std::move(events), std::move(amounts)});
    return batch;
  }

  std::vector<std::string> Column0(const Batch& batch, TypeKind kind) {
    return Texts(batch.columns->column(0), DataType::Of(kind));
  }

  const std::vector<Batch>& emitted() { return out_->batches[0]; }

  FakeClock clock_;
  Plan plan_;
  std::map<int, InsertCounters> counters_;
  OperatorContext context_;
  std::unique_ptr<Operator> op_;
  std::unique_ptr<CollectingOutput> out_;
};

TEST_F(ExprOperatorsTest, FilterKeepsTrueCountsFalseAndNull) {
  Filter(0, IsBuy());
  ASSERT_TRUE(
      op_->Process(0, Events({"buy", "sell", {}, "buy"}, {"1", "2", "3", "4"}), *out_).ok());
  ASSERT_EQ(emitted().size(), 1u);
  EXPECT_EQ(Texts(emitted()[0].columns->column(1), kInt), (std::vector<std::string>{"1", "4"}));
  EXPECT_EQ(emitted()[0].RawRow(1), 3);
  EXPECT_EQ(counters_[0].filtered, 2);
}

TEST_F(ExprOperatorsTest, FilterHandsOnAWholeBatchAndDropsAnEmptyOne) {
  Filter(0, IsBuy());
  Batch all = Events({"buy", "buy"}, {"1", "2"});
  const auto* columns = all.columns.get();
  ASSERT_TRUE(op_->Process(0, all, *out_).ok());
  EXPECT_EQ(emitted()[0].columns.get(), columns);
  ASSERT_TRUE(op_->Process(0, Events({"sell"}, {"1"}), *out_).ok());
  ASSERT_TRUE(op_->Process(0, Events({}, {}), *out_).ok());
  EXPECT_EQ(emitted().size(), 1u);
  EXPECT_EQ(counters_[0].filtered, 1);
}

TEST_F(ExprOperatorsTest, FilterReportsFailedRowsAsBad) {
  const Expr predicate = Call("gt(integer,integer)", {HundredBy(1), IntegerLiteral(20)});
  Filter(0, predicate);
  ASSERT_TRUE(op_->Process(0, Events({"a", "b", "c"}, {"4", "0", "50"}), *out_).ok());
  EXPECT_EQ(Column0(emitted()[0], kText), (std::vector<std::string>{"a"}));
  EXPECT_EQ(counters_[0].filtered, 1);
  EXPECT_EQ(counters_[0].bad, (std::map<std::string, int64_t>{{"expression", 1}}));
}

TEST_F(ExprOperatorsTest, FailedRowFailsTheJobNamingTheRecord) {
  Project(0, {HundredBy(1)}, BadRowPolicy::kFail);
  const absl::Status status = op_->Process(0, Events({"a", "b"}, {"4", "0"}), *out_);
  EXPECT_TRUE(IsFatal(status));
  const std::string message(status.message());
  for (const char* part : {"events", "offset 10", "division by zero", "amount"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

TEST_F(ExprOperatorsTest, RowsOfACutBatchKeepTheirRecords) {
  Project(0, {HundredBy(1)}, BadRowPolicy::kFail);
  Batch cut = TakeRows(Events({"a", "b", "c"}, {"4", "5", "0"}), {0, 2});
  const absl::Status status = op_->Process(0, cut, *out_);
  EXPECT_NE(std::string(status.message()).find("offset 20"), std::string::npos) << status;
}

TEST_F(ExprOperatorsTest, ProjectSharesPlainColumnsAndDropsFailedRowsOnce) {
  Project(0, {Column(0, kText), HundredBy(1), HundredBy(1)}, BadRowPolicy::kDeadLetter);
  Batch good = Events({"a", "b"}, {"4", {}});
  const auto* events = good.columns->column(0).get();
  ASSERT_TRUE(op_->Process(0, good, *out_).ok());
  EXPECT_EQ(emitted()[0].columns->column(0).get(), events);
  EXPECT_EQ(Texts(emitted()[0].columns->column(1), kInt), (std::vector<std::string>{"25", "NULL"}));
  // Row 1 fails in two columns.
  ASSERT_TRUE(op_->Process(0, Events({"a", "b", "c"}, {"4", "0", "5"}), *out_).ok());
  ASSERT_EQ(emitted().size(), 2u);
  EXPECT_EQ(Column0(emitted()[1], kText), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(emitted()[1].RawRow(1), 2);
  EXPECT_EQ(counters_[0].bad_total(), 1);
  ASSERT_EQ(out_->batches[1].size(), 1u);
  EXPECT_EQ(Texts(out_->batches[1][0].columns->column(2), DataType::Of(kBigint)),
            (std::vector<std::string>{"10"}));
  // Nothing is left of a batch of failures.
  ASSERT_TRUE(op_->Process(0, Events({"x"}, {"0"}), *out_).ok());
  EXPECT_EQ(emitted().size(), 2u);
}

TEST_F(ExprOperatorsTest, AboveAnAggregateAnErrorFailsTheJobNamingTheGroup) {
  Project(1, {HundredBy(3)});
  Batch groups;
  groups.columns = BatchOf(plan_.vertices[1].operators[0].output,
                           {{"2024-01-01 00:00:00+00", "2024-01-01 00:05:00+00"},
                            {"2024-01-01 00:05:00+00", "2024-01-01 00:10:00+00"},
                            {"buy", "it's"},
                            {"1", "0"}});
  const absl::Status status = op_->Process(0, groups, *out_);
  EXPECT_TRUE(IsFatal(status));
  const std::string message(status.message());
  EXPECT_NE(message.find("division by zero"), std::string::npos) << message;
  EXPECT_NE(message.find("window_start = 2024-01-01 00:05:00+00, event = 'it's'"),
            std::string::npos)
      << message;
  EXPECT_TRUE(emitted().empty());
}

TEST_F(ExprOperatorsTest, HavingCountsNothing) {
  Filter(1, Call("gt(integer,integer)", {Column(3, kInteger), IntegerLiteral(5)}));
  Batch groups;
  groups.columns =
      BatchOf(plan_.vertices[1].operators[0].output,
              {{"2024-01-01", "2024-01-01"}, {"2024-01-02", "2024-01-02"}, {"a", "b"}, {"1", "9"}});
  ASSERT_TRUE(op_->Process(0, groups, *out_).ok());
  EXPECT_EQ(emitted()[0].num_rows(), 1);
  EXPECT_EQ(counters_[0], InsertCounters());
}

TEST_F(ExprOperatorsTest, MarkersPassThroughAndNothingIsHeld) {
  Filter(0, IsBuy());
  ASSERT_TRUE(op_->OnWatermark(0, EventTime{7}, *out_).ok());
  ASSERT_TRUE(op_->OnStatus(0, ChannelStatus::kIdle, *out_).ok());
  ASSERT_TRUE(op_->Drain(*out_).ok());
  EXPECT_EQ(out_->watermarks, std::vector<EventTime>{EventTime{7}});
  EXPECT_EQ(out_->statuses, std::vector<ChannelStatus>{ChannelStatus::kIdle});
  auto captured = op_->Capture(Barrier());
  ASSERT_TRUE(captured.ok());
  EXPECT_FALSE(captured->finish);
  EXPECT_FALSE(op_->Blocked());
  EXPECT_EQ(op_->StateFootprint().bytes, 0);
}

TEST_F(ExprOperatorsTest, RefusesPlansThatDontFit) {
  OperatorSpec filter;
  filter.op = FilterOp{Column(1, kInteger)};
  EXPECT_FALSE(MakeFilterOperator(AddTo(0, filter, BadRowPolicy::kSkip), plan_).ok());
  plan_.vertices[0].operators.pop_back();
  OperatorSpec project;
  project.op = ProjectOp{{Column(0, kText)}};
  EXPECT_FALSE(MakeProjectOperator(AddTo(0, project, BadRowPolicy::kSkip), plan_).ok());
  plan_.vertices[0].operators.pop_back();
  project.output.columns = {{"c", kInt, true}};  // the expression is text
  EXPECT_FALSE(MakeProjectOperator(AddTo(0, project, BadRowPolicy::kSkip), plan_).ok());
  OperatorSpec stray;
  stray.id = "elsewhere";
  stray.op = FilterOp{IsBuy()};
  stray.inputs = {{0, 0}};
  EXPECT_FALSE(MakeFilterOperator(stray, plan_).ok());
}

}  // namespace
}  // namespace weir
