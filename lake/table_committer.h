// Tables as the engine sees them: check or create one, then commit data files to it once per epoch.
// Nothing here knows about jobs beyond the ids it is given.
#ifndef WEIR_LAKE_TABLE_COMMITTER_H_
#define WEIR_LAKE_TABLE_COMMITTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/types.h"

namespace weir {

class Clock;
class Random;
class TableRoots;

// A data file in the table's directory, complete and durable.
struct DataFile {
  std::string path;  // relative to the table
  int64_t size = 0;
  int64_t rows = 0;
  int64_t modification_time_ms = 0;
  std::string stats;  // Delta statistics, JSON
};

struct TableCommit {
  std::string app_id;   // "<lineage>/<sink>": the writer, across restarts
  int64_t version = 0;  // of the application: the epoch; rises with every commit of an app_id
  std::vector<DataFile> files;  // may be empty: moves the transaction id and metadata only
  std::string weir_info;  // JSON object put into commitInfo.weir: job, epoch, offsets, counters
  // The newest version that the caller knows to be rightly under way; 0 = not said. Up to there a
  // predecessor may have committed already, or still do. A stored version above it and above
  // `version` is a stranger's when it comes while we commit (ABORTED), and when it was there
  // before, it tells that the caller's records are an older copy (FAILED_PRECONDITION): taken for
  // "already there", all rows up to it would be lost.
  int64_t newest = 0;
};

struct CommitResult {
  int64_t table_version = 0;   // that holds the commit
  bool already_there = false;  // the app's stored version was >= `version`: nothing was written
  int rebases = 0;             // how often another writer got in first
  int unknowns = 0;            // writes whose outcome was unknown until it was read back
};

// What the table knows about an app id.
struct TableState {
  int64_t table_version = -1;          // latest
  std::optional<int64_t> app_version;  // stored transaction of the app id
  std::vector<std::string> app_ids;    // all that ever committed (unexpired)
  // The schema given to Prepare as the table spells it. Data files are written with it: readers
  // find columns by exact name.
  Schema schema;
};

// The table put back to where a savepoint left it: what earlier lineages committed after it goes,
// in one commit.
struct TableRollback {
  // Whose commits are undone: those with versions above `keep`; below its first version, all of
  // them. A lineage that was itself restored from an older one needs both named here when both
  // wrote too much.
  struct Writer {
    std::string app_id;
    int64_t keep = 0;
  };
  std::vector<Writer> undo;
  // The new lineage's transaction: `version` is below its first epoch. It makes the rollback happen
  // once.
  std::string app_id;
  int64_t version = 0;
  std::string weir_info;    // as in TableCommit
  bool check_only = false;  // say what would happen, write nothing
};

struct RollbackResult {
  int64_t table_version = -1;  // that holds the rollback; with check_only the latest
  bool already_there = false;  // the app's stored version was >= `version`: nothing was written
  int64_t files_removed = 0;
  int64_t files_restored = 0;
  // For each of `undo`, the newest version of it that the table still holds. An epoch above it that
  // has files was published and never committed: its rows are missing. Empty with already_there.
  std::vector<std::optional<int64_t>> kept;
};

// Error kinds are the contract:
//   ABORTED              someone else commits under our app id with a version newer than any we
//   know
//                        of: a zombie (us or them); stop
//   FAILED_PRECONDITION  the table's schema, protocol or properties don't allow the commit; names
//                        the feature or column and what to do; or the table is ahead of the caller
//   NOT_FOUND            Prepare only: there is no table and `create` is false
//   INVALID_ARGUMENT     the request itself is wrong
//   UNKNOWN              the commit may have landed: call again with the same request, it will find
//                        out; never clean up files
//   UNAVAILABLE          nothing happened; retry
// Calls block; one thread at a time per object.
class TableCommitter {
 public:
  virtual ~TableCommitter() = default;
  // Makes the table when absent (`create`), else checks that its schema takes `schema` (same names
  // ignoring case, types and nullability compatible) and that no feature forbids us to write.
  virtual absl::StatusOr<TableState> Prepare(const Schema& schema, const std::string& app_id,
                                             bool create) = 0;
  // Commits unless the stored version of the app id is >= commit.version. Rebases over commits of
  // others that only add files or touch what we don't. After Prepare, with its app id.
  virtual absl::StatusOr<CommitResult> Commit(const TableCommit& commit) = 0;
  // Removes every data file that the undone commits added and adds again what they removed, as
  // Delta's RESTORE would; files, schema and properties of other writers stay. After it no writer
  // named in `undo` can commit any more. After Prepare, with its app id; reads all commits since
  // the oldest that is undone.
  // FAILED_PRECONDITION, one sentence with the reason, when it can't be done exactly: another
  // writer rewrote or deleted rows of the undone files, commits that tell what to undo were cleaned
  // from the log, a file to be added again was deleted, or the table is append-only.
  virtual absl::StatusOr<RollbackResult> Rollback(const TableRollback& rollback) = 0;
};

// A Delta table at `path`: a local directory or s3://bucket/directory, as model/table_path.h spells
// it, below `roots`. `clock` and `random` outlive it.
std::unique_ptr<TableCommitter> MakeDeltaCommitter(const std::string& path, const TableRoots& roots,
                                                   Clock* clock, Random* random);

}  // namespace weir

#endif  // WEIR_LAKE_TABLE_COMMITTER_H_
