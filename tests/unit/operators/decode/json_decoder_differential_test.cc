// Damaged records, seeded, against simdjson's document parser: the same records are JSON, and good
// ones have the same values.
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "arrow/api.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_decoder.h"
#include "simdjson.h"
#include "tests/unit/operators/decode/json_records.h"

namespace weir {
namespace {

using Generator = std::mt19937_64;

SourceOp Source() {
  SourceOp source;
  source.table = "t";
  for (const auto& [name, kind] : std::map<std::string, TypeKind>{{"big", TypeKind::kBigint},
                                                                  {"flag", TypeKind::kBoolean},
                                                                  {"number", TypeKind::kDouble},
                                                                  {"text", TypeKind::kText},
                                                                  {"any", TypeKind::kJsonb}}) {
    source.declared.columns.push_back({name, DataType::Of(kind), true});
  }
  source.output = source.declared;
  return source;
}

std::string Value(Generator& random, int depth) {
  static const char* const kScalars[] = {"0",
                                         "-1",
                                         "12.50",
                                         "1e3",
                                         "true",
                                         "false",
                                         "null",
                                         "\"\"",
                                         "\"abc\"",
                                         "\"é\"",
                                         "\"\\u00e9\"",
                                         "\"\\n\\\"\"",
                                         "\"\\ud83d\\ude00\"",
                                         "9223372036854775807",
                                         "123456.75",
                                         "\"a longer text, of more than sixteen bytes\""};
  const uint64_t kind = random() % (depth > 3 ? 8 : 10);
  if (kind < 8) return kScalars[random() % std::size(kScalars)];
  std::string out(1, kind == 8 ? '[' : '{');
  for (uint64_t i = random() % 4; i > 0; --i) {
    if (kind == 9) out += "\"k" + std::to_string(random() % 3) + "\":";
    out += Value(random, depth + 1) + (i > 1 ? "," : "");
  }
  return out + (kind == 8 ? ']' : '}');
}

std::string Record(Generator& random) {
  static const char* const kKeys[] = {"big", "flag", "number", "text",
                                      "any", "BIG",  "other",  "t\\u0065xt"};
  std::string out = "{";
  for (uint64_t i = random() % 7; i > 0; --i) {
    out += std::string("\"") + kKeys[random() % std::size(kKeys)] + "\":" + Value(random, 0);
    if (i > 1) out += random() % 5 == 0 ? " , " : ",";
  }
  return out + "}";
}

void Damage(Generator& random, std::string* json) {
  static const std::string kBytes = "{}[]:,\"\\ \n\tux0123456789eE+-.tfn\x01\x80\xc3\xff";
  for (uint64_t i = random() % 3; i > 0 && !json->empty(); --i) {
    const size_t at = random() % json->size();
    const char byte = kBytes[random() % kBytes.size()];
    switch (random() % 5) {
      case 0:
        json->erase(at, 1 + random() % 3);
        break;
      case 1:
        json->insert(at, 1, byte);
        break;
      case 2:
        json->resize(at);
        break;
      case 3:
        json->insert(at, json->substr(random() % json->size(), random() % 8));
        break;
      default:
        (*json)[at] = byte;
    }
  }
}

// What the record must give. `open`: simdjson's parser refuses for reasons of its own (numbers
// beyond its types), so that either outcome is right.
struct Expected {
  bool open = false;
  std::string reason;  // "" = good
  std::optional<int64_t> big;
  std::optional<bool> flag;
  std::optional<double> number;
  std::optional<std::string> text;
  std::optional<std::string> any;  // minified
};

void Apply(const std::string& column, const simdjson::dom::element& value,
           std::map<std::string, bool>* wrong, Expected* out) {
  (*wrong)[column] = false;
  const bool null = value.is_null();
  if (column == "big") {
    out->big.reset();
    int64_t integer = 0;
    double floating = 0;
    if (value.get(integer) == simdjson::SUCCESS) {
      out->big = integer;
    } else if (value.is_double() && value.get(floating) == simdjson::SUCCESS &&
               std::floor(floating) == floating && std::abs(floating) < 9e15) {
      out->big = static_cast<int64_t>(floating);
    } else {
      (*wrong)[column] = !null;
    }
  } else if (column == "flag") {
    out->flag.reset();
    bool flag = false;
    (*wrong)[column] = value.get(flag) != simdjson::SUCCESS && !null;
    if (value.is_bool()) out->flag = flag;
  } else if (column == "number") {
    out->number.reset();
    double number = 0;
    (*wrong)[column] = value.get(number) != simdjson::SUCCESS && !null;
    if (value.is_number()) out->number = number;
  } else if (column == "text") {
    out->text.reset();
    std::string_view text;
    (*wrong)[column] = (value.get(text) != simdjson::SUCCESS && !null) ||
                       text.find('\0') != std::string_view::npos;
    if (value.is_string()) out->text = std::string(text);
  } else if (column == "any") {
    out->any.reset();
    if (!null) out->any = simdjson::minify(value);
  }
}

Expected Expect(simdjson::dom::parser& parser, const std::string& json) {
  Expected out;
  simdjson::dom::element document;
  const simdjson::error_code error = parser.parse(json).get(document);
  if (error != simdjson::SUCCESS) {
    // By their texts: newer versions have a code of its own for large integers.
    const std::string text = simdjson::error_message(error);
    out.open =
        text.find("number") != std::string::npos || text.find("integer") != std::string::npos;
    out.reason = kBadSyntax;
    return out;
  }
  simdjson::dom::object object;
  if (document.get(object) != simdjson::SUCCESS) {
    out.reason = kBadType;
    return out;
  }
  std::map<std::string, bool> wrong;
  for (auto [key, value] : object) {
    Apply(absl::AsciiStrToLower(std::string(key)), value, &wrong, &out);
  }
  for (const auto& [column, is_wrong] : wrong) {
    if (is_wrong) out.reason = "value";
  }
  return out;
}

template <class Array, class T>
void ExpectValue(const std::optional<T>& expected, const arrow::RecordBatch& batch, int column,
                 int64_t row) {
  const auto& array = static_cast<const Array&>(*batch.column(column));
  ASSERT_EQ(array.IsValid(row), expected.has_value());
  if (expected) {
    EXPECT_EQ(array.GetView(row), *expected);
  }
}

std::string Minified(simdjson::dom::parser& parser, std::string_view json) {
  // Scalars are no documents of their own for every version.
  return simdjson::minify(parser.parse("[" + std::string(json) + "]").value().at(0).value());
}

class Differential : public testing::TestWithParam<Layout> {};

TEST_P(Differential, AgreesWithDocumentParser) {
  const SourceOp source = Source();
  JsonDecoder decoder(source);
  simdjson::dom::parser parser;
  int64_t good = 0;
  int64_t bad = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Generator random(seed);
    std::vector<std::optional<std::string>> payloads;
    for (int i = 0; i < 400; ++i) {
      payloads.push_back(Record(random));
      // Most passes see some damage; some see none, as in good times.
      if (seed % 4 != 0 && random() % 4 == 0) Damage(random, &*payloads.back());
    }
    const DecodedRecords decoded = decoder.Decode(MakeRecords(payloads, GetParam()));
    ASSERT_TRUE(decoded.columns->ValidateFull().ok());
    std::map<uint32_t, const BadRecord*> bad_by_record;
    for (const BadRecord& b : decoded.bad) bad_by_record[b.record] = &b;
    int64_t row = 0;
    for (uint32_t record = 0; record < payloads.size(); ++record) {
      SCOPED_TRACE(testing::Message() << "record " << record << ": " << *payloads[record]);
      const Expected expected = Expect(parser, *payloads[record]);
      const auto found = bad_by_record.find(record);
      if (found != bad_by_record.end()) {
        ++bad;
        if (expected.open) continue;
        ASSERT_FALSE(expected.reason.empty()) << found->second->message;
        if (expected.reason == "value") {
          EXPECT_STRNE(found->second->reason, kBadSyntax) << found->second->message;
        } else {
          EXPECT_EQ(found->second->reason, expected.reason) << found->second->message;
        }
        continue;
      }
      ++good;
      ASSERT_EQ(decoded.raw_row.empty() ? static_cast<uint32_t>(row) : decoded.raw_row[row],
                record);
      const int64_t at = row++;
      if (expected.open) continue;
      ASSERT_EQ(expected.reason, "");
      const arrow::RecordBatch& batch = *decoded.columns;
      const auto& any = static_cast<const arrow::StringArray&>(*batch.column(0));
      ASSERT_EQ(any.IsValid(at), expected.any.has_value());
      if (expected.any) {
        EXPECT_EQ(Minified(parser, any.GetView(at)), *expected.any);
      }
      ExpectValue<arrow::Int64Array>(expected.big, batch, 1, at);
      ExpectValue<arrow::BooleanArray>(expected.flag, batch, 2, at);
      ExpectValue<arrow::DoubleArray>(expected.number, batch, 3, at);
      ExpectValue<arrow::StringArray>(expected.text, batch, 4, at);
    }
    ASSERT_EQ(row, decoded.columns->num_rows());
  }
  // Both kinds were tried.
  EXPECT_GT(good, 5000);
  EXPECT_GT(bad, 2000);
}

INSTANTIATE_TEST_SUITE_P(JsonDecoder, Differential,
                         testing::Values(Layout::kOnePass, Layout::kScattered));

}  // namespace
}  // namespace weir
