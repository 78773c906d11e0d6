#include "sql/overload.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using enum TypeKind;

const ArgumentType kUntyped{DataType::Of(kText), true};

ArgumentType Of(TypeKind kind) {
  return {kind == kNumeric ? DataType::Numeric(10, 2) : DataType::Of(kind), false};
}

std::string Resolve(const char* name, std::vector<ArgumentType> args, bool is_operator) {
  absl::StatusOr<const FunctionSignature*> found = ResolveOverload(name, args, is_operator);
  if (found.ok()) return (*found)->id;
  return absl::IsNotFound(found.status()) ? "none" : "ambiguous";
}

std::string Operator(const char* name, ArgumentType a, ArgumentType b) {
  return Resolve(name, {a, b}, true);
}

// What PostgreSQL 15 chooses.
TEST(ResolveOverload, ChoosesOperatorsAsPostgres) {
  EXPECT_EQ(Operator("add", Of(kInteger), Of(kInteger)), "add(integer,integer)");
  EXPECT_EQ(Operator("add", Of(kInteger), Of(kBigint)), "add(bigint,bigint)");
  EXPECT_EQ(Operator("add", Of(kSmallint), Of(kNumeric)), "add(numeric,numeric)");
  EXPECT_EQ(Operator("add", Of(kNumeric), Of(kDouble)), "add(double,double)");
  EXPECT_EQ(Operator("add", Of(kInteger), Of(kReal)), "add(double,real)");
  EXPECT_EQ(Operator("add", Of(kDate), Of(kInteger)), "add(date,integer)");
  EXPECT_EQ(Operator("add", Of(kTimestamptz), Of(kInterval)), "add(timestamptz,interval)");
  EXPECT_EQ(Operator("add", Of(kTimestamptz), kUntyped), "add(timestamptz,interval)");
  EXPECT_EQ(Operator("add", Of(kInteger), kUntyped), "add(integer,integer)");
  EXPECT_EQ(Operator("eq", Of(kText), kUntyped), "eq(text,text)");
  EXPECT_EQ(Operator("eq", kUntyped, Of(kTimestamptz)), "eq(timestamptz,timestamptz)");
  EXPECT_EQ(Operator("eq", kUntyped, kUntyped), "eq(text,text)");
  EXPECT_EQ(Operator("lt", Of(kDate), Of(kTimestamptz)), "lt(timestamptz,timestamptz)");
  EXPECT_EQ(Operator("concat_op", kUntyped, kUntyped), "concat_op(text,text)");
  EXPECT_EQ(Operator("concat_op", Of(kText), Of(kInteger)), "concat_op(text,integer)");
  EXPECT_EQ(Operator("concat_op", kUntyped, Of(kInteger)), "concat_op(text,integer)");
}

TEST(ResolveOverload, RefusesOperatorsThatPostgresRefuses) {
  EXPECT_EQ(Operator("add", Of(kText), Of(kInteger)), "none");
  EXPECT_EQ(Operator("eq", Of(kText), Of(kInteger)), "none");
  EXPECT_EQ(Operator("eq", Of(kBoolean), Of(kInteger)), "none");
  EXPECT_EQ(Operator("eq", Of(kJsonb), Of(kJsonb)), "none");
  EXPECT_EQ(Operator("subtract", Of(kTimestamptz), Of(kTimestamptz)), "none");
  EXPECT_EQ(Operator("concat_op", Of(kInteger), Of(kInteger)), "none");
}

TEST(ResolveOverload, ChoosesFunctionsAsPostgres) {
  EXPECT_EQ(Resolve("round", {Of(kInteger)}, false), "round(double)");
  EXPECT_EQ(Resolve("round", {Of(kNumeric)}, false), "round(numeric)");
  EXPECT_EQ(Resolve("round", {Of(kNumeric), Of(kInteger)}, false), "round(numeric,integer)");
  EXPECT_EQ(Resolve("round", {Of(kDouble), Of(kInteger)}, false), "none");
  EXPECT_EQ(Resolve("abs", {kUntyped}, false), "abs(double)");
  EXPECT_EQ(Resolve("length", {kUntyped}, false), "length(text)");
  EXPECT_EQ(Resolve("date_trunc", {kUntyped, Of(kDate)}, false), "date_trunc(text,date)");
  EXPECT_EQ(Resolve("greatest", {Of(kInteger), Of(kInteger), Of(kInteger)}, false),
            "greatest(integer...)");
  EXPECT_EQ(Resolve("lower", {Of(kInteger)}, false), "none");
  EXPECT_EQ(Resolve("lower", {}, false), "none");
  EXPECT_EQ(Resolve("nothing", {kUntyped}, false), "none");
}

TEST(CommonType, IsPostgres) {
  const auto common = [](std::vector<ArgumentType> types) {
    const std::optional<DataType> type = CommonType(types);
    return type.has_value() ? ToString(*type) : "none";
  };
  EXPECT_EQ(common({Of(kInteger), Of(kBigint)}), "bigint");
  EXPECT_EQ(common({Of(kInteger), Of(kNumeric)}), "numeric(12,2)");
  EXPECT_EQ(common({Of(kNumeric), Of(kDouble), Of(kInteger)}), "double precision");
  EXPECT_EQ(common({{DataType::Numeric(5, 4), false}, Of(kNumeric)}), "numeric(12,4)");
  EXPECT_EQ(common({kUntyped, Of(kInteger)}), "integer");
  EXPECT_EQ(common({kUntyped, kUntyped}), "text");
  EXPECT_EQ(common({Of(kDate), Of(kTimestamptz)}), "timestamp with time zone");
  EXPECT_EQ(common({Of(kText), Of(kInteger)}), "none");
  EXPECT_EQ(common({Of(kUuid), Of(kBytea)}), "none");
}

}  // namespace
}  // namespace weir
