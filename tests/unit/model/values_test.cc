// Types, values, plans and snapshots: the small functions of model/.
#include <gtest/gtest.h>

#include <limits>

#include "arrow/type.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "model/types.h"
#include "model/value.h"

namespace weir {
namespace {

TEST(TypesTest, PrintsAsPostgres) {
  EXPECT_EQ(ToString(DataType::Of(TypeKind::kDouble)), "double precision");
  EXPECT_EQ(ToString(DataType::Numeric(10, 2)), "numeric(10,2)");
  EXPECT_EQ(ToString(DataType::Of(TypeKind::kTimestamptz)), "timestamp with time zone");
}

TEST(TypesTest, LiesInArrow) {
  EXPECT_TRUE(ArrowType(DataType::Of(TypeKind::kUuid))->Equals(*arrow::utf8()));
  EXPECT_TRUE(ArrowType(DataType::Numeric(38, 10))->Equals(*arrow::decimal128(38, 10)));
  EXPECT_TRUE(ArrowType(DataType::Of(TypeKind::kTimestamptz))
                  ->Equals(*arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")));
  EXPECT_TRUE(ArrowType(DataType::Of(TypeKind::kTimestamp))
                  ->Equals(*arrow::timestamp(arrow::TimeUnit::MICRO)));
  const Schema schema{{{"userId", DataType::Of(TypeKind::kText), true},
                       {"n", DataType::Of(TypeKind::kSmallint), false}}};
  EXPECT_TRUE(ArrowSchema(schema)->Equals(*arrow::schema(
      {arrow::field("userId", arrow::utf8(), true), arrow::field("n", arrow::int16(), false)})));
}

TEST(TypesDeathTest, IntervalsAreNeverColumns) {
  EXPECT_DEATH(ArrowType(DataType::Of(TypeKind::kInterval)), "interval");
}

TEST(FindColumnTest, PrefersTheExactSpelling) {
  const DataType text = DataType::Of(TypeKind::kText);
  const Schema schema{
      {{"Name", text}, {"name", text}, {"eventTime", text}, {"A", text}, {"a", text}}};
  EXPECT_EQ(FindColumn(schema, "name"), 1);
  EXPECT_EQ(FindColumn(schema, "Name"), 0);
  EXPECT_EQ(FindColumn(schema, "EVENTTIME"), 2);
  EXPECT_EQ(FindColumn(schema, "NAME"), -1) << "ambiguous";
  EXPECT_EQ(FindColumn(schema, "missing"), -1);
  EXPECT_EQ(FindColumn(schema, ""), -1);
}

std::string Text(TypeKind kind, decltype(Value::data) data) {
  return ToString(Value{DataType::Of(kind), std::move(data)});
}

TEST(ValueTest, PrintsSqlText) {
  EXPECT_EQ(Text(TypeKind::kText, std::monostate()), "NULL");
  EXPECT_EQ(Text(TypeKind::kText, std::string("it's")), "'it''s'");
  EXPECT_EQ(Text(TypeKind::kBytea, std::string("\x01\xff", 2)), "'\\x01ff'");
  EXPECT_EQ(Text(TypeKind::kBoolean, true), "TRUE");
  EXPECT_EQ(Text(TypeKind::kBigint, std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Text(TypeKind::kDate, int64_t{19782}), "DATE '2024-02-29'");
  EXPECT_EQ(Text(TypeKind::kTimestamptz, int64_t{1'500'000}),
            "TIMESTAMPTZ '1970-01-01 00:00:01.5+00'");
  EXPECT_EQ(Text(TypeKind::kTimestamp, int64_t{0}), "TIMESTAMP '1970-01-01 00:00:00'");
}

TEST(ValueTest, PrintsFloatsSoThatTheyReadBack) {
  EXPECT_EQ(Text(TypeKind::kDouble, 0.1), "0.1");
  EXPECT_EQ(Text(TypeKind::kDouble, 1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(Text(TypeKind::kReal, double{0.1f}), "0.1");
  EXPECT_EQ(Text(TypeKind::kDouble, 1e300), "1e+300");
  EXPECT_EQ(Text(TypeKind::kDouble, std::numeric_limits<double>::quiet_NaN()), "'NaN'");
  EXPECT_EQ(Text(TypeKind::kDouble, -std::numeric_limits<double>::infinity()), "'-Infinity'");
}

TEST(ValueTest, PrintsNumericsWithTheirScale) {
  const auto numeric = [](absl::int128 unscaled, int scale) {
    return ToString(Value{DataType::Numeric(38, scale), unscaled});
  };
  EXPECT_EQ(numeric(1250, 2), "12.50");
  EXPECT_EQ(numeric(-5, 2), "-0.05");
  EXPECT_EQ(numeric(0, 3), "0.000");
  EXPECT_EQ(numeric(-7, 0), "-7");
  EXPECT_EQ(numeric(absl::Int128Min(), 0), "-170141183460469231731687303715884105728");
}

TEST(ValueTest, PrintsIntervals) {
  const auto interval = [](Interval i) { return Text(TypeKind::kInterval, i); };
  EXPECT_EQ(interval({0, 0, 300'000'000}), "INTERVAL '5 minutes'");
  EXPECT_EQ(interval({14, 1, 3'661'000'000}),
            "INTERVAL '1 year 2 months 1 day 1 hour 1 minute 1 second'");
  EXPECT_EQ(interval({0, 0, 500'000}), "INTERVAL '500 milliseconds'");
  EXPECT_EQ(interval({0, 0, -1'500'001}), "INTERVAL '-1500001 microseconds'");
  EXPECT_EQ(interval({}), "INTERVAL '0 seconds'");
}

TEST(PlanTest, PanesAreTheCommonSliceOfSizeAndSlide) {
  EXPECT_EQ((WindowSpec{300, 300, 0}).pane_us(), 300);
  EXPECT_EQ((WindowSpec{600, 120, 0}).pane_us(), 120);
  EXPECT_EQ((WindowSpec{600, 250, 0}).pane_us(), 50);
}

TEST(PlanTest, KnowsVerticesThatRead) {
  VertexSpec vertex;
  vertex.operators.push_back({.id = "a", .name = "filter", .op = FilterOp{}});
  EXPECT_FALSE(vertex.has_source());
  vertex.operators.push_back({.id = "b", .name = "source", .op = SourceOp{}});
  EXPECT_TRUE(vertex.has_source());
}

TEST(PlanTest, DeadLettersNameTheRecord) {
  const Schema schema = DeadLetterSchema();
  ASSERT_EQ(schema.size(), 7);
  EXPECT_EQ(schema.columns[0].name, "topic");
  EXPECT_EQ(schema.columns[2].type.kind, TypeKind::kBigint);
  EXPECT_TRUE(schema.columns[3].nullable) << "a record may have no key";
  EXPECT_EQ(schema.columns[6].name, "received_at");
}

TEST(InsertCountersTest, AddUp) {
  InsertCounters counters{10, 5, 1, 1, {{"syntax", 3}}};
  counters.Add({4, 1, 0, 1, {{"syntax", 1}, {"wrong_type", 1}}});
  EXPECT_EQ(counters, (InsertCounters{14, 6, 1, 2, {{"syntax", 4}, {"wrong_type", 1}}}));
  EXPECT_EQ(counters.bad_total(), 5);
  EXPECT_EQ(InsertCounters{}.bad_total(), 0);
}

}  // namespace
}  // namespace weir
