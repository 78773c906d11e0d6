#include "model/functions.h"

#include <set>

#include "gtest/gtest.h"

namespace weir {
namespace {

using enum TypeKind;

TEST(FunctionsTest, IdsAreUniqueAndFound) {
  std::set<std::string> ids;
  for (const FunctionSignature& f : AllFunctions()) {
    EXPECT_TRUE(ids.insert(f.id).second) << f.id;
    EXPECT_EQ(FindFunction(f.id), &f);
    EXPECT_TRUE(f.id.starts_with(f.name + "(")) << f.id;
    EXPECT_TRUE(!f.variadic || !f.args.empty()) << f.id;
    EXPECT_EQ(f.result == DataType{}, f.rule != ResultRule::kFixed) << f.id;
  }
  EXPECT_GT(ids.size(), 200u);
  EXPECT_EQ(FindFunction("add(integer,text)"), nullptr);
}

TEST(FunctionsTest, OverloadsByName) {
  EXPECT_EQ(FunctionsNamed("nonsense").size(), 0u);
  EXPECT_EQ(FunctionsNamed("").size(), 0u);
  for (const FunctionSignature& f : FunctionsNamed("lpad")) EXPECT_EQ(f.name, "lpad");
  EXPECT_EQ(FunctionsNamed("lpad").size(), 2u);
  EXPECT_EQ(FunctionsNamed("concat_ws")[0].id, "concat_ws(text,text...)");
  EXPECT_EQ(FunctionsNamed("to_timestamp")[0].id, "to_timestamp(double)");
}

DataType ResultOf(std::string_view id, std::vector<DataType> args) {
  const FunctionSignature* f = FindFunction(id);
  EXPECT_NE(f, nullptr) << id;
  return f == nullptr ? DataType{} : ResultType(*f, args);
}

TEST(FunctionsTest, NumericResultTypes) {
  auto n = DataType::Numeric;
  EXPECT_EQ(ResultOf("add(numeric,numeric)", {n(10, 2), n(5, 4)}), n(13, 4));
  EXPECT_EQ(ResultOf("subtract(numeric,numeric)", {n(38, 2), n(5, 4)}), n(38, 4));
  EXPECT_EQ(ResultOf("multiply(numeric,numeric)", {n(10, 2), n(5, 4)}), n(15, 6));
  EXPECT_EQ(ResultOf("multiply(numeric,numeric)", {n(30, 15), n(30, 15)}), n(38, 19));
  EXPECT_EQ(ResultOf("multiply(numeric,numeric)", {n(38, 0), n(38, 2)}), n(38, 2));
  EXPECT_EQ(ResultOf("divide(numeric,numeric)", {n(10, 2), n(5, 4)}), n(38, 16));
  EXPECT_EQ(ResultOf("divide(numeric,numeric)", {n(30, 20), n(5, 4)}), n(38, 20));
  EXPECT_EQ(ResultOf("modulo(numeric,numeric)", {n(10, 2), n(5, 4)}), n(38, 4));
  EXPECT_EQ(ResultOf("round(numeric)", {n(10, 2)}), n(9, 0));
  EXPECT_EQ(ResultOf("round(numeric,integer)", {n(10, 2), DataType::Of(kInteger)}), n(11, 2));
  EXPECT_EQ(ResultOf("greatest(numeric...)", {n(10, 2), n(5, 4), n(3, 3)}), n(12, 4));
  EXPECT_EQ(ResultOf("abs(numeric)", {n(10, 2)}), n(10, 2));
  EXPECT_EQ(ResultOf("greatest(text...)", {DataType::Of(kText)}), DataType::Of(kText));
  EXPECT_EQ(ResultOf("extract(text,date)", {}), n(38, 6));
}

TEST(FunctionsTest, CastsFollowPostgres) {
  auto cast = [](TypeKind from, TypeKind to) {
    auto type = [](TypeKind kind) {
      return kind == kNumeric ? DataType::Numeric(10, 2) : DataType::Of(kind);
    };
    return CastAllowed(type(from), type(to));
  };
  EXPECT_EQ(cast(kInteger, kBigint), CastContext::kImplicit);
  EXPECT_EQ(cast(kBigint, kInteger), CastContext::kAssignment);
  EXPECT_EQ(cast(kNumeric, kReal), CastContext::kImplicit);
  EXPECT_EQ(cast(kReal, kNumeric), CastContext::kAssignment);
  EXPECT_EQ(cast(kDouble, kReal), CastContext::kAssignment);
  EXPECT_EQ(cast(kInteger, kBoolean), CastContext::kExplicit);
  EXPECT_EQ(cast(kBigint, kBoolean), CastContext::kNone);
  EXPECT_EQ(cast(kInteger, kText), CastContext::kAssignment);
  EXPECT_EQ(cast(kText, kInteger), CastContext::kExplicit);
  EXPECT_EQ(cast(kDate, kTimestamptz), CastContext::kImplicit);
  EXPECT_EQ(cast(kTimestamptz, kTimestamp), CastContext::kAssignment);
  EXPECT_EQ(cast(kJsonb, kBigint), CastContext::kExplicit);
  EXPECT_EQ(cast(kBytea, kInteger), CastContext::kNone);
  EXPECT_EQ(cast(kNull, kDate), CastContext::kImplicit);
  EXPECT_EQ(cast(kDate, kNull), CastContext::kNone);
  EXPECT_EQ(cast(kText, kInterval), CastContext::kNone);
  EXPECT_EQ(cast(kDate, kInteger), CastContext::kNone);
}

}  // namespace
}  // namespace weir
