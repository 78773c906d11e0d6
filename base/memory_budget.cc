#include "base/memory_budget.h"

namespace weir {

bool MemoryBudget::Reserve(int64_t bytes) {
  if (bytes <= 0) {
    used_.fetch_add(bytes, std::memory_order_relaxed);
    return true;
  }
  int64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

}  // namespace weir
