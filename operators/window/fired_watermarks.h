// Up to which watermark the windows of each key group have fired.
//
// Nearly always one number. After rescaling, groups of several former owners meet, and an owner's
// watermark depends on the order in which it heard of its channels turning idle and active, so
// owners may have stopped at different ones. The lower one would fire windows of some groups twice,
// the higher one would lose windows of others: each group keeps its own until the watermark has
// passed the highest.
#ifndef WEIR_OPERATORS_WINDOW_FIRED_WATERMARKS_H_
#define WEIR_OPERATORS_WINDOW_FIRED_WATERMARKS_H_

#include <algorithm>
#include <optional>
#include <vector>

#include "model/event_time.h"
#include "model/ids.h"

namespace weir {

class FiredWatermarks {
 public:
  EventTime highest() const { return highest_; }
  EventTime lowest() const {
    return even() ? highest_ : *std::min_element(by_group_.begin(), by_group_.end());
  }
  bool even() const { return by_group_.empty(); }
  EventTime Of(int key_group) const { return even() ? highest_ : by_group_[key_group]; }

  void Raise(EventTime time) {
    highest_ = std::max(highest_, time);
    if (highest_ == time) by_group_.clear();
    for (EventTime& fired : by_group_) fired = std::max(fired, time);
  }

  // While restoring. Groups never set count as the highest.
  void Set(KeyGroupRange groups, EventTime time) {
    restored_.resize(kKeyGroups);
    for (int g = groups.begin; g < groups.end; ++g) restored_[g] = time;
  }
  void FinishRestore(KeyGroupRange mine) {
    if (restored_.empty()) return;
    for (int g = mine.begin; g < mine.end; ++g) {
      highest_ = std::max(highest_, restored_[g].value_or(highest_));
    }
    by_group_.assign(kKeyGroups, highest_);
    for (int g = mine.begin; g < mine.end; ++g) by_group_[g] = restored_[g].value_or(highest_);
    if (lowest() == highest_) by_group_.clear();
    restored_.clear();
  }

 private:
  EventTime highest_ = kMinEventTime;
  std::vector<EventTime> by_group_;  // empty = all at highest_
  std::vector<std::optional<EventTime>> restored_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_FIRED_WATERMARKS_H_
