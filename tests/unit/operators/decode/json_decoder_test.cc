#include "operators/decode/json_decoder.h"

#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "tests/unit/operators/decode/json_records.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Column Nullable(const std::string& name, DataType type) { return {name, type, true}; }
Column Nullable(const std::string& name, TypeKind kind) { return {name, DataType::Of(kind), true}; }
Column Required(const std::string& name, TypeKind kind) {
  return {name, DataType::Of(kind), false};
}

SourceOp SourceOf(std::vector<Column> columns) {
  SourceOp source;
  source.table = "t";
  source.declared.columns = std::move(columns);
  source.output = source.declared;
  return source;
}

DecodedRecords DecodeAll(const SourceOp& source, const RawRecords& raw) {
  JsonDecoder decoder(source);
  DecodedRecords decoded = decoder.Decode(raw);
  EXPECT_TRUE(decoded.columns->ValidateFull().ok()) << decoded.columns->ValidateFull();
  return decoded;
}

// The values of a column as text; NULL as "null".
std::vector<std::string> Texts(const DecodedRecords& decoded, int column) {
  std::vector<std::string> texts;
  for (int64_t i = 0; i < decoded.columns->num_rows(); ++i) {
    texts.push_back(decoded.columns->column(column)->GetScalar(i).ValueOrDie()->ToString());
  }
  return texts;
}

// One value in one nullable column "v".
struct Case {
  DataType type;
  std::string json;
  std::string expected;      // as Arrow prints it; or, of a refused one, the reason
  std::string message = "";  // part of it
};

void PrintTo(const Case& c, std::ostream* out) { *out << ToString(c.type) << " from " << c.json; }

constexpr auto kText = TypeKind::kText;
DataType T(TypeKind kind) { return DataType::Of(kind); }

class Accepts : public testing::TestWithParam<Case> {};

