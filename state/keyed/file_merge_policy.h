// Which files of a state's list to rewrite as one. Pure.
//
// The list is ordered, so only neighbours can be merged. kMergeWidth or more of them are, when the
// result is kMergeGrowth times as large as the largest of them: so an entry is rewritten at most
// log(bytes) / log(kMergeGrowth) times, as in a tiered LSM tree. Sizes for which that finds nothing
// (each much larger than all behind it together) are few: beyond kStateFilesMax files the cheapest
// neighbours are merged.
#ifndef WEIR_STATE_KEYED_FILE_MERGE_POLICY_H_
#define WEIR_STATE_KEYED_FILE_MERGE_POLICY_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

inline constexpr int kMergeWidth = 8;
inline constexpr int64_t kMergeGrowth = 4;
inline constexpr int kStateFilesMax = 64;

// Files [begin, end) of the list.
struct FileSpan {
  int begin = 0, end = 0;
  friend bool operator==(const FileSpan&, const FileSpan&) = default;
};

// `sizes`: bytes of the list's files, oldest first. Nullopt: leave it as it is.
std::optional<FileSpan> ChooseMerge(const std::vector<int64_t>& sizes);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_FILE_MERGE_POLICY_H_
