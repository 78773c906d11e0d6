#include "operators/window/pane_entries.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "operators/window/accumulator_kinds.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

constexpr size_t kRunSize = 4, kColumnSize = 2;

void AppendBigEndian(uint32_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    *out += static_cast<char>(value >> shift);
}

uint32_t LoadBigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void AppendPrefix(int64_t time, uint16_t key_group, std::string* out) {
  *out += StateTimeBytes(time);
  AppendBigEndian(key_group, kStateGroupSize, out);
}

}  // namespace

std::string StateSchema(const AggregateSpec& spec) {
  std::string text =
      absl::StrCat("panes v2, window ", spec.window.size_us, " every ", spec.window.slide_us,
                   " from ", spec.window.origin_us, " us, keys (");
  for (int c = 0; c < spec.keys.size(); ++c) {
    absl::StrAppend(&text, c > 0 ? ", " : "", ToString(spec.keys.columns[c].type));
  }
  absl::StrAppend(&text, "), aggregates (");
  for (size_t a = 0; a < spec.aggregates.size(); ++a) {
    const AggregateCall& call = spec.aggregates[a];
    absl::StrAppend(&text, a > 0 ? ", " : "", CallForPeople(call), " ", ToString(call.result_type));
  }
  return text + ")";
}

void AppendGroupKey(int64_t pane_end, uint16_t key_group, std::string_view key, uint32_t run,
                    std::string* out) {
  AppendPrefix(pane_end, key_group, out);
  out->append(key);
  AppendBigEndian(run, kRunSize, out);
}

void AppendDistinctKey(int64_t pane_end, uint16_t key_group, std::string_view key, size_t column,
                       std::string_view value, std::string* out) {
  AppendGroupKey(pane_end, key_group, key, kDistinctMark, out);
  AppendBigEndian(static_cast<uint32_t>(column), kColumnSize, out);
  out->append(value);
}

void StateDelta::Reserve(size_t entries, size_t arena_bytes) {
  entries_.reserve(entries);
  arena_.reserve(arena_bytes);
}

void StateDelta::EndKey(size_t begin) {
  span_.key_begin = begin;
  span_.key_size = static_cast<uint32_t>(arena_.size() - begin);
  span_.value_begin = arena_.size();
}

void StateDelta::BeginGroup(int64_t pane_end, uint16_t key_group, std::string_view key,
                            uint32_t run) {
  const size_t begin = arena_.size();
  AppendGroupKey(pane_end, key_group, key, run, &arena_);
  EndKey(begin);
}

void StateDelta::EndValue() {
  span_.value_size = static_cast<uint32_t>(arena_.size() - span_.value_begin);
  entries_.push_back(span_);
}

void StateDelta::AddDistinct(int64_t pane_end, uint16_t key_group, std::string_view key,
                             size_t column, std::string_view value) {
  const size_t begin = arena_.size();
  AppendDistinctKey(pane_end, key_group, key, column, value, &arena_);
  EndKey(begin);
  EndValue();
}

void StateDelta::AddFired(uint16_t key_group, std::optional<EventTime> fired) {
  const size_t begin = arena_.size();
  AppendPrefix(kUndyingTime, key_group, &arena_);
  EndKey(begin);
  if (fired) {
    arena_.append(reinterpret_cast<const char*>(&fired->micros), sizeof(fired->micros));
  }
  EndValue();
}

StateEntry StateDelta::entry(size_t i) const {
  const Span& span = entries_[i];
  const std::string_view arena = arena_;
  return {arena.substr(span.key_begin, span.key_size),
          arena.substr(span.value_begin, span.value_size)};
}

// The first 16 bytes of a key decide nearly always.
absl::Status StateDelta::WriteSorted(PutStateEntry put) const {
  static_assert(std::endian::native == std::endian::little);
  struct Head {
    uint64_t high, low;
    uint32_t entry;
  };
  WEIR_CHECK(entries_.size() <= UINT32_MAX, "entries=", entries_.size());
  std::vector<Head> heads(entries_.size());
  for (uint32_t i = 0; i < heads.size(); ++i) {
    const std::string_view key = entry(i).key;
    uint64_t words[2] = {0, 0};
    std::memcpy(words, key.data(), std::min(key.size(), sizeof(words)));
    heads[i] = {__builtin_bswap64(words[0]), __builtin_bswap64(words[1]), i};
  }
  std::sort(heads.begin(), heads.end(), [this](const Head& a, const Head& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return entry(a.entry).key < entry(b.entry).key;
  });
  for (const Head& head : heads) WEIR_RETURN_IF_ERROR(put(entry(head.entry)));
  return absl::OkStatus();
}

absl::StatusOr<PaneEntry> ParsePaneEntry(const StateEntry& entry,
                                         const std::vector<DataType>& key_types) {
  auto malformed = [&entry] {
    return absl::DataLossError(
        absl::StrCat("malformed state entry ", absl::BytesToHexString(AbslView(entry.key))));
  };
  if (entry.key.size() < kStateTimeSize + kStateGroupSize) return malformed();
  PaneEntry parsed;
  parsed.pane_end = StateTimeOf(entry.key);
  parsed.key_group = StateGroupOf(entry.key);
  std::string_view rest = entry.key.substr(kStateTimeSize + kStateGroupSize);
  if (parsed.pane_end == kUndyingTime) {
    parsed.kind = PaneEntry::Kind::kFired;
    if (!rest.empty()) return malformed();
    if (entry.value.empty()) return parsed;
    if (entry.value.size() != sizeof(int64_t)) return malformed();
    std::memcpy(&parsed.fired.emplace().micros, entry.value.data(), sizeof(int64_t));
    return parsed;
  }
  WEIR_ASSIGN_OR_RETURN(const size_t key_size, KeySize(key_types, rest));
  parsed.key = rest.substr(0, key_size);
  rest.remove_prefix(key_size);
  if (rest.size() < kRunSize) return malformed();
  parsed.run = LoadBigEndian(rest.substr(0, kRunSize));
  rest.remove_prefix(kRunSize);
  if (parsed.run != kDistinctMark) {
    if (!rest.empty()) return malformed();
    parsed.value = entry.value;
    return parsed;
  }
  if (rest.size() < kColumnSize || !entry.value.empty()) return malformed();
  parsed.kind = PaneEntry::Kind::kDistinct;
  parsed.column = LoadBigEndian(rest.substr(0, kColumnSize));
  parsed.value = rest.substr(kColumnSize);
  return parsed;
}

}  // namespace weir