TEST_P(Accepts, InBothLayouts) {
  const SourceOp source = SourceOf({Nullable("v", GetParam().type)});
  for (Layout layout : {Layout::kOnePass, Layout::kScattered}) {
    for (const std::string& json :
         {"{\"v\":" + GetParam().json + "}", " { \"w\" : 1 , \"v\" : " + GetParam().json + " } "}) {
      const DecodedRecords decoded = DecodeAll(source, MakeRecords({json}, layout));
      ASSERT_THAT(decoded.bad, IsEmpty()) << decoded.bad[0].message;
      EXPECT_THAT(Texts(decoded, 0), ElementsAre(GetParam().expected)) << json;
      EXPECT_THAT(decoded.raw_row, IsEmpty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    JsonDecoder, Accepts,
    testing::Values(
        Case{T(TypeKind::kBoolean), "true", "true"}, Case{T(TypeKind::kBoolean), "false", "false"},
        Case{T(TypeKind::kBoolean), "null", "null"},
        Case{T(TypeKind::kSmallint), "-32768", "-32768"},
        Case{T(TypeKind::kSmallint), "32767", "32767"}, Case{T(TypeKind::kInteger), "0", "0"},
        Case{T(TypeKind::kInteger), "-0", "0"},
        Case{T(TypeKind::kInteger), "2147483647", "2147483647"},
        Case{T(TypeKind::kBigint), "-9223372036854775808", "-9223372036854775808"},
        Case{T(TypeKind::kBigint), "9223372036854775807", "9223372036854775807"},
        Case{T(TypeKind::kBigint), "12.0", "12"}, Case{T(TypeKind::kBigint), "1.2e1", "12"},
        Case{T(TypeKind::kBigint), "1200e-2", "12"},
        Case{T(TypeKind::kBigint), "0e99999999999", "0"},
        Case{T(TypeKind::kBigint), "1.00000000000000000000000000", "1"},
        Case{T(TypeKind::kReal), "1.5", "1.5"}, Case{T(TypeKind::kReal), "2", "2"},
        Case{T(TypeKind::kDouble), "12", "12"}, Case{T(TypeKind::kDouble), "-1e-3", "-0.001"},
        Case{T(TypeKind::kDouble), "0.1", "0.1"},
        Case{T(TypeKind::kDouble), "1.7976931348623157e308", "1.7976931348623157e+308"},
        Case{T(TypeKind::kDouble), "123456789012345678901234567890", "1.2345678901234568e+29"},
        Case{T(TypeKind::kDouble), "null", "null"},
        Case{DataType::Numeric(10, 2), "12.345", "12.35"},
        Case{DataType::Numeric(10, 2), "-12.345", "-12.35"},
        Case{DataType::Numeric(10, 2), "12", "12.00"},
        Case{DataType::Numeric(10, 2), "1e3", "1000.00"},
        Case{DataType::Numeric(10, 2), "0.004999", "0.00"},
        Case{DataType::Numeric(38, 0), "99999999999999999999999999999999999999",
             "99999999999999999999999999999999999999"},
        Case{DataType::Numeric(38, 10), "1234567890123456789012345678.0123456789",
             "1234567890123456789012345678.0123456789"},
        Case{T(kText), "\"\"", ""}, Case{T(kText), "\"abc\"", "abc"},
        Case{T(kText), "\"exactly sixteen!\"", "exactly sixteen!"},
        Case{T(kText), R"("a\"b\\c\/d\n")", "a\"b\\c/d\n"},
        Case{T(kText), R"("\u00e9\ud83d\ude00")", "é😀"}, Case{T(kText), "\"é😀\"", "é😀"},
        Case{T(kText), "null", "null"}, Case{T(TypeKind::kDate), "\"2024-02-29\"", "2024-02-29"},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-29T07:08:09Z\"", "2024-02-29 07:08:09.000000Z"},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-29T07:08:09\"", "2024-02-29 07:08:09.000000Z"},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-29 07:08:09.5\"", "2024-02-29 07:08:09.500000Z"},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-29T07:08:09.123456789Z\"",
             "2024-02-29 07:08:09.123457Z"},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-29T07:08:09+05:30\"",
             "2024-02-29 01:38:09.000000Z"},
        Case{T(TypeKind::kTimestamptz), R"("2024-02-29T07\u003a08:09Z")",
             "2024-02-29 07:08:09.000000Z"},
        Case{T(TypeKind::kTimestamp), "\"1969-12-31T23:59:59.999999\"",
             "1969-12-31 23:59:59.999999"},
        Case{T(TypeKind::kUuid), "\"123E4567-e89b-12d3-a456-426614174000\"",
             "123e4567-e89b-12d3-a456-426614174000"},
        Case{T(TypeKind::kJsonb), "{\"a\": [1, \"x\\n\"]}", "{\"a\": [1, \"x\\n\"]}"},
        Case{T(TypeKind::kJsonb), "[]", "[]"}, Case{T(TypeKind::kJsonb), "\"s\"", "\"s\""},
        Case{T(TypeKind::kJsonb), "12.50", "12.50"}, Case{T(TypeKind::kJsonb), "true", "true"},
        Case{T(TypeKind::kJsonb), "null", "null"}));

class Refuses : public testing::TestWithParam<Case> {};

TEST_P(Refuses, WithReasonAndMessageAndSparesTheNeighbours) {
  const SourceOp source = SourceOf({Nullable("v", GetParam().type)});
  const std::string bad = "{\"v\":" + GetParam().json + "}";
  for (Layout layout : {Layout::kOnePass, Layout::kScattered}) {
    const DecodedRecords decoded =
        DecodeAll(source, MakeRecords({"{\"v\":null}", bad, "{}"}, layout));
    ASSERT_EQ(decoded.bad.size(), 1u) << bad;
    EXPECT_EQ(decoded.bad[0].record, 1u);
    EXPECT_STREQ(decoded.bad[0].reason, GetParam().expected.c_str()) << decoded.bad[0].message;
    EXPECT_THAT(decoded.bad[0].message, HasSubstr(GetParam().message));
    if (decoded.bad[0].reason != std::string(kBadSyntax)) {
      EXPECT_THAT(decoded.bad[0].message, HasSubstr("column \"v\""));
      EXPECT_THAT(decoded.bad[0].message, HasSubstr("accepted: "));
    }
    EXPECT_THAT(decoded.raw_row, ElementsAre(0, 2));
    EXPECT_EQ(decoded.columns->num_rows(), 2);
  }
}

const char kType[] = "wrong_type";
const char kRange[] = "out_of_range";
const char kSyntax[] = "syntax";

