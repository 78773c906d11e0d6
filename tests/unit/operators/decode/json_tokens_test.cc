#include "operators/decode/json_tokens.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

std::vector<uint32_t> Positions(JsonTokens& tokens, const std::string& text) {
  EXPECT_EQ(tokens.Scan(text.data(), text.size()), JsonTokens::Fault::kNone);
  std::vector<uint32_t> positions;
  const uint32_t* t = tokens.begin();
  for (; *t < text.size(); ++t) positions.push_back(*t);
  EXPECT_EQ(t[0], text.size());
  EXPECT_EQ(t[1], text.size());
  return positions;
}

TEST(JsonTokens, OfSeveralRecords) {
  JsonTokens tokens;
  EXPECT_EQ(Positions(tokens, "{\"a\":1}\n[ true,\"}{\"]"),
            (std::vector<uint32_t>{0, 1, 4, 5, 6, 8, 10, 14, 15, 19}));
}

TEST(JsonTokens, KnowNothingOfGrammar) {
  JsonTokens tokens;
  EXPECT_EQ(Positions(tokens, "}}x:"), (std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(Positions(tokens, ""), std::vector<uint32_t>{});
  EXPECT_EQ(Positions(tokens, " \n "), std::vector<uint32_t>{});
}

TEST(JsonTokens, FaultsOfTheWholeText) {
  JsonTokens tokens;
  auto fault = [&](const std::string& text) { return tokens.Scan(text.data(), text.size()); };
  EXPECT_EQ(fault("{\"a\":\"\xff\"}"), JsonTokens::Fault::kNotUtf8);
  EXPECT_NE(fault("{\"a\":\"x}"), JsonTokens::Fault::kNone);
  EXPECT_EQ(fault("{\"a\":\"x\ny\"}"), JsonTokens::Fault::kControlCharacter);
  EXPECT_EQ(*tokens.begin(), 11u);  // Nothing found.
  EXPECT_EQ(Positions(tokens, "{}"), (std::vector<uint32_t>{0, 1}));
}

TEST(JsonTokens, TextsOfAnySizeInAnyOrder) {
  JsonTokens tokens;
  for (size_t size : {10u, 300'000u, 100u, 9'000'000u, 5u, 8'000'000u, 70'000u}) {
    EXPECT_EQ(Positions(tokens, std::string(size, '[')).size(), size);
  }
}

}  // namespace
}  // namespace weir
