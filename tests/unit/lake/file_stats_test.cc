#include "lake/file_stats.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Statistics of one column "c".
template <class Builder, class Value>
std::string StatsOf(const DataType& type, const std::vector<std::optional<Value>>& values) {
  const Schema schema{{{"c", type, true}}};
  const auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
  for (const auto& value : values) {
    const arrow::Status appended =
        value ? static_cast<Builder*>(builder.get())->Append(*value) : builder->AppendNull();
    EXPECT_TRUE(appended.ok()) << appended.ToString();
  }
  FileStats stats(schema);
  stats.Add(*arrow::RecordBatch::Make(ArrowSchema(schema), static_cast<int64_t>(values.size()),
                                      {builder->Finish().ValueOrDie()}));
  return stats.ToJson();
}

std::string Doubles(const std::vector<std::optional<double>>& values) {
  return StatsOf<arrow::DoubleBuilder>(DataType::Of(TypeKind::kDouble), values);
}
std::string Instants(const std::vector<std::optional<int64_t>>& values) {
  return StatsOf<arrow::TimestampBuilder>(DataType::Of(TypeKind::kTimestamptz), values);
}
std::string Bounds(const std::string& min, const std::string& max) {
  return absl::StrCat("\"minValues\":{\"c\":", min, "},\"maxValues\":{\"c\":", max, "}");
}

TEST(FileStatsTest, CountsRowsAndNulls) {
  EXPECT_EQ(StatsOf<arrow::Int64Builder>(DataType::Of(TypeKind::kBigint),
                                         std::vector<std::optional<int64_t>>{3, std::nullopt, -5}),
            R"({"numRecords":3,"minValues":{"c":-5},"maxValues":{"c":3},"nullCount":{"c":1}})");
}

TEST(FileStatsTest, AllNullHasNoBounds) {
  EXPECT_EQ(Doubles({std::nullopt}),
            R"({"numRecords":1,"minValues":{},"maxValues":{},"nullCount":{"c":1}})");
}

TEST(FileStatsTest, ExtremeIntegers) {
  const int64_t min = std::numeric_limits<int64_t>::min();
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(StatsOf<arrow::Int64Builder>(DataType::Of(TypeKind::kBigint),
                                           std::vector<std::optional<int64_t>>{max, min}),
              HasSubstr(Bounds("-9223372036854775808", "9223372036854775807")));
}

TEST(FileStatsTest, NoBoundsForBooleanAndBinary) {
  EXPECT_THAT(StatsOf<arrow::BooleanBuilder>(DataType::Of(TypeKind::kBoolean),
                                             std::vector<std::optional<bool>>{true, std::nullopt}),
              HasSubstr(R"("minValues":{},"maxValues":{},"nullCount":{"c":1})"));
  EXPECT_THAT(StatsOf<arrow::BinaryBuilder>(DataType::Of(TypeKind::kBytea),
                                            std::vector<std::optional<std::string>>{"x"}),
              HasSubstr(R"("minValues":{},"maxValues":{})"));
}

TEST(FileStatsTest, NanTakesTheMaximumAwayAndIsNeverWritten) {
  EXPECT_THAT(Doubles({1.5, kNan, 2.5}), HasSubstr(R"("minValues":{"c":1.5},"maxValues":{})"));
  EXPECT_THAT(Doubles({kNan}), HasSubstr(R"("minValues":{},"maxValues":{})"));
}

TEST(FileStatsTest, InfinityIsNoJsonNumber) {
  EXPECT_THAT(Doubles({-kInfinity, 1.5}), HasSubstr(R"("minValues":{},"maxValues":{"c":1.5})"));
  EXPECT_THAT(Doubles({kInfinity, 1.5}), HasSubstr(R"("minValues":{"c":1.5},"maxValues":{})"));
}

TEST(FileStatsTest, ZeroTakesInBothSigns) {
  EXPECT_THAT(Doubles({0.0}), HasSubstr(Bounds("-0.0", "0.0")));
  EXPECT_THAT(Doubles({-0.0}), HasSubstr(Bounds("-0.0", "0.0")));
}

TEST(FileStatsTest, DoublesAreExact) {
  const double max = std::numeric_limits<double>::max();
  const double tiny = std::numeric_limits<double>::denorm_min();
  const Json stats = Json::parse(Doubles({max, tiny, 0.1}));
  EXPECT_EQ(stats["minValues"]["c"].get<double>(), tiny);
  EXPECT_EQ(stats["maxValues"]["c"].get<double>(), max);
}

TEST(FileStatsTest, FloatsAreExactAsDoubles) {
  const Json stats = Json::parse(StatsOf<arrow::FloatBuilder>(
      DataType::Of(TypeKind::kReal), std::vector<std::optional<float>>{0.1f}));
  EXPECT_EQ(stats["minValues"]["c"].get<double>(), static_cast<double>(0.1f));
}

TEST(FileStatsTest, DecimalsDigitForDigit) {
  const auto decimals = [](int precision, int scale, const std::vector<const char*>& texts) {
    std::vector<std::optional<arrow::Decimal128>> values;
    for (const char* text : texts) {
      arrow::Decimal128 value;
      int32_t p = 0, s = 0;
      EXPECT_TRUE(arrow::Decimal128::FromString(text, &value, &p, &s).ok());
      values.push_back(value.Rescale(s, scale).ValueOrDie());
    }
    return StatsOf<arrow::Decimal128Builder>(DataType::Numeric(precision, scale), values);
  };
  const std::string nines(38, '9');
  EXPECT_THAT(decimals(38, 0, {nines.c_str(), ("-" + nines).c_str()}),
              HasSubstr(Bounds("-" + nines, nines)));
  EXPECT_THAT(decimals(10, 4, {"-0.0001", "12"}), HasSubstr(Bounds("-0.0001", "12.0000")));
  EXPECT_THAT(decimals(38, 38, {"0.00000000000000000000000000000000000001"}),
              HasSubstr("0.00000000000000000000000000000000000001"));
}