INSTANTIATE_TEST_SUITE_P(
    JsonDecoder, Refuses,
    testing::Values(
        Case{T(TypeKind::kBoolean), "1", kType, "found 1, accepted: true or false"},
        Case{T(TypeKind::kBoolean), "\"true\"", kType},
        Case{T(TypeKind::kSmallint), "32768", kRange},
        Case{T(TypeKind::kInteger), "2147483648", kRange},
        Case{T(TypeKind::kInteger), "-2147483649", kRange},
        Case{T(TypeKind::kInteger), "\"12\"", kType, "found \"12\""},
        Case{T(TypeKind::kInteger), "12.5", kType}, Case{T(TypeKind::kInteger), "1e-1", kType},
        Case{T(TypeKind::kInteger), "true", kType},
        Case{T(TypeKind::kInteger), "[1]", kType, "found [1]"},
        Case{T(TypeKind::kBigint), "9223372036854775808", kRange},
        Case{T(TypeKind::kBigint), "-9223372036854775809", kRange},
        Case{T(TypeKind::kBigint), "1e19", kRange},
        Case{T(TypeKind::kBigint), "1e99999999999999999999", kRange},
        Case{T(TypeKind::kBigint), "123456789012345678901234567890", kRange},
        Case{T(TypeKind::kDouble), "1e400", kRange}, Case{T(TypeKind::kDouble), "\"1\"", kType},
        Case{T(TypeKind::kDouble), "NaN", kSyntax}, Case{T(TypeKind::kDouble), "Infinity", kSyntax},
        Case{T(TypeKind::kReal), "1e39", kRange},
        Case{DataType::Numeric(4, 2), "99.995", kRange, "at most 2 digits before the point"},
        Case{DataType::Numeric(4, 2), "1e2", kRange},
        Case{DataType::Numeric(38, 0), "1e38", kRange},
        Case{DataType::Numeric(38, 38), "1", kRange}, Case{DataType::Numeric(4, 2), "\"1\"", kType},
        Case{T(kText), "1", kType, "accepted: a string"}, Case{T(kText), "{}", kType},
        Case{T(kText), R"("a\u0000b")", kRange}, Case{T(kText), R"("\ud800")", kSyntax},
        Case{T(kText), R"("\ud800\u0041")", kSyntax}, Case{T(kText), R"("\udc00")", kSyntax},
        Case{T(kText), R"("\x41")", kSyntax}, Case{T(kText), R"("\u00g0")", kSyntax},
        Case{T(kText), R"("\u00")", kSyntax},
        Case{T(kText), "\"\x01\"", kSyntax, "control character"},
        Case{T(kText), "\"\xff\"", kSyntax, "UTF-8"}, Case{T(kText), "\"\xc3\"", kSyntax, "UTF-8"},
        Case{T(kText), "\"\xed\xa0\x80\"", kSyntax, "UTF-8"}, Case{T(kText), "\"abc", kSyntax},
        Case{T(kText), "'abc'", kSyntax}, Case{T(TypeKind::kBytea), "\"YWI\"", kType},
        Case{T(TypeKind::kBytea), "\"YW I=\"", kType}, Case{T(TypeKind::kBytea), "1", kType},
        Case{T(TypeKind::kDate), "\"2024-02-30\"", kRange},
        Case{T(TypeKind::kDate), "\"2024-02-28T00:00:00Z\"", kType},
        Case{T(TypeKind::kDate), "\"\"", kType}, Case{T(TypeKind::kDate), "19000", kType},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-30T00:00:00Z\"", kRange},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-28T25:00:00Z\"", kRange},
        Case{T(TypeKind::kTimestamptz), "\"yesterday\"", kType},
        Case{T(TypeKind::kTimestamptz), "\"\"", kType},
        Case{T(TypeKind::kTimestamptz), "\"2024-02-28T00:00:00Zjunk\"", kType},
        Case{T(TypeKind::kTimestamptz), "1709300000000", kType, "timestamp_unit"},
        Case{T(TypeKind::kUuid), "\"123e4567e89b12d3a456426614174000\"", kType},
        Case{T(TypeKind::kUuid), "\"123e4567-e89b-12d3-a456-42661417400g\"", kType},
        Case{T(TypeKind::kJsonb), "[1,]", kSyntax}, Case{T(TypeKind::kJsonb), "{\"a\"}", kSyntax},
        Case{T(TypeKind::kJsonb), "[1 2]", kSyntax}, Case{T(TypeKind::kJsonb), "{1:2}", kSyntax},
        Case{T(TypeKind::kJsonb), "[\"\\q\"]", kSyntax}, Case{T(TypeKind::kJsonb), "[01]", kSyntax},
        Case{T(TypeKind::kJsonb), "[1.]", kSyntax}, Case{T(TypeKind::kJsonb), "[-]", kSyntax},
        Case{T(TypeKind::kJsonb), "[+1]", kSyntax}, Case{T(TypeKind::kJsonb), "[1e]", kSyntax},
        Case{T(TypeKind::kJsonb), "[.5]", kSyntax}, Case{T(TypeKind::kJsonb), "[nul]", kSyntax},
        Case{T(TypeKind::kJsonb), "[nullx]", kSyntax}, Case{T(TypeKind::kJsonb), "[1}", kSyntax},
        Case{T(TypeKind::kJsonb), std::string(2000, '[') + std::string(2000, ']'), kSyntax,
             "1024 levels"}));

