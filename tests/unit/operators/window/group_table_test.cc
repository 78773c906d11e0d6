#include "operators/window/group_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/ids.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

struct Keys {
  std::vector<uint8_t> bytes;  // exactly the keys: reading behind them would be an error
  std::vector<int32_t> offsets = {0};
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> rows;

  void Add(const std::string& key) { Add(key, HashKey(key)); }
  void Add(const std::string& key, uint64_t hash) {
    bytes.insert(bytes.end(), key.begin(), key.end());
    offsets.push_back(static_cast<int32_t>(bytes.size()));
    rows.push_back(static_cast<uint32_t>(hashes.size()));
    hashes.push_back(hash);
  }
  std::vector<uint8_t*> FindIn(GroupTable& table) {
    bytes.shrink_to_fit();
    std::vector<uint8_t*> states(rows.size());
    table.FindOrInsert(
        {bytes.data(), static_cast<int64_t>(bytes.size()), offsets.data(), hashes.data()},
        rows.data(), static_cast<int64_t>(rows.size()), states.data());
    return states;
  }
};

TEST(GroupTable, CountsAsAMapDoes) {
  for (uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    GroupTable table(8);
    std::map<std::string, int64_t> expected;
    for (int batch = 0; batch < 60; ++batch) {
      Keys keys;
      for (uint64_t n = random() % 500; n > 0; --n) {
        // Around the inline size, with zero bytes, and sharing prefixes.
        std::string key(random() % 24, static_cast<char>(random() % 3));
        if (random() % 2 == 0) key += absl::StrCat(random() % 3000);
        keys.Add(key);
        ++expected[key];
      }
      for (uint8_t* states : keys.FindIn(table)) ++*reinterpret_cast<int64_t*>(states);
    }
    ASSERT_EQ(table.size(), static_cast<int64_t>(expected.size()));
    for (int64_t i = 0; i < table.size(); ++i) {
      GroupRow* group = table.row(i);
      const std::string key(group->key());
      EXPECT_EQ(*reinterpret_cast<int64_t*>(group->states()), expected[key]);
      EXPECT_EQ(group->key_group, HashKey(key) % kKeyGroups);
    }
  }
}

TEST(GroupTable, KeysOfOneHashStayApart) {
  GroupTable table(8);
  Keys keys;
  for (int i = 0; i < 200; ++i) keys.Add(absl::StrCat("key", i % 100), 0x1234567800000000u);
  std::vector<uint8_t*> states = keys.FindIn(table);
  EXPECT_EQ(table.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(states[i], states[i + 100]);
}

TEST(GroupTable, RowsNeverMove) {
  GroupTable table(16);
  Keys one;
  one.Add("a key longer than sixteen bytes");
  uint8_t* first = one.FindIn(table)[0];
  Keys many;
  for (int i = 0; i < 100000; ++i) many.Add(absl::StrCat(i));
  many.FindIn(table);
  EXPECT_EQ(one.FindIn(table)[0], first);
  EXPECT_EQ(GroupRow::FromStates(first)->key(), "a key longer than sixteen bytes");
}

TEST(GroupTable, StatesBeginAsZeroesAlsoAfterClear) {
  GroupTable table(24);
  for (int round = 0; round < 3; ++round) {
    Keys keys;
    for (int i = 0; i < 1000; ++i) keys.Add(absl::StrCat(i, "/", round));
    for (uint8_t* states : keys.FindIn(table)) {
      for (int b = 0; b < 24; ++b) ASSERT_EQ(states[b], 0);
      EXPECT_EQ(GroupRow::FromStates(states)->rows, 0);
      EXPECT_EQ(GroupRow::FromStates(states)->dirty, 0);
      memset(states, 0xff, 24);
    }
    EXPECT_EQ(table.size(), 1000);
    table.Clear();
    EXPECT_EQ(table.size(), 0);
  }
}

TEST(GroupTable, TellsItsBytes) {
  GroupTable table(32);
  const int64_t empty = table.bytes();
  Keys keys;
  for (int i = 0; i < 10000; ++i) keys.Add(absl::StrCat("a key longer than sixteen bytes ", i));
  keys.FindIn(table);
  EXPECT_GT(table.bytes(), empty + 10000 * (64 + 32 + 8));
  EXPECT_LT(table.bytes(), empty + 10000 * 200);
}

}  // namespace
}  // namespace weir
