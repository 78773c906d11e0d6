#include "operators/window/pane_entries.h"

#include <gtest/gtest.h>

#include <limits>

#include "state/keyed/key_encoding.h"
#include "tests/unit/operators/window/window_harness.h"

namespace weir {
namespace {

const std::vector<DataType> kKeys = {DataType::Of(TypeKind::kText)};
const std::string kKey =
    "\x03"
    "ab";

StateEntry Entry(const StateDelta& delta, size_t i) {
  const StateDelta::Span& span = delta.entries[i];
  const std::string_view arena = delta.arena;
  return {arena.substr(span.key_begin, span.key_size),
          arena.substr(span.value_begin, span.value_size)};
}

TEST(PaneEntries, WhatIsWrittenIsParsed) {
  StateDelta delta;
  PaneEntryWriter writer(&delta);
  writer.BeginGroup(-5, 300, kKey);
  writer.value()->append("states");
  writer.EndValue();
  writer.AddDistinct(-5, 300, kKey, 258, "value");
  writer.AddFired(7, EventTime{-9});
  ASSERT_EQ(delta.entries.size(), 3u);
  auto group = ParsePaneEntry(Entry(delta, 0), kKeys);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->kind, PaneEntry::Kind::kGroup);
  EXPECT_EQ(group->pane_end, -5);
  EXPECT_EQ(group->key_group, 300);
  EXPECT_EQ(group->key, kKey);
  EXPECT_EQ(group->value, "states");
  auto distinct = ParsePaneEntry(Entry(delta, 1), kKeys);
  ASSERT_TRUE(distinct.ok()) << distinct.status();
  EXPECT_EQ(distinct->kind, PaneEntry::Kind::kDistinct);
  EXPECT_EQ(distinct->column, 258u);
  EXPECT_EQ(distinct->key, kKey);
  EXPECT_EQ(distinct->value, "value");
  auto fired = ParsePaneEntry(Entry(delta, 2), kKeys);
  ASSERT_TRUE(fired.ok()) << fired.status();
  EXPECT_EQ(fired->kind, PaneEntry::Kind::kFired);
  EXPECT_EQ(fired->key_group, 7);
  EXPECT_EQ(fired->fired, EventTime{-9});
}

TEST(PaneEntries, KeysSortByPaneAndDeletesCoverWholePanes) {
  StateDelta delta;
  PaneEntryWriter writer(&delta);
  const int64_t max = std::numeric_limits<int64_t>::max();
  for (int64_t end : {-max, int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{1} << 40, max - 1}) {
    writer.BeginGroup(end, 4095, kKey);
    writer.EndValue();
  }
  for (size_t i = 1; i < delta.entries.size(); ++i) {
    EXPECT_LT(Entry(delta, i - 1).key, Entry(delta, i).key);
  }
  writer.AddFired(0, EventTime{1});
  writer.DeletePanesUpTo(0);
  auto covered = [&](size_t i) {
    const std::string_view key = Entry(delta, i).key;
    return key >= delta.deletes.back().begin && key < delta.deletes.back().end;
  };
  EXPECT_TRUE(covered(0) && covered(1) && covered(2));
  EXPECT_FALSE(covered(3) || covered(4) || covered(5) || covered(6));
  writer.DeleteFired();
  EXPECT_TRUE(covered(6));
  EXPECT_FALSE(covered(0));
}

TEST(PaneEntries, MalformedEntriesAreDataLoss) {
  StateDelta delta;
  PaneEntryWriter writer(&delta);
  writer.AddDistinct(5, 1, kKey, 0, "");
  const std::string key(Entry(delta, 0).key);
  for (size_t size = 0; size < key.size(); ++size) {
    const bool group = size == key.size() - 2;  // without the column it is the group's entry
    EXPECT_EQ(ParsePaneEntry({std::string_view(key).substr(0, size), ""}, kKeys).ok(), group)
        << size;
  }
  writer.AddFired(1, EventTime{});
  EXPECT_EQ(ParsePaneEntry({Entry(delta, 1).key, "short"}, kKeys).status().code(),
            absl::StatusCode::kDataLoss);
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
