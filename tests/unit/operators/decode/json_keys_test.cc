#include "operators/decode/json_keys.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

Schema Columns(const std::vector<std::string>& names) {
  Schema schema;
  for (const std::string& name : names) {
    schema.columns.push_back({name, DataType::Of(TypeKind::kText), true});
  }
  return schema;
}

class Finder {
 public:
  explicit Finder(JsonKeys keys) : keys_(std::move(keys)) {}
  // One record's keys, as written.
  std::vector<int> Record(const std::vector<std::string>& keys) {
    std::vector<int> targets;
    JsonKeys::Place place = JsonKeys::kStart;
    for (const std::string& key : keys) {
      const std::string text = key + "\"" + std::string(16, '#');
      targets.push_back(keys_.Find(text.data(), text.data() + key.size(), &place));
    }
    return targets;
  }

 private:
  JsonKeys keys_;
};

TEST(JsonKeys, ExactThenIgnoringCaseThenNone) {
  Finder finder(JsonKeys(Columns({"userId", "a", "A", "xY", "Xy"}), {0, 1, 2, 3, 4}));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(finder.Record({"userId", "USERID", "a", "A", "xy", "other", ""}),
              (std::vector<int>{0, 0, 1, 2, -1, -1, -1}));
    EXPECT_EQ(finder.Record({"A", "a", "xY", "Xy"}), (std::vector<int>{2, 1, 3, 4}));
  }
}

TEST(JsonKeys, UnwantedColumns) {
  Finder finder(JsonKeys(Columns({"a", "b"}), {-1, 0}));
  EXPECT_EQ(finder.Record({"a", "b", "a"}), (std::vector<int>{-1, 0, -1}));
}

TEST(JsonKeys, PrefixesAreNotTheKey) {
  const std::string sixteen = "0123456789abcdef";
  Finder finder(JsonKeys(Columns({"ab", "abc", sixteen, sixteen + "x"}), {0, 1, 2, 3}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(finder.Record({"ab", "abc", "a", sixteen, sixteen + "x", sixteen + "y"}),
              (std::vector<int>{0, 1, -1, 2, 3, -1}));
    EXPECT_EQ(finder.Record({"abc", "ab", sixteen + "x", sixteen}), (std::vector<int>{1, 0, 3, 2}));
  }
}

TEST(JsonKeys, EscapedSpelling) {
  Finder finder(JsonKeys(Columns({"a\"b"}), {0}));
  EXPECT_EQ(finder.Record({R"(a\"b)", R"(\u0061\"b)", R"(\u0041\u0022B)"}),
            (std::vector<int>{0, 0, 0}));
}

TEST(JsonKeys, DataInKeysDoesNotGrowWithoutBound) {
  Finder finder(JsonKeys(Columns({"wanted"}), {0}));
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(finder.Record({"user-" + std::to_string(i), "wanted", "WANTED"}),
              (std::vector<int>{-1, 0, 0}));
  }
}

}  // namespace
}  // namespace weir
