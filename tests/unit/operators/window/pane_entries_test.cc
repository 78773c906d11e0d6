#include "operators/window/pane_entries.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "state/keyed/key_encoding.h"
#include "tests/unit/operators/window/window_harness.h"

namespace weir {
namespace {

const std::vector<DataType> kKeys = {DataType::Of(TypeKind::kText)};
const std::string kKey =
    "\x03"
    "ab";

TEST(PaneEntries, WhatIsWrittenIsParsed) {
  StateDelta delta;
  delta.BeginGroup(-5, 300, kKey, 70'000);
  delta.value()->append("states");
  delta.EndValue();
  delta.AddDistinct(-5, 300, kKey, 258, "value");
  delta.AddFired(7, EventTime{-9});
  delta.AddFired(8, std::nullopt);
  ASSERT_EQ(delta.size(), 4u);
  auto group = ParsePaneEntry(delta.entry(0), kKeys);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->kind, PaneEntry::Kind::kGroup);
  EXPECT_EQ(group->pane_end, -5);
  EXPECT_EQ(group->key_group, 300);
  EXPECT_EQ(group->key, kKey);
  EXPECT_EQ(group->run, 70'000u);
  EXPECT_EQ(group->value, "states");
  auto distinct = ParsePaneEntry(delta.entry(1), kKeys);
  ASSERT_TRUE(distinct.ok()) << distinct.status();
  EXPECT_EQ(distinct->kind, PaneEntry::Kind::kDistinct);
  EXPECT_EQ(distinct->column, 258u);
  EXPECT_EQ(distinct->key, kKey);
  EXPECT_EQ(distinct->value, "value");
  auto fired = ParsePaneEntry(delta.entry(2), kKeys);
  ASSERT_TRUE(fired.ok()) << fired.status();
  EXPECT_EQ(fired->kind, PaneEntry::Kind::kFired);
  EXPECT_EQ(fired->key_group, 7);
  EXPECT_EQ(fired->fired, EventTime{-9});
  auto gone = ParsePaneEntry(delta.entry(3), kKeys);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(gone->fired, std::nullopt);
}

TEST(PaneEntries, SortByPaneGroupKeyAndRun) {
  StateDelta delta;
  const int64_t max = std::numeric_limits<int64_t>::max();
  auto add = [&](int64_t end, uint16_t group, uint32_t run) {
    delta.BeginGroup(end, group, kKey, run);
    delta.EndValue();
  };
  add(max - 1, 4095, 0);
  delta.AddDistinct(0, 9, kKey, 1, "b");
  delta.AddDistinct(0, 9, kKey, 1, "a");
  add(0, 9, 256);
  add(0, 9, 2);
  add(0, 10, 0);
  add(-max, 3, 0);
  delta.AddFired(0, EventTime{1});
  std::vector<std::string> keys;
  ASSERT_TRUE(delta
                  .WriteSorted([&](const StateEntry& entry) {
                    keys.emplace_back(entry.key);
                    return absl::OkStatus();
                  })
                  .ok());
  std::vector<std::string> expected;
  for (size_t i : {7, 6, 4, 3, 2, 1, 5, 0}) expected.emplace_back(delta.entry(i).key);
  EXPECT_EQ(keys, expected);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(
      delta.WriteSorted([](const StateEntry&) { return absl::InternalError("no"); }).message(),
      "no");
}

TEST(PaneEntries, MalformedEntriesAreDataLoss) {
  StateDelta delta;
  delta.AddDistinct(5, 1, kKey, 0, "");
  delta.AddFired(1, EventTime{});
  delta.BeginGroup(5, 1, kKey, 1);
  delta.EndValue();
  for (size_t i : {0, 2}) {
    const std::string key(delta.entry(i).key);
    for (size_t size = 0; size < key.size(); ++size) {
      EXPECT_EQ(ParsePaneEntry({std::string_view(key).substr(0, size), ""}, kKeys).status().code(),
                absl::StatusCode::kDataLoss)
          << size;
    }
  }
  EXPECT_EQ(ParsePaneEntry({delta.entry(1).key, "short"}, kKeys).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_FALSE(ParsePaneEntry({delta.entry(0).key, "value"}, kKeys).ok());
  EXPECT_FALSE(ParsePaneEntry({std::string(delta.entry(2).key) + "x", ""}, kKeys).ok());
}

TEST(PaneEntries, SchemaTellsQueriesApart) {
  const AggregateSpec spec = TestSpec({10, 10, 0});
  const std::string schema = StateSchema(spec);
  AggregateSpec other = spec;
  other.window.slide_us = 5;
  EXPECT_NE(StateSchema(other), schema);
  other = spec;
  other.keys.columns[0].type = DataType::Of(TypeKind::kBytea);
  EXPECT_NE(StateSchema(other), schema);
  other = spec;
  other.aggregates.pop_back();
  EXPECT_NE(StateSchema(other), schema);
  other = spec;
  other.keys.columns[0].name = "renamed";  // names don't reach the entries
  EXPECT_EQ(StateSchema(other), schema);
}

}  // namespace
}  // namespace weir
