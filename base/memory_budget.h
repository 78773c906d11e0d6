// A bound on bytes that several owners hold together: one part of what `--memory` allows.
#ifndef WEIR_BASE_MEMORY_BUDGET_H_
#define WEIR_BASE_MEMORY_BUDGET_H_

#include <algorithm>
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
  // Takes `bytes` in any case: for what exists already. Used may pass the limit then, and nothing
  // is granted until it is below again.
  void Take(int64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_; }
  bool full() const { return used() >= limit_; }

  // What each of those that hold a MemoryShare of it may have if all want the same. One that keeps
  // to it never starves the others.
  int64_t fair_share() const { return limit_ / std::max(1, owners_.load()); }
  void AddOwners(int count) { owners_ += count; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
  std::atomic<int> owners_{0};
};

}  // namespace weir

#endif  // WEIR_BASE_MEMORY_BUDGET_H_