// Whole records that are no object, whatever the columns.
class RefusesRecord : public testing::TestWithParam<std::pair<std::string, const char*>> {};

TEST_P(RefusesRecord, AndSparesTheNeighbours) {
  const SourceOp source = SourceOf({Nullable("v", TypeKind::kBigint)});
  for (Layout layout : {Layout::kOnePass, Layout::kScattered}) {
    const DecodedRecords decoded =
        DecodeAll(source, MakeRecords({"{\"v\":1}", GetParam().first, "{\"v\":2}"}, layout));
    ASSERT_EQ(decoded.bad.size(), 1u);
    EXPECT_EQ(decoded.bad[0].record, 1u);
    EXPECT_STREQ(decoded.bad[0].reason, GetParam().second) << decoded.bad[0].message;
    EXPECT_THAT(Texts(decoded, 0), ElementsAre("1", "2"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    JsonDecoder, RefusesRecord,
    testing::Values(std::pair{"", kSyntax}, std::pair{"   ", kSyntax}, std::pair{"\n", kSyntax},
                    std::pair{"[]", kType}, std::pair{"[{\"v\":1}]", kType}, std::pair{"1", kType},
                    std::pair{"null", kType}, std::pair{"\"v\"", kType}, std::pair{"{", kSyntax},
                    std::pair{"}", kSyntax}, std::pair{"{}}", kSyntax}, std::pair{"{} {}", kSyntax},
                    std::pair{"{}\n{}", kSyntax}, std::pair{"{}x", kSyntax},
                    std::pair{"{\"v\"", kSyntax}, std::pair{"{\"v\":", kSyntax},
                    std::pair{"{\"v\":1", kSyntax}, std::pair{"{\"v\":1,", kSyntax},
                    std::pair{"{\"v\":1,}", kSyntax}, std::pair{"{\"v\":[1", kSyntax},
                    std::pair{"{\"v\":{\"a\":", kSyntax}, std::pair{"{,}", kSyntax},
                    std::pair{"{\"v\" 1}", kSyntax}, std::pair{"{v:1}", kSyntax},
                    std::pair{"{\"v\":1 \"w\":2}", kSyntax}, std::pair{"{\"v\":1}\\", kSyntax},
                    std::pair{"\xef\xbb\xbf{\"v\":1}", kSyntax}, std::pair{"{\"w\":tru}", kSyntax},
                    std::pair{"{\"w\":\"\\q\"}", kSyntax}, std::pair{"{\"\\q\":1}", kSyntax},
                    std::pair{"{\"w\":01}", kSyntax}, std::pair{"{\"v\":\"", kSyntax},
                    std::pair{"\"", kSyntax}, std::pair{std::string(1, '\0'), kSyntax}));

TEST(JsonDecoder, RecordThatIsContinuedByTheNextIsBad) {
  const SourceOp source = SourceOf({Nullable("v", TypeKind::kBigint)});
  const DecodedRecords decoded = DecodeAll(source, MakeRecords({"{\"v\":", "5", "}", "{\"v\":7}"}));
  ASSERT_EQ(decoded.bad.size(), 3u);
  EXPECT_THAT(decoded.bad[0].message, HasSubstr("the end of the record"));
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("7"));
}

TEST(JsonDecoder, StringOpenOverTwoRecordsSpoilsOnlyThem) {
  const SourceOp source = SourceOf({Nullable("v", TypeKind::kText)});
  const DecodedRecords decoded = DecodeAll(
      source, MakeRecords({"{\"v\":\"a\"}", "{\"v\":\"b}", "{\"v\":c\"}", "{\"v\":\"d\"}"}));
  EXPECT_EQ(decoded.bad.size(), 2u);
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("a", "d"));
}

TEST(JsonDecoder, KeysMatchExactlyElseIgnoringCase) {
  SourceOp source = SourceOf({Nullable("userId", TypeKind::kBigint),
                              Nullable("a", TypeKind::kBigint), Nullable("A", TypeKind::kBigint)});
  const DecodedRecords decoded = DecodeAll(
      source, MakeRecords({R"({"USERID":1,"a":2,"A":3})", R"({"\u0075serid":4,"A":6,"a":5})"}));
  EXPECT_THAT(decoded.bad, IsEmpty());
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("1", "4"));
  EXPECT_THAT(Texts(decoded, 1), ElementsAre("2", "5"));
  EXPECT_THAT(Texts(decoded, 2), ElementsAre("3", "6"));
}

