// What one operator holds of the worker's memory budget.
#ifndef WEIR_OPERATORS_WINDOW_MEMORY_SHARE_H_
#define WEIR_OPERATORS_WINDOW_MEMORY_SHARE_H_

#include <cstdint>

#include "base/memory_budget.h"

namespace weir {

// Reserves in steps of 1 MiB; gives everything back when destroyed. Without a budget (tests) every
// size is granted.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}
  ~MemoryShare() { Resize(0); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  // False, changing nothing, when the budget refuses. Shrinking always succeeds.
  bool Resize(int64_t bytes) {
    const int64_t wanted = (bytes + kStep - 1) / kStep * kStep;
    if (wanted == held_) return true;
    if (budget_ != nullptr && !budget_->Reserve(wanted - held_)) return false;
    held_ = wanted;
    return true;
  }

 private:
  static constexpr int64_t kStep = 1 << 20;
  MemoryBudget* const budget_;
  int64_t held_ = 0;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_MEMORY_SHARE_H_
