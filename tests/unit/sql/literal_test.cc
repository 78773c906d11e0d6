#include "sql/literal.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

std::string Number(const char* text) {
  absl::StatusOr<Value> value = NumberLiteral(text);
  if (!value.ok()) return std::string(value.status().message());
  return absl::StrCat(ToString(*value), " ", ToString(value->type));
}

std::string Text(const char* text, const DataType& type) {
  absl::StatusOr<Value> value = TextAs(text, type);
  return value.ok() ? ToString(*value) : std::string(value.status().message());
}

std::string Text(const char* text, TypeKind kind) { return Text(text, DataType::Of(kind)); }

TEST(NumberLiteral, HasPostgresTypes) {
  EXPECT_EQ(Number("0"), "0 integer");
  EXPECT_EQ(Number("2147483647"), "2147483647 integer");
  EXPECT_EQ(Number("-2147483648"), "-2147483648 integer");
  EXPECT_EQ(Number("2147483648"), "2147483648 bigint");
  EXPECT_EQ(Number("9223372036854775808"), "9223372036854775808 numeric(19,0)");
  EXPECT_EQ(Number("1.50"), "1.50 numeric(3,2)");
  EXPECT_EQ(Number("0.05"), "0.05 numeric(2,2)");
  EXPECT_EQ(Number(".5"), "0.5 numeric(1,1)");
  EXPECT_EQ(Number("1e3"), "1000 numeric(4,0)");
  EXPECT_EQ(Number("1.5e-3"), "0.0015 numeric(4,4)");
  EXPECT_EQ(Number("-0.0"), "0.0 numeric(1,1)");
  EXPECT_EQ(Number("99999999999999999999999999999999999999"),
            "99999999999999999999999999999999999999 numeric(38,0)");
}

TEST(NumberLiteral, RefusesMoreThan38Digits) {
  for (const char* text : {"999999999999999999999999999999999999999", "1e38", "1e-39", "1e900"}) {
    EXPECT_NE(Number(text).find("has more than 38 digits"), std::string::npos) << text;
  }
  EXPECT_EQ(Number("1e99999"), "invalid number 1e99999");
}

TEST(TextAs, ReadsEveryType) {
  EXPECT_EQ(Text(" t ", TypeKind::kBoolean), "TRUE");
  EXPECT_EQ(Text("OFF", TypeKind::kBoolean), "FALSE");
  EXPECT_EQ(Text(" -32768 ", TypeKind::kSmallint), "-32768");
  EXPECT_EQ(Text("9223372036854775807", TypeKind::kBigint), "9223372036854775807");
  EXPECT_EQ(Text("1e3", TypeKind::kDouble), "1e+03");
  EXPECT_EQ(Text("-Infinity", TypeKind::kDouble), "'-Infinity'");
  EXPECT_EQ(Text("1.005", DataType::Numeric(5, 2)), "1.01");
  EXPECT_EQ(Text("-1.005", DataType::Numeric(5, 2)), "-1.01");
  EXPECT_EQ(Text("2024-02-29T07:08:09Z", TypeKind::kTimestamptz),
            "TIMESTAMPTZ '2024-02-29 07:08:09+00'");
  EXPECT_EQ(Text("2024-02-29 09:08:09+02", TypeKind::kTimestamptz),
            "TIMESTAMPTZ '2024-02-29 07:08:09+00'");
  EXPECT_EQ(Text("2024-02-29", TypeKind::kDate), "DATE '2024-02-29'");
  EXPECT_EQ(Text("\\x1F2e", TypeKind::kBytea), "'\\x1f2e'");
  EXPECT_EQ(Text("a\\\\b\\001", TypeKind::kBytea), "'\\x615c6201'");
  EXPECT_EQ(Text("A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11", TypeKind::kUuid),
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'");
  EXPECT_EQ(Text("1 day 02:30:00", TypeKind::kInterval), "INTERVAL '1 day 2 hours 30 minutes'");
  EXPECT_EQ(Text(" kept ", TypeKind::kText), "' kept '");
}

TEST(TextAs, RefusesWhatIsNotOfTheType) {
  EXPECT_EQ(Text("maybe", TypeKind::kBoolean), "invalid input syntax for type boolean: \"maybe\"");
  EXPECT_EQ(Text("", TypeKind::kBoolean), "invalid input syntax for type boolean: \"\"");
  EXPECT_EQ(Text("32768", TypeKind::kSmallint),
            "value \"32768\" is out of range for type smallint");
  EXPECT_EQ(Text("1.0", TypeKind::kInteger), "invalid input syntax for type integer: \"1.0\"");
  EXPECT_EQ(Text("", TypeKind::kInteger), "invalid input syntax for type integer: \"\"");
  EXPECT_EQ(Text("1e400", TypeKind::kDouble),
            "value \"1e400\" is out of range for type double precision");
  EXPECT_EQ(Text("0x10", TypeKind::kDouble),
            "invalid input syntax for type double precision: \"0x10\"");
  EXPECT_EQ(Text("1000", DataType::Numeric(3, 0)),
            "value \"1000\" is out of range for type numeric(3,0)");
  EXPECT_EQ(Text("9.995", DataType::Numeric(3, 2)),
            "value \"9.995\" is out of range for type numeric(3,2)");
  EXPECT_EQ(Text("2024-02-30", TypeKind::kDate),
            "value \"2024-02-30\" is out of range for type date");
  EXPECT_EQ(Text("now", TypeKind::kTimestamptz),
            "invalid input syntax for type timestamp with time zone: \"now\"; write it as in "
            "'2024-02-29T07:08:09Z'");
  for (const char* text : {"\\x1", "\\x1g", "a\\b", "\\400", "\\12"}) {
    EXPECT_NE(Text(text, TypeKind::kBytea).find("write hex, as in"), std::string::npos) << text;
  }
  EXPECT_EQ(Text("a0eebc99", TypeKind::kUuid), "invalid input syntax for type uuid: \"a0eebc99\"");
}

TEST(FoldNumberCast, FoldsOnlyWhatIsExact) {
  const Value five{DataType::Of(TypeKind::kInteger), int64_t{5}};
  const Value half{DataType::Numeric(2, 1), absl::int128(15)};
  EXPECT_EQ(ToString(*FoldNumberCast(five, DataType::Of(TypeKind::kDouble))), "5");
  EXPECT_EQ(ToString(*FoldNumberCast(five, DataType::Numeric(5, 2))), "5.00");
  EXPECT_EQ(ToString(*FoldNumberCast(half, DataType::Of(TypeKind::kDouble))), "1.5");
  EXPECT_FALSE(FoldNumberCast(half, DataType::Of(TypeKind::kInteger)).has_value());
  EXPECT_FALSE(FoldNumberCast(five, DataType::Of(TypeKind::kText)).has_value());
  EXPECT_FALSE(FoldNumberCast(five, DataType::Of(TypeKind::kBoolean)).has_value());
  const Value large{DataType::Of(TypeKind::kInteger), int64_t{70000}};
  EXPECT_FALSE(FoldNumberCast(large, DataType::Of(TypeKind::kSmallint)).has_value());
}

}  // namespace
}  // namespace weir
