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

// Those of `names`, plain names of data files, that any version of the table which can still be
// read adds or removes. Reads the whole log. FAILED_PRECONDITION or DATA_LOSS when some of it can't
// be read: then nothing is known of any file.
absl::StatusOr<std::set<std::string>> FindInLog(LogStore* store,
                                                const std::set<std::string>& names);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_CHECKPOINT_H_
