#include "operators/window/pane_entries.h"

#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "operators/window/accumulator_kinds.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

constexpr int64_t kFiredTime = std::numeric_limits<int64_t>::min();
constexpr size_t kTimeSize = 8, kGroupSize = 2, kColumnSize = 2;

static_assert(std::endian::native == std::endian::little);

// Big-endian with the sign flipped: bytes order as times do.
std::string TimeBytes(int64_t time) {
  const uint64_t bits = __builtin_bswap64(static_cast<uint64_t>(time) ^ (uint64_t{1} << 63));
  return std::string(reinterpret_cast<const char*>(&bits), sizeof(bits));
}

}  // namespace

std::string StateSchema(const AggregateSpec& spec) {
  std::string text =
      absl::StrCat("panes v1, window ", spec.window.size_us, " every ", spec.window.slide_us,
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

void PaneEntryWriter::BeginKey(int64_t time, uint16_t key_group) {
  std::string& arena = delta_->arena;
  span_.key_begin = arena.size();
  arena += TimeBytes(time);
  arena += static_cast<char>(key_group >> 8);
  arena += static_cast<char>(key_group);
}

void PaneEntryWriter::BeginGroup(int64_t pane_end, uint16_t key_group, std::string_view key) {
  BeginKey(pane_end, key_group);
  delta_->arena.append(key);
  span_.value_begin = delta_->arena.size();
}

void PaneEntryWriter::EndValue() {
  span_.key_size = span_.value_begin - span_.key_begin;
  span_.value_size = delta_->arena.size() - span_.value_begin;
  delta_->entries.push_back(span_);
}

void PaneEntryWriter::AddDistinct(int64_t pane_end, uint16_t key_group, std::string_view key,
                                  size_t column, std::string_view value) {
  BeginKey(pane_end, key_group);
  delta_->arena.append(key);
  delta_->arena += static_cast<char>(column >> 8);
  delta_->arena += static_cast<char>(column);
  delta_->arena.append(value);
  span_.value_begin = delta_->arena.size();
  EndValue();
}

void PaneEntryWriter::AddFired(uint16_t key_group, EventTime fired) {
  BeginKey(kFiredTime, key_group);
  span_.value_begin = delta_->arena.size();
  delta_->arena.append(reinterpret_cast<const char*>(&fired.micros), sizeof(fired.micros));
  EndValue();
}

void PaneEntryWriter::DeletePanesUpTo(int64_t pane_end) {
  delta_->deletes.push_back({TimeBytes(kFiredTime + 1), TimeBytes(pane_end + 1)});
}

void PaneEntryWriter::DeleteFired() {
  delta_->deletes.push_back({TimeBytes(kFiredTime), TimeBytes(kFiredTime + 1)});
}

absl::StatusOr<PaneEntry> ParsePaneEntry(const StateEntry& entry,
                                         const std::vector<DataType>& key_types) {
  auto malformed = [&entry] {
    return absl::DataLossError(
        absl::StrCat("malformed state entry ", absl::BytesToHexString(AbslView(entry.key))));
  };
  if (entry.key.size() < kTimeSize + kGroupSize) return malformed();
  PaneEntry parsed;
  uint64_t bits;
  std::memcpy(&bits, entry.key.data(), sizeof(bits));
  parsed.pane_end = static_cast<int64_t>(__builtin_bswap64(bits) ^ (uint64_t{1} << 63));
  parsed.key_group = static_cast<uint8_t>(entry.key[kTimeSize]) << 8 |
                     static_cast<uint8_t>(entry.key[kTimeSize + 1]);
  std::string_view rest = entry.key.substr(kTimeSize + kGroupSize);
  if (parsed.pane_end == kFiredTime) {
    parsed.kind = PaneEntry::Kind::kFired;
    if (!rest.empty() || entry.value.size() != sizeof(int64_t)) return malformed();
    std::memcpy(&parsed.fired.micros, entry.value.data(), sizeof(int64_t));
    return parsed;
  }
  WEIR_ASSIGN_OR_RETURN(const size_t key_size, KeySize(key_types, rest));
  parsed.key = rest.substr(0, key_size);
  rest.remove_prefix(key_size);
  if (rest.empty()) {
    parsed.value = entry.value;
    return parsed;
  }
  if (rest.size() < kColumnSize) return malformed();
  parsed.kind = PaneEntry::Kind::kDistinct;
  parsed.column = static_cast<uint8_t>(rest[0]) << 8 | static_cast<uint8_t>(rest[1]);
  parsed.value = rest.substr(kColumnSize);
  return parsed;
}

}  // namespace weir
