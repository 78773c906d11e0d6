#include "model/expr.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

const DataType kInt = DataType::Of(TypeKind::kInteger);
const DataType kBool = DataType::Of(TypeKind::kBoolean);

Expr Column(int column) { return {.kind = ExprKind::kColumn, .type = kInt, .column = column}; }
Expr Literal(int64_t value) {
  return {.kind = ExprKind::kLiteral, .type = kInt, .literal = {kInt, value}};
}
Expr Call(const std::string& function, std::vector<Expr> args) {
  return {.kind = ExprKind::kCall, .type = kInt, .function = function, .args = std::move(args)};
}
Expr Of(ExprKind kind, std::vector<Expr> args) {
  return {.kind = kind, .type = kBool, .args = std::move(args)};
}

std::string Text(const Expr& expr) {
  return ToString(expr, Schema{{{"amount", kInt}, {"eventType", kInt}, {"odd \"name", kInt}}});
}

TEST(ExprTest, PrintsOperatorsBetweenTheirArguments) {
  EXPECT_EQ(Text(Call("add(integer,integer)",
                      {Column(0), Call("multiply(integer,integer)", {Column(1), Literal(2)})})),
            "amount + (eventType * 2)");
  EXPECT_EQ(Text(Call("negate(integer)", {Call("add(integer,integer)", {Column(0), Literal(1)})})),
            "-(amount + 1)");
  EXPECT_EQ(Text(Call("is_distinct_from(integer,integer)", {Column(0), Literal(1)})),
            "amount IS DISTINCT FROM 1");
  EXPECT_EQ(Text(Call("greatest(integer...)", {Column(0), Literal(1), Column(1)})),
            "greatest(amount, 1, eventType)");
}

TEST(ExprTest, PrintsLogic) {
  const Expr eq = Call("eq(integer,integer)", {Column(0), Literal(1)});
  EXPECT_EQ(Text(Of(ExprKind::kAnd, {eq, eq, Of(ExprKind::kOr, {eq, eq})})),
            "(amount = 1) AND (amount = 1) AND ((amount = 1) OR (amount = 1))");
  EXPECT_EQ(Text(Of(ExprKind::kNot, {Of(ExprKind::kIsNull, {Column(0)})})), "amount IS NOT NULL");
  EXPECT_EQ(Text(Of(ExprKind::kNot, {eq})), "NOT (amount = 1)");
  EXPECT_EQ(Text(Of(ExprKind::kCase, {eq, Literal(1), eq, Literal(2), Literal(3)})),
            "CASE WHEN amount = 1 THEN 1 WHEN amount = 1 THEN 2 ELSE 3 END");
  EXPECT_EQ(Text(Of(ExprKind::kCoalesce, {Column(0), Literal(0)})), "COALESCE(amount, 0)");
}

TEST(ExprTest, TellsWrittenCastsFromImplicitOnes) {
  Expr cast{.kind = ExprKind::kCast, .type = DataType::Of(TypeKind::kBigint), .args = {Column(0)}};
  EXPECT_EQ(Text(cast), "amount::bigint");
  cast.explicit_cast = true;
  EXPECT_EQ(Text(cast), "CAST(amount AS bigint)");
}

TEST(ExprTest, QuotesOddNamesAndSurvivesMissingOnes) {
  EXPECT_EQ(Text(Column(2)), "\"odd \"\"name\"");
  EXPECT_EQ(Text(Column(7)), "$7");
}

TEST(ExprTest, VisitsEveryColumn) {
  const Expr expr =
      Of(ExprKind::kAnd, {Call("add(integer,integer)", {Column(2), Column(0)}), Column(2)});
  std::vector<int> seen;
  VisitColumns(
      expr, [](int column, void* arg) { static_cast<std::vector<int>*>(arg)->push_back(column); },
      &seen);
  EXPECT_EQ(seen, (std::vector<int>{2, 0, 2}));
}

TEST(ExprDeathTest, ACastHasOneArgument) {
  EXPECT_DEATH(Text({.kind = ExprKind::kCast, .type = kInt}), "broken invariant");
}

}  // namespace
}  // namespace weir
