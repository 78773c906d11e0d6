#include "operators/window/evicted_panes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "operators/window/pane_entries.h"

namespace weir {
namespace {

// The dirty groups of a table by key group: those of g are [begins[g], begins[g + 1]).
struct ByKeyGroup {
  std::vector<GroupRow*> rows;
  std::vector<uint32_t> begins;
};

ByKeyGroup SplitByKeyGroup(GroupTable& table) {
  ByKeyGroup split;
  split.begins.assign(kKeyGroups + 1, 0);
  for (int64_t i = 0; i < table.size(); ++i) {
    const GroupRow* row = table.row(i);
    if (row->dirty != 0) ++split.begins[row->key_group + 1];
  }
  for (int g = 0; g < kKeyGroups; ++g) split.begins[g + 1] += split.begins[g];
  split.rows.resize(split.begins[kKeyGroups]);
  std::vector<uint32_t> next(split.begins.begin(), split.begins.end() - 1);
  for (int64_t i = 0; i < table.size(); ++i) {
    GroupRow* row = table.row(i);
    if (row->dirty != 0) split.rows[next[row->key_group]++] = row;
  }
  return split;
}

// A row with the first 8 bytes of its key, which decide nearly always.
struct Head {
  uint64_t prefix;
  GroupRow* row;
};

// In key order. Reuses `heads`.
void SortByKey(GroupRow** rows, size_t count, std::vector<Head>* heads) {
  static_assert(std::endian::native == std::endian::little);
  heads->resize(count);
  for (size_t i = 0; i < count; ++i) {
    // Of keys longer than 16 bytes the first 8 are in the row, too.
    (*heads)[i] = {__builtin_bswap64(rows[i]->words[0]), rows[i]};
  }
  std::sort(heads->begin(), heads->end(), [](const Head& a, const Head& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.row->key() < b.row->key();
  });
}

// Writes the entries of groups one after another.
class Writer {
 public:
  Writer(const AggregateStates& states, PutStateEntry put) : states_(states), put_(put) {}

  absl::Status Write(const EvictedPane& pane, GroupRow* row) {
    value_.clear();
    states_.Encode(row->states(), DistinctIn::kEntries, &value_);
    key_.clear();
    AppendGroupKey(pane.end, row->key_group, row->key(), pane.run, &key_);
    WEIR_RETURN_IF_ERROR(put_({key_, value_}));
    for (size_t column : states_.distinct_columns()) {
      DistinctValues* set = states_.Distinct(column, row->states());
      if (set == nullptr) continue;
      std::sort(set->fresh.begin(), set->fresh.end(),
                [](const std::string* a, const std::string* b) { return *a < *b; });
      for (const std::string* value : set->fresh) {
        key_.clear();
        AppendDistinctKey(pane.end, row->key_group, row->key(), column, *value, &key_);
        WEIR_RETURN_IF_ERROR(put_({key_, {}}));
      }
    }
    return absl::OkStatus();
  }

 private:
  const AggregateStates& states_;
  PutStateEntry put_;
  std::string key_, value_;
};

}  // namespace

absl::Status WriteEvicted(const AggregateStates& states, std::vector<EvictedPane>& panes,
                          PutStateEntry put) {
  Writer writer(states, put);
  std::vector<Head> heads;
  for (EvictedPane& pane : panes) {
    pane.table.ReleaseSlots();
    ByKeyGroup split = SplitByKeyGroup(pane.table);
    for (int g = 0; g < kKeyGroups; ++g) {
      SortByKey(split.rows.data() + split.begins[g], split.begins[g + 1] - split.begins[g], &heads);
      for (const Head& head : heads) WEIR_RETURN_IF_ERROR(writer.Write(pane, head.row));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir
