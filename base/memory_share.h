// What one owner holds of a memory budget.
#ifndef WEIR_BASE_MEMORY_SHARE_H_
#define WEIR_BASE_MEMORY_SHARE_H_

#include <cstdint>

#include "base/memory_budget.h"

namespace weir {

// Reserves in steps of 64 KiB, so that thousands of small owners don't use up a budget with nothing
// in them; gives everything back when destroyed. Without a budget (tests) every size is granted.
// One thread at a time.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {
    if (budget_ != nullptr) budget_->AddOwners(1);
  }
  ~MemoryShare() {
    Take(0);
    if (budget_ != nullptr) budget_->AddOwners(-1);
  }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  // False, changing nothing, when the budget refuses. Shrinking always succeeds.
  bool Resize(int64_t bytes) {
    const int64_t wanted = RoundUp(bytes);
    if (wanted == held_) return true;
    if (budget_ != nullptr && !budget_->Reserve(wanted - held_)) return false;
    held_ = wanted;
    return true;
  }
  // For what exists already: holds `bytes` even beyond the limit, which holds others back.
  void Take(int64_t bytes) {
    const int64_t wanted = RoundUp(bytes);
    if (budget_ != nullptr && wanted != held_) budget_->Take(wanted - held_);
    held_ = wanted;
  }
  int64_t held() const { return held_; }
  // What this owner may hold without starving others of the budget.
  int64_t fair() const { return budget_ == nullptr ? INT64_MAX : budget_->fair_share(); }

 private:
  static constexpr int64_t kStep = 64 << 10;
  static int64_t RoundUp(int64_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }

  MemoryBudget* const budget_;
  int64_t held_ = 0;
};

}  // namespace weir

#endif  // WEIR_BASE_MEMORY_SHARE_H_