TEST(JsonDecoder, KeyOfADeclaredColumnThatIsNotReadFillsNoOther) {
  SourceOp source =
      SourceOf({Nullable("id", TypeKind::kBigint), Nullable("ID", TypeKind::kBigint)});
  source.output.columns.erase(source.output.columns.begin());
  const DecodedRecords decoded =
      DecodeAll(source, MakeRecords({R"({"id":1})", R"({"ID":2})", R"({"Id":3})"}));
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("null", "2", "null"));
}

TEST(JsonDecoder, LongKeysAreComparedWhole) {
  const SourceOp source =
      SourceOf({Nullable("a_key_of_more_than_sixteen_bytes_1", TypeKind::kBigint),
                Nullable("a_key_of_more_than_sixteen_bytes_2", TypeKind::kBigint)});
  const DecodedRecords decoded =
      DecodeAll(source, MakeRecords({R"({"a_key_of_more_than_sixteen_bytes_1":1})",
                                     R"({"a_key_of_more_than_sixteen_bytes_2":2})",
                                     R"({"a_key_of_more_than_sixteen_bytes_3":3})",
                                     R"({"a_key_of_more_than_sixteen_bytes_1":4})"}));
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("1", "null", "null", "4"));
  EXPECT_THAT(Texts(decoded, 1), ElementsAre("null", "2", "null", "null"));
}

TEST(JsonDecoder, LastDuplicateKeyWins) {
  const SourceOp source =
      SourceOf({Nullable("v", TypeKind::kText), Nullable("n", TypeKind::kBigint)});
  const DecodedRecords decoded = DecodeAll(
      source, MakeRecords({R"({"v":"long first value","v":"b"})", R"({"n":"wrong","n":1})",
                           R"({"v":"x","V":null})", R"({"n":1,"n":"wrong"})"}));
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("b", "null", "null"));
  EXPECT_THAT(Texts(decoded, 1), ElementsAre("null", "1", "null"));
  ASSERT_EQ(decoded.bad.size(), 1u);
  EXPECT_STREQ(decoded.bad[0].reason, kBadType);
}

TEST(JsonDecoder, MissingNotNull) {
  const SourceOp source =
      SourceOf({Required("v", TypeKind::kText), Nullable("n", TypeKind::kBigint)});
  const DecodedRecords decoded =
      DecodeAll(source, MakeRecords({R"({"n":1})", R"({"v":null})", R"({"v":"a"})"}));
  ASSERT_EQ(decoded.bad.size(), 2u);
  EXPECT_STREQ(decoded.bad[0].reason, kBadMissing);
  EXPECT_EQ(decoded.bad[0].message, "column \"v\" is NOT NULL, and the record has no such key");
  EXPECT_STREQ(decoded.bad[1].reason, kBadMissing);
  EXPECT_EQ(decoded.bad[1].message, "column \"v\" is NOT NULL, and the record has null for it");
  EXPECT_THAT(decoded.raw_row, ElementsAre(2));
}

TEST(JsonDecoder, TombstonesAreCountedNotDecoded) {
  const SourceOp source = SourceOf({Nullable("v", TypeKind::kBigint)});
  for (Layout layout : {Layout::kOnePass, Layout::kScattered}) {
    const DecodedRecords decoded = DecodeAll(
        source,
        MakeRecords({std::nullopt, "{\"v\":1}", std::nullopt, "{\"v\":2}", std::nullopt}, layout));
    EXPECT_EQ(decoded.tombstones, 3);
    EXPECT_THAT(decoded.bad, IsEmpty());
    EXPECT_THAT(decoded.raw_row, ElementsAre(1, 3));
    EXPECT_THAT(Texts(decoded, 0), ElementsAre("1", "2"));
  }
  EXPECT_EQ(DecodeAll(source, MakeRecords({std::nullopt})).tombstones, 1);
  EXPECT_EQ(DecodeAll(source, MakeRecords({})).columns->num_rows(), 0);
}

