#include "operators/window/pane_tables.h"

#include <algorithm>
#include <numeric>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "base/status_macros.h"
#include "state/keyed/key_encoding.h"

namespace weir {

class PaneTables::Measure {
 public:
  Measure(PaneTables* tables, Pane* pane)
      : tables_(tables), pane_(pane), bytes_(pane->table.bytes()), groups_(pane->table.size()) {}
  ~Measure() {
    tables_->bytes_ += pane_->table.bytes() - bytes_;
    tables_->groups_ += pane_->table.size() - groups_;
  }

 private:
  PaneTables* tables_;
  Pane* pane_;
  int64_t bytes_, groups_;
};

absl::Status PaneTables::Merge(int64_t pane_end, const KeySpan& keys,
                               const std::vector<uint32_t>& rows, const arrow::BinaryArray& encoded,
                               uint32_t* failed) {
  std::unique_ptr<Pane>& pane = panes_[pane_end];
  if (pane == nullptr) {
    pane = std::make_unique<Pane>(states_->width());
    bytes_ += pane->table.bytes();
  }
  Measure measure(this, pane.get());
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

absl::Status PaneTables::Restore(const PaneEntry& entry) {
  std::unique_ptr<Pane>& pane = panes_[entry.pane_end];
  if (pane == nullptr) {
    pane = std::make_unique<Pane>(states_->width());
    bytes_ += pane->table.bytes();
  }
  Measure measure(this, pane.get());
  pane->stored = true;
  const uint64_t hash = HashKey(entry.key);
  const int32_t offsets[2] = {0, static_cast<int32_t>(entry.key.size())};
  const KeySpan keys{reinterpret_cast<const uint8_t*>(entry.key.data()), offsets[1], offsets,
                     &hash};
  const uint32_t row = 0;
  uint8_t* group = nullptr;
  pane->table.FindOrInsert(keys, &row, 1, &group);
  if (entry.kind == PaneEntry::Kind::kGroup) {
    return states_->Merge(group, entry.value, pane->table.arena());
  }
  const std::vector<size_t>& columns = states_->distinct_columns();
  if (std::find(columns.begin(), columns.end(), entry.column) == columns.end()) {
    return absl::DataLossError("a stored value belongs to no count(DISTINCT)");
  }
  states_->AddDistinct(entry.column, group, entry.value, false, pane->table.arena());
  return absl::OkStatus();
}

std::vector<GroupTable*> PaneTables::Between(int64_t first, int64_t last) {
  std::vector<GroupTable*> tables;
  for (auto it = panes_.lower_bound(first); it != panes_.end() && it->first <= last; ++it) {
    tables.push_back(&it->second->table);
  }
  return tables;
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
    bytes_ -= pane.table.bytes();
    groups_ -= pane.table.size();
    if (pane.stored) {
      stored_expired_ = true;
      expired_up_to_ = panes_.begin()->first;
    }
    panes_.erase(panes_.begin());
  }
}

void PaneTables::Capture(StateDelta* delta) {
  PaneEntryWriter writer(delta);
  if (stored_expired_ && !delta->full) writer.DeletePanesUpTo(expired_up_to_);
  stored_expired_ = false;
  int64_t groups = 0;
  for (auto& [end, pane] : panes_) {
    groups += delta->full ? pane->table.size() : static_cast<int64_t>(pane->dirty.size());
  }
  constexpr size_t kKeyBytes = 32;  // about: pane, key group and a short key
  delta->entries.reserve(groups);
  delta->arena.reserve(groups * (states_->width() + kKeyBytes));
  for (auto& [end, pane] : panes_) {
    if (delta->full) {
      for (int64_t i = 0; i < pane->table.size(); ++i) {
        CaptureGroup(end, pane->table.row(i), true, writer);
      }
    } else {
      for (GroupRow* group : pane->dirty) CaptureGroup(end, group, false, writer);
    }
    pane->stored = pane->stored || delta->full || !pane->dirty.empty();
    pane->dirty.clear();
  }
}

void PaneTables::CaptureGroup(int64_t pane_end, GroupRow* group, bool full,
                              PaneEntryWriter& writer) {
  writer.BeginGroup(pane_end, group->key_group, group->key());
  states_->Encode(group->states(), DistinctIn::kEntries, writer.value());
  writer.EndValue();
  group->dirty = 0;
  for (size_t column : states_->distinct_columns()) {
    DistinctValues* set = states_->Distinct(column, group->states());
    if (set == nullptr) continue;
    auto add = [&](const std::string& value) {
      writer.AddDistinct(pane_end, group->key_group, group->key(), column, value);
    };
    if (full) {
      for (const std::string& value : set->values) add(value);
    } else {
      for (const std::string* value : set->fresh) add(*value);
    }
    set->fresh.clear();
  }
}

absl::Status MergeTable(const AggregateStates& states, GroupTable& from, GroupTable& into,
                        GroupRow** failed) {
  constexpr int64_t kBlock = 1024;
  std::vector<uint8_t> bytes;
  std::vector<int32_t> offsets;
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> rows(kBlock);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<uint8_t*> groups(kBlock);
  for (int64_t begin = 0; begin < from.size(); begin += kBlock) {
    const int64_t count = std::min(kBlock, from.size() - begin);
    bytes.clear();
    hashes.clear();
    offsets.assign(1, 0);
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
  }
  return absl::OkStatus();
}

}  // namespace weir
