#include "lake/delta_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::HasSubstr;

const DataType kLong = DataType::Of(TypeKind::kBigint);
const DataType kText = DataType::Of(TypeKind::kText);

void ExpectRefused(const Schema& ours, const std::vector<DeltaColumn>& table,
                   const std::string& what) {
  const absl::Status status = MatchSchema(ours, table).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST(DeltaSchemaTest, SurvivesARoundTrip) {
  const Schema schema{{{"a", DataType::Of(TypeKind::kBoolean), true},
                       {"b", DataType::Of(TypeKind::kSmallint), false},
                       {"c", DataType::Of(TypeKind::kInteger), true},
                       {"d", kLong, true},
                       {"e", DataType::Of(TypeKind::kReal), true},
                       {"f", DataType::Of(TypeKind::kDouble), true},
                       {"g", DataType::Numeric(38, 0), true},
                       {"h", kText, true},
                       {"i", DataType::Of(TypeKind::kBytea), true},
                       {"j", DataType::Of(TypeKind::kDate), true},
                       {"k", DataType::Of(TypeKind::kTimestamp), true},
                       {"l", DataType::Of(TypeKind::kTimestamptz), true},
                       {"m", DataType::Of(TypeKind::kUuid), true},
                       {"\"weird\" näme", DataType::Of(TypeKind::kJsonb), true}}};
  const auto columns = ParseDeltaSchema(FormatDeltaSchema(schema));
  ASSERT_TRUE(columns.ok()) << columns.status();
  ASSERT_EQ(columns->size(), 14u);
  EXPECT_EQ((*columns)[6].type, "decimal(38,0)");
  EXPECT_EQ((*columns)[10].type, "timestamp_ntz");
  EXPECT_EQ((*columns)[11].type, "timestamp");
  EXPECT_EQ((*columns)[12].type, "string");
  EXPECT_FALSE((*columns)[1].nullable);
  EXPECT_EQ((*columns)[13].name, "\"weird\" näme");
  const auto matched = MatchSchema(schema, *columns);
  ASSERT_TRUE(matched.ok()) << matched.status();
  EXPECT_EQ(*matched, schema);
}

TEST(DeltaSchemaTest, TheTablesSpellingWins) {
  const auto matched = MatchSchema(
      {{{"EVENTTIME", kLong, true}, {"n", kText, true}}},
      {{"N", "string", true, {}}, {"eventTime", "long", true, {}}, {"more", "struct", true, {}}});
  ASSERT_TRUE(matched.ok()) << matched.status();
  EXPECT_EQ(*matched, (Schema{{{"eventTime", kLong, true}, {"N", kText, true}}}));
}

TEST(DeltaSchemaTest, NotNullIntoNullableIsFine) {
  EXPECT_TRUE(MatchSchema({{{"n", kLong, false}}}, {{"n", "long", true, {}}}).ok());
}

TEST(DeltaSchemaTest, RefusesWhatDoesNotFit) {
  ExpectRefused({{{"x", kLong, true}}}, {{"n", "long", true, {}}}, "no column x; it has n");
  ExpectRefused({{{"n", kText, true}}}, {{"n", "long", true, {}}}, "declare it BIGINT");
  ExpectRefused({{{"n", kText, true}}}, {{"n", "decimal(10,2)", true, {}}},
                "declare it NUMERIC(10,2)");
  ExpectRefused({{{"n", kText, true}}}, {{"n", "map", true, {}}}, "no type for map");
  ExpectRefused({{{"n", DataType::Numeric(10, 3), true}}}, {{"n", "decimal(10,2)", true, {}}},
                "decimal(10,3)");
  ExpectRefused({{{"n", kLong, true}}}, {{"n", "long", false, {}}}, "add NOT NULL");
  ExpectRefused({{{"n", kLong, true}}}, {{"n", "long", true, {}}, {"m", "long", false, {}}},
                "column m");
  ExpectRefused({{{"n", kLong, true}, {"N", kLong, true}}}, {{"n", "long", true, {}}},
                "are both n");
}

TEST(DeltaSchemaTest, RefusesAForeignText) {
  for (const char* text :
       {"", "{}", "[]", R"({"fields":[{"name":"n"}]})", R"({"fields":[{"name":1,)"})
    EXPECT_TRUE(absl::IsDataLoss(ParseDeltaSchema(text).status())) << text;
}

}  // namespace
}  // namespace weir