TEST(JsonDecoder, PseudoColumns) {
  SourceOp source = SourceOf({Nullable("v", TypeKind::kBigint)});
  source.output.columns = {Nullable("_offset", TypeKind::kBigint), Nullable("v", TypeKind::kBigint),
                           Nullable("_partition", TypeKind::kInteger),
                           Nullable("_timestamp", TypeKind::kTimestamptz),
                           Nullable("_key", TypeKind::kBytea)};
  RawRecords raw =
      MakeRecords({"{\"v\":1,\"_offset\":77}", "bad", "{\"v\":2}"}, Layout::kScattered);
  raw.timestamps_ms[0] = 1'700'000'000'123;
  raw.key_begin[2] = raw.key_end[2] = -1;
  const DecodedRecords decoded = DecodeAll(source, raw);
  EXPECT_THAT(Texts(decoded, 0), ElementsAre("100", "102"));
  EXPECT_THAT(Texts(decoded, 1), ElementsAre("1", "2"));
  EXPECT_THAT(Texts(decoded, 2), ElementsAre("3", "3"));
  EXPECT_THAT(Texts(decoded, 3), ElementsAre("2023-11-14 22:13:20.123000Z", "null"));
  const auto& keys = static_cast<const arrow::BinaryArray&>(*decoded.columns->column(4));
  EXPECT_EQ(keys.GetView(0), "\"{k");
  EXPECT_TRUE(keys.IsNull(1));
}

SourceOp Timed() {
  SourceOp source = SourceOf({Nullable("t", TypeKind::kTimestamptz)});
  source.event_time_column = 0;
  source.max_future_us = 1'000'000;
  return source;
}

TEST(JsonDecoder, LargestEventTime) {
  const DecodedRecords decoded = DecodeAll(
      Timed(), MakeRecords({R"({"t":"1970-01-01T00:00:02Z"})", R"({"t":"1970-01-01T00:00:05Z"})",
                            R"({"t":"1970-01-01T00:00:03Z"})"}));
  EXPECT_EQ(decoded.max_event_time.micros, 5'000'000);
}

