// Durable entries of the owner's panes, in the key layout of state/keyed/keyed_state.h:
//
//   pane end | key group | key | run (4, BE)                    → aggregate states, sets left out
//   pane end | key group | key | FFFFFFFF | column (2, BE) | v  → nothing: one value of a
//                                                                 count(DISTINCT)
//   smallest time | key group → watermark (8, LE): this group's windows have fired only up to it;
//                               empty: no longer
//
// A group that was evicted and came back is stored once per run: its states are those of all runs
// merged. Within a run the later file counts.
#ifndef WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_
#define WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/event_time.h"
#include "model/plan.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// No run has this number.
inline constexpr uint32_t kDistinctMark = 0xffffffff;

// What the entries of `spec` look like. Stored with them; another text refuses the state.
std::string StateSchema(const AggregateSpec& spec);

void AppendGroupKey(int64_t pane_end, uint16_t key_group, std::string_view key, uint32_t run,
                    std::string* out);
void AppendDistinctKey(int64_t pane_end, uint16_t key_group, std::string_view key, size_t column,
                       std::string_view value, std::string* out);

// What changed since the last barrier, in any order. Owns its bytes: it crosses from the slot
// thread to the I/O pool.
class StateDelta {
 public:
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  // About; what Reserve makes room for.
  int64_t bytes() const {
    return static_cast<int64_t>(arena_.capacity() + entries_.capacity() * sizeof(Span));
  }
  void Reserve(size_t entries, size_t arena_bytes);

  // Starts the entry of a group: what follows is appended to value() until EndValue.
  void BeginGroup(int64_t pane_end, uint16_t key_group, std::string_view key, uint32_t run);
  std::string* value() { return &arena_; }
  void EndValue();
  void AddDistinct(int64_t pane_end, uint16_t key_group, std::string_view key, size_t column,
                   std::string_view value);
  void AddFired(uint16_t key_group, std::optional<EventTime> fired);

  StateEntry entry(size_t i) const;
  // Hands the entries over in key order. REQUIRES: no key was added twice.
  absl::Status WriteSorted(PutStateEntry put) const;

 private:
  struct Span {
    uint64_t key_begin, value_begin;
    uint32_t key_size, value_size;
  };
  void EndKey(size_t begin);

  std::string arena_;
  std::vector<Span> entries_;
  Span span_{};
};

// A stored entry, taken apart. Points into it.
struct PaneEntry {
  enum class Kind { kGroup, kDistinct, kFired };
  Kind kind = Kind::kGroup;
  int64_t pane_end = 0;
  int key_group = 0;
  std::string_view key;
  uint32_t run = 0;                // kGroup
  size_t column = 0;               // kDistinct
  std::string_view value;          // the states, or the distinct value
  std::optional<EventTime> fired;  // kFired
};

// DATA_LOSS when malformed.
absl::StatusOr<PaneEntry> ParsePaneEntry(const StateEntry& entry,
                                         const std::vector<DataType>& key_types);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_