TEST(FileStatsTest, TimestampsFloorToMilliseconds) {
  EXPECT_THAT(Instants({1'700'000'000'123'999, 1'700'000'000'999'001}),
              HasSubstr(Bounds("\"2023-11-14T22:13:20.123Z\"", "\"2023-11-14T22:13:20.999Z\"")));
  EXPECT_THAT(Instants({-1}), HasSubstr("\"1969-12-31T23:59:59.999Z\""));
  EXPECT_THAT(StatsOf<arrow::TimestampBuilder>(DataType::Of(TypeKind::kTimestamp),
                                               std::vector<std::optional<int64_t>>{0}),
              HasSubstr("\"1970-01-01T00:00:00.000\""));
}

TEST(FileStatsTest, NoBoundBeyondOrdinaryYears) {
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(Instants({0, max}), HasSubstr("\"maxValues\":{}"));
  EXPECT_THAT(Instants({0, std::numeric_limits<int64_t>::min()}), HasSubstr("\"minValues\":{}"));
  const auto dates = [](std::vector<std::optional<int32_t>> days) {
    return StatsOf<arrow::Date32Builder>(DataType::Of(TypeKind::kDate), days);
  };
  EXPECT_THAT(dates({-719162, 2932896}), HasSubstr(Bounds("\"0001-01-01\"", "\"9999-12-31\"")));
  EXPECT_THAT(dates({-719163, 2932897}), HasSubstr(R"("minValues":{},"maxValues":{})"));
}

TEST(FileStatsTest, OnlyTheFirstColumnsHaveStatistics) {
  Schema schema;
  std::vector<std::shared_ptr<arrow::Array>> columns;
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.Append(1).ok());
  const auto array = builder.Finish().ValueOrDie();
  for (int c = 0; c < 40; ++c) {
    schema.columns.push_back({absl::StrCat("c", c), DataType::Of(TypeKind::kBigint), true});
    columns.push_back(array);
  }
  FileStats stats(schema);
  stats.Add(*arrow::RecordBatch::Make(ArrowSchema(schema), 1, columns));
  EXPECT_THAT(stats.ToJson(), HasSubstr("\"c31\":1"));
  EXPECT_THAT(stats.ToJson(), Not(HasSubstr("\"c32\"")));
}

TEST(TextBoundsTest, ShortTextIsItsOwnBound) {
  const std::string exactly(32, 'z');
  for (const std::string& text : {std::string(), std::string("a"), exactly}) {
    EXPECT_EQ(TextLowerBound(text), text);
    EXPECT_EQ(TextUpperBound(text), text);
  }
}

TEST(TextBoundsTest, LongTextIsCutAndTied) {
  const std::string prefix(32, 'z');
  EXPECT_EQ(TextLowerBound(prefix + "more"), prefix);
  EXPECT_EQ(TextUpperBound(prefix + "more"), prefix + "\x7F");
  // The first character cut off is not below 0x7F.
  EXPECT_EQ(TextUpperBound(prefix + "\x7F"), prefix + "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(TextUpperBound(prefix + "é"), prefix + "\xF4\x8F\xBF\xBF");
}

TEST(TextBoundsTest, EmojiAtTheCutStaysWhole) {
  const std::string emoji = "\xF0\x9F\x98\x80";
  const std::string text = std::string(31, 'a') + emoji + "b";
  EXPECT_EQ(TextLowerBound(text), std::string(31, 'a') + emoji);
  EXPECT_EQ(TextUpperBound(text), std::string(31, 'a') + emoji + "\x7F");
  EXPECT_EQ(TextUpperBound(std::string(32, 'a') + emoji),
            std::string(32, 'a') + "\xF4\x8F\xBF\xBF");
}

TEST(TextBoundsTest, NothingSortsAboveTheHighestCharacter) {
  const std::string highest = "\xF4\x8F\xBF\xBF";
  std::string text(32, 'a');
  for (int i = 0; i < 10; ++i) text += highest;
  EXPECT_EQ(TextUpperBound(text), text);  // ends within the limit
  EXPECT_EQ(TextUpperBound(text + "b"), text + "\x7F");
  for (int i = 0; i < 40; ++i) text += highest;
  EXPECT_EQ(TextUpperBound(text), std::nullopt);
}

TEST(TextBoundsTest, NoBoundOnWhatIsNotUtf8) {
  for (const char* text :
       {"\xFF", "a\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80"}) {
    EXPECT_EQ(TextLowerBound(text), std::nullopt);
    EXPECT_EQ(TextUpperBound(text), std::nullopt);
  }
}

// For random texts the bounds are bounds, in the byte order of UTF-8.
TEST(TextBoundsTest, AreBounds) {
  uint64_t state = 42;
  const std::vector<std::string> alphabet = {
      "a", "~", "\x7F", "é", "\xEF\xBF\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int length = static_cast<int>((state >> 33) % 80);
    for (int k = 0; k < length; ++k) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += alphabet[(state >> 33) % alphabet.size()];
    }
    ASSERT_LE(*TextLowerBound(text), text);
    const auto upper = TextUpperBound(text);
    ASSERT_TRUE(!upper || *upper >= text) << text;
  }
}

}  // namespace
}  // namespace weir
