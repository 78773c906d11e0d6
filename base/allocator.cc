#include "base/allocator.h"

#include <malloc.h>

#include <algorithm>
#include <cmath>

namespace weir {

void BoundAllocator(double cpus) {
  mallopt(M_ARENA_MAX, std::max(2, static_cast<int>(std::ceil(cpus))));
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

void ReturnFreeMemory() { malloc_trim(0); }

}  // namespace weir