TEST(JsonDecoder, EventTimeFarAheadIsBadAndMovesNothing) {
  const DecodedRecords decoded = DecodeAll(
      Timed(),
      MakeRecords({R"({"t":"1970-01-01T00:00:11Z"})", R"({"t":"1970-01-01T00:00:11.000001Z"})"},
                  Layout::kOnePass, /*timestamp_ms=*/10'000));
  ASSERT_EQ(decoded.bad.size(), 1u);
  EXPECT_STREQ(decoded.bad[0].reason, kBadRange);
  EXPECT_THAT(decoded.bad[0].message, HasSubstr("max_future"));
  EXPECT_EQ(decoded.max_event_time.micros, 11'000'000);
}

TEST(JsonDecoder, EventTimeIsNotCappedWithoutRecordTimestamp) {
  const DecodedRecords decoded =
      DecodeAll(Timed(), MakeRecords({R"({"t":"2970-01-01T00:00:11Z"})"}));
  EXPECT_THAT(decoded.bad, IsEmpty());
}

TEST(JsonDecoder, NullEventTimeIsBad) {
  const DecodedRecords decoded = DecodeAll(Timed(), MakeRecords({R"({"t":null})", "{}"}));
  ASSERT_EQ(decoded.bad.size(), 2u);
  EXPECT_STREQ(decoded.bad[0].reason, kBadMissing);
  EXPECT_THAT(decoded.bad[1].message, HasSubstr("event time"));
}

TEST(JsonDecoder, RecordTimeAsEventTime) {
  SourceOp source = SourceOf({Nullable("v", TypeKind::kBigint)});
  source.output.columns.push_back(Nullable("_timestamp", TypeKind::kTimestamptz));
  source.event_time_column = 1;
  RawRecords raw = MakeRecords({"{}", "{}"}, Layout::kOnePass, 7);
  raw.timestamps_ms[1] = -1;
  const DecodedRecords decoded = DecodeAll(source, raw);
  EXPECT_EQ(decoded.max_event_time.micros, 7'000);
  ASSERT_EQ(decoded.bad.size(), 1u);
  EXPECT_STREQ(decoded.bad[0].reason, kBadMissing);
}

TEST(JsonDecoder, IntegerTimesInTheirUnit) {
  const std::pair<TimestampUnit, std::string> units[] = {
      {TimestampUnit::kSeconds, "1970-01-01 00:20:34.000000Z"},
      {TimestampUnit::kMillis, "1970-01-01 00:00:01.234000Z"},
      {TimestampUnit::kMicros, "1970-01-01 00:00:00.001234Z"}};
  for (const auto& [unit, expected] : units) {
    SourceOp source = SourceOf({Nullable("t", TypeKind::kTimestamptz)});
    source.timestamp_unit = unit;
    const DecodedRecords decoded = DecodeAll(
        source, MakeRecords({"{\"t\":1234}", "{\"t\":1234.5}", "{\"t\":-9223372036854775807}",
                             "{\"t\":\"1970-01-01T00:00:00Z\"}"}));
    EXPECT_THAT(Texts(decoded, 0), ElementsAre(expected, "1970-01-01 00:00:00.000000Z"));
    ASSERT_EQ(decoded.bad.size(), 2u);
    EXPECT_STREQ(decoded.bad[0].reason, kBadType);
    EXPECT_STREQ(decoded.bad[1].reason, kBadRange);
  }
}

TEST(JsonDecoder, BinaryValues) {
  const SourceOp source = SourceOf({Nullable("v", TypeKind::kBytea)});
  const DecodedRecords decoded =
      DecodeAll(source, MakeRecords({R"({"v":"YWI="})", R"({"v":"AP\/\u002B"})", R"({"v":""})"}));
  ASSERT_THAT(decoded.bad, IsEmpty());
  const auto& values = static_cast<const arrow::BinaryArray&>(*decoded.columns->column(0));
  EXPECT_EQ(values.GetView(0), "ab");
  EXPECT_EQ(values.GetView(1), std::string_view("\x00\xff\xfe", 3));
  EXPECT_EQ(values.GetView(2), "");
}

// Batches larger than one pass, with shapes that change and a bad record now and then.
TEST(JsonDecoder, ManyRecordsOfChangingShape) {
  const SourceOp source =
      SourceOf({Nullable("id", TypeKind::kBigint), Nullable("name", TypeKind::kText)});
  JsonDecoder decoder(source);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::optional<std::string>> payloads;
    std::vector<int64_t> ids;
    for (int i = 0; i < 5000; ++i) {
      const std::string id = std::to_string(i);
      const std::string filler(static_cast<size_t>(i % 97), 'f');
      if (i % 701 == 700) {
        payloads.push_back("{\"id\":\"" + id);
        continue;
      }
      ids.push_back(i);
      switch (i % 3) {
        case 0:
          payloads.push_back("{\"id\":" + id + ",\"name\":\"" + filler + "\"}");
          break;
        case 1:
          payloads.push_back("{\"name\":\"" + filler + "\",\"extra\":[1,{}],\"id\":" + id + "}");
          break;
        default:
          payloads.push_back("{\"extra\":\"" + filler + "\",\"id\":" + id + "}");
      }
    }
    const DecodedRecords decoded = decoder.Decode(MakeRecords(payloads));
    ASSERT_TRUE(decoded.columns->ValidateFull().ok());
    ASSERT_EQ(decoded.columns->num_rows(), static_cast<int64_t>(ids.size()));
    EXPECT_EQ(decoded.bad.size(), 5000 - ids.size());
    const auto& id = static_cast<const arrow::Int64Array&>(*decoded.columns->column(0));
    const auto& name = static_cast<const arrow::StringArray&>(*decoded.columns->column(1));
    for (size_t row = 0; row < ids.size(); ++row) {
      ASSERT_EQ(id.Value(static_cast<int64_t>(row)), ids[row]);
      ASSERT_EQ(decoded.raw_row[row], ids[row]);
      ASSERT_EQ(name.IsNull(static_cast<int64_t>(row)), ids[row] % 3 == 2);
      if (ids[row] % 3 != 2) {
        ASSERT_EQ(name.GetView(static_cast<int64_t>(row)).size(), ids[row] % 97);
      }
    }
  }
}

}  // namespace
}  // namespace weir
