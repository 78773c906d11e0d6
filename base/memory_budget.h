// `--memory` as a number: a worker's parts reserve what they hold from one budget.
#ifndef WEIR_BASE_MEMORY_BUDGET_H_
#define WEIR_BASE_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace weir {

// Thread-safe, lock-free.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit_bytes) : limit_(limit_bytes) {}
  // Takes `bytes` (may be negative: gives back). False, taking nothing, when that would pass the
  // limit.
  bool Reserve(int64_t bytes);
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

}  // namespace weir

#endif  // WEIR_BASE_MEMORY_BUDGET_H_
