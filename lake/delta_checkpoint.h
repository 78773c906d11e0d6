// Writing checkpoints of a Delta log, so that readers needn't replay it from the beginning.
#ifndef WEIR_LAKE_DELTA_CHECKPOINT_H_
#define WEIR_LAKE_DELTA_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

class LogStore;
struct DeltaFileAction;
struct DeltaState;

// Calls `each` for every file that makes up the version, and for tombstones still kept: the last
// checkpoint before it, streamed through, and the commits since. Memory: those commits.
absl::Status ForEachFile(LogStore* store, int64_t version,
                         const std::function<absl::Status(const DeltaFileAction&)>& each);

// Writes a classic checkpoint of state.version: the last checkpoint before it, streamed through,
// and the commits since. Tombstones older than the table's retention are dropped. Then points
// `_last_checkpoint` to it. Returns how many files the version has. Memory: the commits since the
// last checkpoint, and the new file.
absl::StatusOr<int64_t> WriteCheckpoint(LogStore* store, const DeltaState& state, int64_t now_ms);

// How many versions before the newest checkpoint FindInLog looks through at most.
inline constexpr int64_t kFindInLogVersionsMax = 1'000;

// The commits of a writer up to its transaction `before`, which is not one of them.
struct KnownCommits {
  std::string app_id;
  int64_t before = 0;
};

// Those of `names`, plain names of data files that aren't in the `known` commits, that a version of
// the table which people may still read has in it. Reads the newest checkpoint and what lies behind
// the last known commit, never the whole log: a file of a version is in the newest one as well, or
// a later commit removes it. So what could be missed was put into the table by somebody else before
// the last known commit, was taken out before it too, and the table's time to keep removed files is
// over: a VACUUM deletes that one, and whatever reads the version bears it.
//
// RESOURCE_EXHAUSTED when the last known commit lies too far back; FAILED_PRECONDITION or DATA_LOSS
// when something can't be read. Then nothing is known of any file.
absl::StatusOr<std::set<std::string>> FindInLog(LogStore* store, const std::set<std::string>& names,
                                                const KnownCommits& known);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_CHECKPOINT_H_
