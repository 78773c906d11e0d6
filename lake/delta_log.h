// Reading a Delta log: which files there are, and the table's state as their fold.
#ifndef WEIR_LAKE_DELTA_LOG_H_
#define WEIR_LAKE_DELTA_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lake/delta_actions.h"

namespace weir {

class LogStore;

// What a writer of appends needs to know about a table version. Files are left out: a table may
// have millions, and only a checkpoint needs them.
struct DeltaState {
  int64_t version = -1;
  DeltaProtocol protocol;
  DeltaMetadata metadata;
  std::map<std::string, DeltaTxn> txns;  // by app id
  std::map<std::string, DeltaDomain> domains;
  std::optional<int64_t> in_commit_timestamp;  // of `version`, when it has one
};

// Applies the next commit; CHECKs that it is the next.
void Apply(const DeltaCommit& commit, DeltaState* state);

// "00000000000000000007.json"
std::string CommitFileName(int64_t version);
// "00000000000000000010.checkpoint.parquet"
std::string CheckpointFileName(int64_t version);
inline constexpr char kLastCheckpointName[] = "_last_checkpoint";

// A classic checkpoint: all of its parts, in order.
struct CheckpointFiles {
  int64_t version = -1;
  std::vector<std::string> names;
};

// What a listing of `_delta_log` holds. Names that belong to nothing known are ignored.
struct LogListing {
  std::vector<int64_t> commits;              // ascending
  std::vector<CheckpointFiles> checkpoints;  // complete ones, ascending
  int64_t v2_checkpoint = -1;                // the newest of a kind we don't read
};
LogListing ParseListing(const std::vector<std::string>& names);

// What a checkpoint holds, but for files.
absl::StatusOr<DeltaState> LoadDeltaCheckpoint(LogStore* store, const CheckpointFiles& checkpoint);
// NOT_FOUND when the commit isn't in the log.
absl::StatusOr<DeltaCommit> ReadDeltaCommit(LogStore* store, int64_t version);

// Last checkpoint by the table's hint, -1 when there is none or it can't be read: only a hint.
int64_t ReadLastCheckpointHint(LogStore* store);

// What is in the log from the checkpoint named by the hint on; all of it when that isn't there.
absl::StatusOr<LogListing> ListLog(LogStore* store);

// The newest state. NOT_FOUND when there is no table; DATA_LOSS naming what is missing or damaged.
// `checkpoint_version` (optional) receives the version of the checkpoint it was built from, or -1.
absl::StatusOr<DeltaState> LoadDeltaState(LogStore* store, int64_t* checkpoint_version);

// Reads the commits after state->version, in order, and applies each after showing it to `seen`,
// which may stop with an error. `look_around` also lists the log, to notice versions that can't be
// reached one by one because older ones were cleaned away; a listing costs the more the longer the
// log. FAILED_PRECONDITION when state->version is no longer in the log.
absl::Status AdvanceDeltaState(LogStore* store, bool look_around,
                               const std::function<absl::Status(const DeltaCommit&)>& seen,
                               DeltaState* state);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_LOG_H_
