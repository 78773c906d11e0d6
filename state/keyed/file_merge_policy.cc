#include "state/keyed/file_merge_policy.h"

#include <algorithm>

namespace weir {
namespace {

// The kMergeWidth neighbours with the fewest bytes.
FileSpan Cheapest(const std::vector<int64_t>& sizes) {
  const int count = static_cast<int>(sizes.size());
  int64_t sum = 0, least = 0;
  FileSpan best;
  for (int end = 1; end <= count; ++end) {
    sum += sizes[end - 1];
    if (end > kMergeWidth) sum -= sizes[end - 1 - kMergeWidth];
    if (end < kMergeWidth) continue;
    if (best.end != 0 && sum >= least) continue;
    least = sum;
    best = {end - kMergeWidth, end};
  }
  return best;
}

}  // namespace

std::optional<FileSpan> ChooseMerge(const std::vector<int64_t>& sizes) {
  const int count = static_cast<int>(sizes.size());
  for (int end = count; end >= kMergeWidth; --end) {
    int64_t sum = 0, largest = 1;
    int begin = end;
    for (int i = end - 1; i >= 0; --i) {
      sum += sizes[i];
      largest = std::max(largest, sizes[i]);
      // The longest such span: what is merged at once isn't merged twice.
      if (end - i >= kMergeWidth && (sum >= kMergeGrowth * largest || largest == 1)) begin = i;
    }
    if (begin < end) return FileSpan{begin, end};
  }
  if (count > kStateFilesMax) return Cheapest(sizes);
  return std::nullopt;
}

}  // namespace weir
