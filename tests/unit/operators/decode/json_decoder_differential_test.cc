// Damaged records, seeded, against simdjson's document parser: the same records are JSON, and good
// ones have the same values.
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "operators/decode/json_decoder.h"
#include "simdjson.h"
#include "tests/unit/operators/decode/document_parser.h"
#include "tests/unit/operators/decode/json_records.h"

namespace weir {
namespace {

using Generator = std::mt19937_64;

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

class Differential : public testing::TestWithParam<Layout> {};

TEST_P(Differential, AgreesWithDocumentParser) {
  const SourceOp source = DocumentSource();
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
    ASSERT_EQ(Disagreement(parser, payloads, decoded), "");
    good += decoded.columns->num_rows();
    bad += static_cast<int64_t>(decoded.bad.size());
  }
  // Both kinds were tried.
  EXPECT_GT(good, 5000);
  EXPECT_GT(bad, 2000);
}

INSTANTIATE_TEST_SUITE_P(JsonDecoder, Differential,
                         testing::Values(Layout::kOnePass, Layout::kScattered));

}  // namespace
}  // namespace weir
