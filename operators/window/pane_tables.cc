#include "operators/window/pane_tables.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "state/keyed/key_encoding.h"

namespace weir {

class PaneTables::Measure {
 public:
  Measure(PaneTables* tables, Pane* pane)
      : tables_(tables), pane_(pane), bytes_(pane->bytes()), groups_(pane->table.size()) {}
  ~Measure() {
    tables_->bytes_ += pane_->bytes() - bytes_;
    tables_->groups_ += pane_->table.size() - groups_;
  }

 private:
  PaneTables* tables_;
  Pane* pane_;
  int64_t bytes_, groups_;
};

PaneTables::Pane* PaneTables::Find(int64_t pane_end) {
  std::unique_ptr<Pane>& pane = panes_[pane_end];
  if (pane == nullptr) {
    pane = std::make_unique<Pane>(states_->width());
    bytes_ += pane->bytes();
  }
  return pane.get();
}

absl::Status PaneTables::Merge(int64_t pane_end, const KeySpan& keys,
                               const std::vector<uint32_t>& rows, const arrow::BinaryArray& encoded,
                               uint32_t* failed) {
  Pane* const pane = Find(pane_end);
  Measure measure(this, pane);
  pane->touched = ++merges_;
  groups_of_rows_.resize(rows.size());
  pane->table.FindOrInsert(keys, rows.data(), static_cast<int64_t>(rows.size()),
                           groups_of_rows_.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    *failed = rows[i];
    WEIR_RETURN_IF_ERROR(
        states_->Merge(groups_of_rows_[i], encoded.GetView(rows[i]), pane->table.arena()));
    GroupRow* group = GroupRow::FromStates(groups_of_rows_[i]);
    if (group->dirty != 0) continue;
    group->dirty = 1;
    pane->dirty.push_back(group);
  }
  return absl::OkStatus();
}

absl::Status PaneTables::Restore(const PaneEntry& entry, uint32_t next_run) {
  Pane* const pane = Find(entry.pane_end);
  if (pane->spilled) return absl::OkStatus();
  const bool group_entry = entry.kind == PaneEntry::Kind::kGroup;
  if (group_entry && pane->known && pane->run != entry.run) {
    RestoreSpilled(entry.pane_end, next_run);
    return absl::OkStatus();
  }
  Measure measure(this, pane);
  if (group_entry) {
    pane->run = entry.run;
    pane->known = true;
  }
  const uint64_t hash = HashKey(entry.key);
  const int32_t offsets[2] = {0, static_cast<int32_t>(entry.key.size())};
  const KeySpan keys{reinterpret_cast<const uint8_t*>(entry.key.data()), offsets[1], offsets,
                     &hash};
  const uint32_t row = 0;
  uint8_t* group = nullptr;
  pane->table.FindOrInsert(keys, &row, 1, &group);
  if (group_entry) return states_->Merge(group, entry.value, pane->table.arena());
  const std::vector<size_t>& columns = states_->distinct_columns();
  if (std::find(columns.begin(), columns.end(), entry.column) == columns.end()) {
    return absl::DataLossError("a stored value belongs to no count(DISTINCT)");
  }
  states_->AddDistinct(entry.column, group, entry.value, false, pane->table.arena());
  return absl::OkStatus();
}

void PaneTables::RestoreSpilled(int64_t pane_end, uint32_t next_run) {
  Pane* const pane = Find(pane_end);
  Measure measure(this, pane);
  pane->table = GroupTable(states_->width());
  pane->run = next_run;
  pane->spilled = true;
}

std::vector<PaneTables::Open> PaneTables::Between(int64_t first, int64_t last) {
  std::vector<Open> panes;
  for (auto it = panes_.lower_bound(first); it != panes_.end() && it->first <= last; ++it) {
    panes.push_back({it->first, &it->second->table, it->second->spilled});
  }
  return panes;
}

bool PaneTables::NextEnd(int64_t time, int64_t* end) const {
  const auto it = panes_.upper_bound(time);
  if (it == panes_.end()) return false;
  *end = it->first;
  return true;
}

void PaneTables::Expire(int64_t pane_end) {
  while (!panes_.empty() && panes_.begin()->first <= pane_end) {
    const Pane& pane = *panes_.begin()->second;
    bytes_ -= pane.bytes();
    groups_ -= pane.table.size();
    expired_up_to_ = std::max(expired_up_to_, panes_.begin()->first);
    panes_.erase(panes_.begin());
  }
}

std::vector<int64_t> PaneTables::Coldest(int64_t bytes) const {
  std::vector<std::pair<int64_t, int64_t>> by_touch;
  for (const auto& [end, pane] : panes_) {
    if (pane->table.size() > 0) by_touch.emplace_back(pane->touched, end);
  }
  std::sort(by_touch.begin(), by_touch.end());
  std::vector<int64_t> ends;
  for (const auto& [touched, end] : by_touch) {
    if (bytes <= 0) break;
    bytes -= panes_.at(end)->bytes();
    ends.push_back(end);
  }
  std::sort(ends.begin(), ends.end());
  return ends;
}

std::vector<int64_t> PaneTables::Dirtiest() const {
  std::vector<std::pair<int64_t, int64_t>> by_size;
  for (const auto& [end, pane] : panes_) {
    if (!pane->dirty.empty()) by_size.emplace_back(-CaptureBytes(*pane), end);
  }
  std::sort(by_size.begin(), by_size.end());
  std::vector<int64_t> ends;
  for (const auto& [size, end] : by_size) ends.push_back(end);
  return ends;
}

std::vector<EvictedPane> PaneTables::Evict(const std::vector<int64_t>& ends) {
  std::vector<EvictedPane> evicted;
  for (int64_t end : ends) {
    Pane* const pane = panes_.at(end).get();
    if (pane->table.size() == 0) continue;
    Measure measure(this, pane);
    last_run_ = std::max(last_run_, pane->run);
    evicted.push_back({end, pane->run, std::move(pane->table)});
    pane->table = GroupTable(states_->width());
    pane->dirty = {};
    pane->spilled = true;
    WEIR_CHECK(++pane->run != kDistinctMark, "pane=", end);
  }
  return evicted;
}

void PaneTables::Capture(StateDelta* delta) {
  size_t groups = 0;
  for (const auto& [end, pane] : panes_) groups += pane->dirty.size();
  constexpr size_t kKeyBytes = 32;  // about: pane, key group, a short key and the run
  delta->Reserve(groups, groups * (states_->width() + kKeyBytes));
  for (auto& [end, pane] : panes_) {
    if (!pane->dirty.empty()) last_run_ = std::max(last_run_, pane->run);
    for (GroupRow* group : pane->dirty) CaptureGroup(end, pane->run, group, delta);
    pane->dirty.clear();
  }
}

void PaneTables::CaptureGroup(int64_t pane_end, uint32_t run, GroupRow* group, StateDelta* delta) {
  delta->BeginGroup(pane_end, group->key_group, group->key(), run);
  states_->Encode(group->states(), DistinctIn::kEntries, delta->value());
  delta->EndValue();
  group->dirty = 0;
  for (size_t column : states_->distinct_columns()) {
    DistinctValues* set = states_->Distinct(column, group->states());
    if (set == nullptr) continue;
    for (const std::string* value : set->fresh) {
      delta->AddDistinct(pane_end, group->key_group, group->key(), column, *value);
    }
    set->fresh.clear();
  }
}

// Key, states, span and place in the sorting order; texts and sets come on top.
int64_t PaneTables::CaptureBytes(const Pane& pane) const {
  if (pane.dirty.empty()) return 0;
  constexpr int64_t kEntryBytes = 32 + 24 + 24;
  const auto groups = static_cast<int64_t>(pane.dirty.size());
  const int64_t arena = pane.table.arena_bytes() * groups / std::max<int64_t>(pane.table.size(), 1);
  return groups * (static_cast<int64_t>(states_->width()) + kEntryBytes) + arena;
}

int64_t PaneTables::DirtyBytes() const {
  int64_t bytes = 0;
  for (const auto& [end, pane] : panes_) bytes += CaptureBytes(*pane);
  return bytes;
}

int64_t PaneTables::DirtyBytes(int64_t pane_end) const {
  return CaptureBytes(*panes_.at(pane_end));
}

absl::Status MergeRows(const AggregateStates& states, GroupTable& from, int64_t begin,
                       int64_t count, GroupTable& into, GroupRow** failed) {
  std::vector<uint8_t> bytes;
  std::vector<int32_t> offsets(1, 0);
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<uint8_t*> groups(count);
  for (int64_t i = 0; i < count; ++i) {
    const std::string_view key = from.row(begin + i)->key();
    bytes.insert(bytes.end(), key.begin(), key.end());
    offsets.push_back(static_cast<int32_t>(bytes.size()));
    hashes.push_back(HashKey(key));
  }
  const KeySpan keys{bytes.data(), static_cast<int64_t>(bytes.size()), offsets.data(),
                     hashes.data()};
  into.FindOrInsert(keys, rows.data(), count, groups.data());
  for (int64_t i = 0; i < count; ++i) {
    *failed = from.row(begin + i);
    WEIR_RETURN_IF_ERROR(states.MergeStates(groups[i], (*failed)->states(), into.arena()));
  }
  return absl::OkStatus();
}

}  // namespace weir
