// Deletes data files that fenced generations left behind: state/checkpoint/abandoned_files.h says
// which.
#ifndef WEIR_COORDINATOR_ABANDONED_FILE_SWEEP_H_
#define WEIR_COORDINATOR_ABANDONED_FILE_SWEEP_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "model/ids.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class BlobStore;
class TableRoots;

// From the table of sink number `sink`, and says how many. Looks only for names that were planned
// by generation `from` and later ones, never lists. Blocks. On error some may be left, which the
// next call finds.
absl::StatusOr<int64_t> RemoveAbandonedFiles(const JobId& job, const JobLogState& log, int sink,
                                             Generation from, const TableRoots& roots);

// Of the table whose files are `table`.
absl::StatusOr<int64_t> RemoveAbandonedFilesFrom(const std::shared_ptr<BlobStore>& table,
                                                 const JobId& job, const JobLogState& log, int sink,
                                                 Generation from);

}  // namespace weir

#endif  // WEIR_COORDINATOR_ABANDONED_FILE_SWEEP_H_
