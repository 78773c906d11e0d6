// Durable entries of the owner's panes, in the key layout of state/keyed/keyed_state.h:
//
//   pane end | key group | key                          → aggregate states, sets left out
//   pane end | key group | key | column (2, BE) | value → nothing: one value of a count(DISTINCT)
//   smallest time | key group                           → watermark (8, LE): this group's windows
//                                                         have fired only up to it
#ifndef WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_
#define WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/event_time.h"
#include "model/plan.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// What the entries of `spec` look like. Stored with them; another text refuses the state.
std::string StateSchema(const AggregateSpec& spec);

// Collects entries of a delta.
class PaneEntryWriter {
 public:
  explicit PaneEntryWriter(StateDelta* delta) : delta_(delta) {}
  // Starts the entry of a group: what follows is appended to value() until EndValue.
  void BeginGroup(int64_t pane_end, uint16_t key_group, std::string_view key);
  std::string* value() { return &delta_->arena; }
  void EndValue();
  void AddDistinct(int64_t pane_end, uint16_t key_group, std::string_view key, size_t column,
                   std::string_view value);
  void AddFired(uint16_t key_group, EventTime fired);
  // Drops the panes ending at or before `pane_end`; and all fired watermarks.
  void DeletePanesUpTo(int64_t pane_end);
  void DeleteFired();

 private:
  void BeginKey(int64_t time, uint16_t key_group);
  StateDelta* delta_;
  StateDelta::Span span_{};
};

// A stored entry, taken apart. Points into it.
struct PaneEntry {
  enum class Kind { kGroup, kDistinct, kFired };
  Kind kind = Kind::kGroup;
  int64_t pane_end = 0;
  int key_group = 0;
  std::string_view key;
  size_t column = 0;       // kDistinct
  std::string_view value;  // the states, or the distinct value
  EventTime fired;         // kFired
};

// DATA_LOSS when malformed.
absl::StatusOr<PaneEntry> ParsePaneEntry(const StateEntry& entry,
                                         const std::vector<DataType>& key_types);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PANE_ENTRIES_H_
