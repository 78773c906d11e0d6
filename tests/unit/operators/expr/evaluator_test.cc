#include "operators/expr/evaluator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "gtest/gtest.h"
#include "tests/unit/operators/expr/expr_builders.h"

namespace weir {
namespace {

using enum TypeKind;
using Strings = std::vector<std::string>;

const DataType kBool = DataType::Of(kBoolean);
const DataType kInt = DataType::Of(kInteger);

// Columns a, b: integers; c: text; d: boolean.
Schema TestSchema() {
  return {
      {{"a", kInt, true}, {"b", kInt, true}, {"c", DataType::Of(kText), true}, {"d", kBool, true}}};
}

std::shared_ptr<arrow::RecordBatch> TestBatch() {
  return BatchOf(TestSchema(), {{"10", "20", {}, "-2147483648", "5"},
                                {"2", "0", "3", "-1", {}},
                                {"x", "5", "", {}, "日本"},
                                {"true", "false", {}, "true", "false"}});
}

Expr A() { return Column(0, kInteger); }
Expr B() { return Column(1, kInteger); }
Expr C() { return Column(2, kText); }
Expr D() { return Column(3, kBoolean); }
Expr Ratio() { return Call("divide(integer,integer)", {A(), B()}); }
Expr And(std::vector<Expr> args) { return Node(ExprKind::kAnd, kBool, std::move(args)); }
Expr Or(std::vector<Expr> args) { return Node(ExprKind::kOr, kBool, std::move(args)); }
Expr Not(Expr arg) { return Node(ExprKind::kNot, kBool, {std::move(arg)}); }
Expr IsNull(Expr arg) { return Node(ExprKind::kIsNull, kBool, {std::move(arg)}); }
Expr Greater(Expr a, Expr b) { return Call("gt(integer,integer)", {std::move(a), std::move(b)}); }

struct Outcome {
  Strings values;
  Strings failed;  // "row: message"
};

Outcome Evaluate(const Expr& expr, const arrow::RecordBatch& batch) {
  auto evaluator = Evaluator::Compile(expr, TestSchema());
  EXPECT_TRUE(evaluator.ok()) << evaluator.status();
  const Evaluator::Result result = evaluator->Evaluate(batch);
  EXPECT_EQ(result.values->length(), batch.num_rows());
  EXPECT_TRUE(result.values->ValidateFull().ok());
  Outcome out{Texts(result.values, expr.type), {}};
  for (const auto& failed : result.failed) {
    EXPECT_TRUE(result.values->IsNull(failed.row));
    out.failed.push_back(absl::StrCat(failed.row, ": ", failed.message));
  }
  return out;
}

// The whole batch, and each of its slices: what is true of a row doesn't depend on the others.
void ExpectRows(const Expr& expr, const Strings& values, const Strings& failed = {}) {
  const auto batch = TestBatch();
  const Outcome whole = Evaluate(expr, *batch);
  EXPECT_EQ(whole.values, values);
  EXPECT_EQ(whole.failed, failed);
  for (int64_t row = 0; row < batch->num_rows(); ++row) {
    const Outcome one = Evaluate(expr, *batch->Slice(row, 1));
    EXPECT_EQ(one.values[0], values[row]) << row;
  }
  EXPECT_TRUE(Evaluate(expr, *batch->Slice(0, 0)).values.empty());
}

TEST(EvaluatorTest, PlainColumnIsNotCopied) {
  const auto batch = TestBatch();
  auto evaluator = Evaluator::Compile(C(), TestSchema());
  ASSERT_TRUE(evaluator.ok());
  EXPECT_EQ(evaluator->plain_column(), 2);
  EXPECT_EQ(evaluator->Evaluate(*batch).values.get(), batch->column(2).get());
}

TEST(EvaluatorTest, FailedRowsAreNamedAndOthersGoOn) {
  ExpectRows(Ratio(), {"5", "NULL", "NULL", "NULL", "NULL"},
             {"1: division by zero", "3: integer out of range"});
}

TEST(EvaluatorTest, AndEvaluatesAFallibleArgumentOnlyWhereItDecides) {
  const Expr nonzero = Call("ne(integer,integer)", {B(), IntegerLiteral(0)});
  ExpectRows(And({nonzero, Greater(Ratio(), IntegerLiteral(1))}),
             {"true", "false", "NULL", "NULL", "NULL"}, {"3: integer out of range"});
  // The other way round the division comes first.
  ExpectRows(And({Greater(Ratio(), IntegerLiteral(1)), nonzero}),
             {"true", "NULL", "NULL", "NULL", "NULL"},
             {"1: division by zero", "3: integer out of range"});
}

TEST(EvaluatorTest, OrEvaluatesAFallibleArgumentOnlyWhereItDecides) {
  const Expr zero = Call("eq(integer,integer)", {B(), IntegerLiteral(0)});
  ExpectRows(Or({zero, D(), Greater(Ratio(), IntegerLiteral(7))}),
             {"true", "true", "NULL", "true", "NULL"});
}

TEST(EvaluatorTest, ThreeValuedLogic) {
  const Expr null = NullLiteral(kBool);
  const Expr yes = BooleanLiteral(true), no = BooleanLiteral(false);
  auto value = [](const Expr& expr) { return Evaluate(expr, *TestBatch()).values[0]; };
  EXPECT_EQ(value(And({null, no})), "false");
  EXPECT_EQ(value(And({null, yes})), "NULL");
  EXPECT_EQ(value(Or({null, yes})), "true");
  EXPECT_EQ(value(Or({null, no})), "NULL");
  EXPECT_EQ(value(And({yes, yes})), "true");
  EXPECT_EQ(value(Or({no, no, no})), "false");
  EXPECT_EQ(value(Not(null)), "NULL");
  EXPECT_EQ(value(Not(no)), "true");
  EXPECT_EQ(value(And({NullLiteral(DataType::Of(kNull)), no})), "false");
  ExpectRows(And({D(), null}), {"NULL", "false", "NULL", "NULL", "false"});
  ExpectRows(Or({D(), null}), {"true", "NULL", "NULL", "true", "NULL"});
  ExpectRows(Not(D()), {"false", "true", "NULL", "false", "true"});
  ExpectRows(IsNull(D()), {"false", "false", "true", "false", "false"});
  ExpectRows(IsNull(null), {"true", "true", "true", "true", "true"});
}

TEST(EvaluatorTest, CaseEvaluatesABranchOnlyOnItsRows) {
  const Expr nonzero = Call("ne(integer,integer)", {B(), IntegerLiteral(0)});
  ExpectRows(Node(ExprKind::kCase, kInt, {nonzero, Ratio(), IntegerLiteral(-1)}),
             {"5", "-1", "NULL", "NULL", "-1"}, {"3: integer out of range"});
  // Nested, with a NULL branch and text.
  const Expr inner = Node(
      ExprKind::kCase, DataType::Of(kText),
      {IsNull(C()), TextLiteral("none"), Call("concat_op(text,text)", {C(), TextLiteral("!")})});
  ExpectRows(Node(ExprKind::kCase, DataType::Of(kText),
                  {D(), inner, IsNull(D()), NullLiteral(DataType::Of(kText)), C()}),
             {"x!", "5", "NULL", "none", "日本"});
}

TEST(EvaluatorTest, ConstantThatFailsFailsOnlyRowsThatReachIt) {
  const Expr bad = Call("divide(integer,integer)", {IntegerLiteral(1), IntegerLiteral(0)});
  ExpectRows(Node(ExprKind::kCase, kInt, {D(), bad, IntegerLiteral(7)}),
             {"NULL", "7", "7", "NULL", "7"}, {"0: division by zero", "3: division by zero"});
  ExpectRows(Node(ExprKind::kCase, kInt, {BooleanLiteral(false), bad, A()}),
             {"10", "20", "NULL", "-2147483648", "5"});
  // Also when all rows of a branch fail, so that its value is constant.
  ExpectRows(Call("add(integer,integer)", {bad, A()}), {"NULL", "NULL", "NULL", "NULL", "NULL"},
             {"0: division by zero", "1: division by zero", "2: division by zero",
              "3: division by zero", "4: division by zero"});
}

TEST(EvaluatorTest, CoalesceStopsAtTheFirstValue) {
  ExpectRows(Node(ExprKind::kCoalesce, kInt, {A(), CastTo(C(), kInteger)}),
             {"10", "20", "NULL", "-2147483648", "5"},
             {"2: invalid input syntax for type integer: \"\""});
  ExpectRows(Node(ExprKind::kCoalesce, kInt, {B(), A(), IntegerLiteral(0)}),
             {"2", "0", "3", "-1", "5"});
  ExpectRows(Node(ExprKind::kCoalesce, kInt, {IntegerLiteral(1), Ratio()}),
             {"1", "1", "1", "1", "1"});
}

TEST(EvaluatorTest, AFailedRowStaysFailed) {
  // COALESCE would make a value of it again, IS NULL too.
  ExpectRows(Node(ExprKind::kCoalesce, kInt, {Ratio(), IntegerLiteral(0)}),
             {"5", "NULL", "0", "NULL", "0"}, {"1: division by zero", "3: integer out of range"});
  ExpectRows(IsNull(Ratio()), {"false", "NULL", "true", "NULL", "true"},
             {"1: division by zero", "3: integer out of range"});
}

TEST(EvaluatorTest, ARowFailsOnceWithItsFirstError) {
  const Expr second = Call("multiply(integer,integer)", {A(), IntegerLiteral(1 << 30)});
  ExpectRows(Call("concat_ws(text,text...)",
                  {TextLiteral("-"), CastTo(Ratio(), kText), CastTo(second, kText)}),
             {"NULL", "NULL", "", "NULL", "NULL"},
             {"0: integer out of range", "1: division by zero", "3: integer out of range",
              "4: integer out of range"});
}

TEST(EvaluatorTest, LongBatchesCrossWords) {
  // 200 rows in which every third is NULL and every seventh divides by zero.
  std::vector<std::optional<std::string>> a, b, c, d;
  for (int i = 0; i < 200; ++i) {
    a.push_back(i % 3 == 0 ? std::nullopt : std::optional(std::to_string(i)));
    b.push_back(std::to_string(i % 7));
    c.push_back("t" + std::to_string(i % 5));
    d.push_back(i % 2 == 0 ? "true" : "false");
  }
  const auto batch = BatchOf(TestSchema(), {a, b, c, d})->Slice(3, 190);
  const Expr is_t1 = Call("eq(text,text)", {C(), TextLiteral("t1")});
  const Expr expr = And({Or({is_t1, D()}), Greater(Ratio(), IntegerLiteral(10))});
  const Outcome outcome = Evaluate(expr, *batch);
  for (int row = 0; row < 190; ++row) {
    const int i = row + 3;
    std::string expected = "false";
    if (i % 5 == 1 || i % 2 == 0) {
      const bool null = i % 3 == 0 || i % 7 == 0;
      expected = null ? "NULL" : i / (i % 7) > 10 ? "true" : "false";
    }
    EXPECT_EQ(outcome.values[row], expected) << i;
  }
  int failed = 0;
  for (int i = 3; i < 193; ++i) {
    failed += (i % 5 == 1 || i % 2 == 0) && i % 3 != 0 && i % 7 == 0 ? 1 : 0;
  }
  EXPECT_EQ(static_cast<int>(outcome.failed.size()), failed);
}

// Times that no text gives, but a column may hold: the ends of int64.
TEST(EvaluatorTest, TimesAtTheEndsOfTheirRange) {
  const DataType tz = DataType::Of(kTimestamptz);
  const Schema schema{{{"t", tz, true}}};
  for (const int64_t micros : {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX}) {
    const Expr t = IntegerLiteral(micros, kTimestamptz);
    for (const char* unit : {"second", "week", "month", "century"}) {
      auto trunc =
          Evaluator::Compile(Call("date_trunc(text,timestamptz)", {TextLiteral(unit), t}), schema);
      ASSERT_TRUE(trunc.ok());
      EXPECT_EQ(trunc->Evaluate(*EmptyBatch(1)).failed.size(), micros < 0 ? 1u : 0u) << unit;
    }
    for (const char* zone : {"America/New_York", "Asia/Tokyo"}) {
      auto local =
          Evaluator::Compile(Call("timezone(text,timestamptz)", {TextLiteral(zone), t}), schema);
      ASSERT_TRUE(local.ok());
      const bool inside = micros > 0 && zone[1] == 'm';
      EXPECT_EQ(local->Evaluate(*EmptyBatch(1)).failed.size(), inside ? 0u : 1u) << zone;
      auto back = Evaluator::Compile(
          Call("timezone(text,timestamp)", {TextLiteral(zone), IntegerLiteral(micros, kTimestamp)}),
          schema);
      ASSERT_TRUE(back.ok());
      const auto failed = back->Evaluate(*EmptyBatch(1)).failed;
      EXPECT_EQ(failed.size(), micros > 0 && zone[1] == 's' ? 0u : 1u) << zone << micros;
    }
    auto later = Evaluator::Compile(
        Call("add(timestamptz,interval)", {t, IntervalLiteral("1 mon 1 day")}), schema);
    ASSERT_TRUE(later.ok());
    EXPECT_EQ(later->Evaluate(*EmptyBatch(1)).failed.size(), 1u);
  }
}

TEST(EvaluatorTest, RefusesWhatItCannotRun) {
  auto refused = [](const Expr& expr) {
    auto evaluator = Evaluator::Compile(expr, TestSchema());
    EXPECT_FALSE(evaluator.ok());
    EXPECT_EQ(evaluator.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(evaluator.status().message());
  };
  Expr unknown = Ratio();
  unknown.function = "divide(integer,moon)";
  EXPECT_NE(refused(unknown).find("divide(integer,moon)"), std::string::npos);
  refused(Column(4, kInteger));
  refused(Column(-1, kInteger));
  refused(Column(0, kBigint));  // it is an integer
  Expr few = Ratio();
  few.args.pop_back();
  refused(few);
  Expr wrong = Ratio();
  wrong.args[0] = C();
  refused(wrong);
  refused(And({A()}));
  refused(And({}));
  refused(Node(ExprKind::kCase, kInt, {D(), A()}));       // no ELSE
  refused(Node(ExprKind::kCase, kInt, {D(), A(), C()}));  // branches of two types
  refused(Node(ExprKind::kCase, kInt, {A(), A(), A()}));
  refused(Node(ExprKind::kCoalesce, kInt, {A(), C()}));
  refused(CastTo(D(), kDate));
  EXPECT_NE(refused(Call("regexp_like(text,text)", {C(), TextLiteral("a(")})).find("a("),
            std::string::npos);
  refused(Call("like(text,text,text)", {C(), TextLiteral("a"), TextLiteral("##")}));
  refused(IntervalLiteral("1 day"));
}

}  // namespace
}  // namespace weir
