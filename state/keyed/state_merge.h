// The merged view of a list of files: entries in order, of equal keys the latest, without dead and
// foreign ones. Private to state/keyed.
#ifndef WEIR_STATE_KEYED_STATE_MERGE_H_
#define WEIR_STATE_KEYED_STATE_MERGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/ids.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// A file as the merge reads it.
struct MergeInput {
  std::string path;          // local
  std::string name;          // for errors
  KeyGroupRange key_groups;  // entries of others don't count
  int64_t first_time = 0, last_time = 0;
};

// Everything of `files` (oldest first) but the entries of times in (kUndyingTime, dead_up_to].
absl::StatusOr<std::unique_ptr<StateCursor>> MergeAll(const std::vector<MergeInput>& files,
                                                      int64_t dead_up_to);

// The entries of `times`, ordered by what follows the time, then by time.
absl::StatusOr<std::unique_ptr<StateCursor>> MergeTimes(const std::vector<MergeInput>& files,
                                                        const std::vector<int64_t>& times);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_STATE_MERGE_H_
