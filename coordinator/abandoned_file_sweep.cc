#include "coordinator/abandoned_file_sweep.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "coordinator/commit_driver.h"
#include "lake/delta_checkpoint.h"
#include "lake/log_store.h"
#include "lake/table_store.h"
#include "state/checkpoint/abandoned_files.h"

namespace weir {
namespace {

// A task rolls its files at 128 MiB, so no checkpoint leaves more of them behind.
constexpr int64_t kFilesPerWriterMax = 10'000;

// Names that are there, the last first: a sweep that is cut short must not leave a gap before files
// that the next one would then not find.
absl::StatusOr<std::vector<std::string>> FilesFrom(BlobStore* table, const JobId& job,
                                                   PlannedDataFile file) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < kFilesPerWriterMax; ++i, ++file.number) {
    const std::string name = DataFileName(job, file);
    const absl::Status there = table->Size(name).status();
    if (absl::IsNotFound(there)) break;
    WEIR_RETURN_IF_ERROR(there);
    names.push_back(name);
  }
  std::reverse(names.begin(), names.end());
  return names;
}

// What the job committed of epochs that were published before generation `oldest` was fenced: the
// log knew them when it counted that generation's files, and those that no manifest had are the
// ones looked for. Epochs and generations are both numbers of log records.
KnownCommits KnownBefore(const JobLogState& log, int sink, Generation oldest) {
  const auto fence = std::find_if(log.starts.begin(), log.starts.end(),
                                  [&](const auto& start) { return start.first > oldest.value; });
  WEIR_CHECK(fence != log.starts.end(), "generation ", oldest.value, " runs");
  const std::string& id = log.spec->plan.sinks[static_cast<size_t>(sink)].id;
  return {CommitAppId(log.spec->lineage, id), fence->first};
}

}  // namespace

absl::StatusOr<int64_t> RemoveAbandonedFilesFrom(const std::shared_ptr<BlobStore>& table,
                                                 const JobId& job, const JobLogState& log, int sink,
                                                 Generation from) {
  std::vector<std::string> found;
  Generation oldest;
  for (const PlannedDataFile& first : MayBeAbandoned(log, sink, from)) {
    WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesFrom(table.get(), job, first));
    if (found.empty()) oldest = first.writer.generation;
    found.insert(found.end(), names.begin(), names.end());
  }
  if (found.empty()) return 0;
  WEIR_ASSIGN_OR_RETURN(const std::set<std::string> in_table,
                        FindInLog(MakeLogStore(table).get(), {found.begin(), found.end()},
                                  KnownBefore(log, sink, oldest)));
  int64_t removed = 0;
  for (const std::string& name : AbandonedFiles(job, log, sink, found, in_table)) {
    WEIR_RETURN_IF_ERROR(Failpoint("coordinator.before_abandoned_file_delete"));
    WEIR_RETURN_IF_ERROR(table->Delete(name));
    ++removed;
  }
  return removed;
}

absl::StatusOr<int64_t> RemoveAbandonedFiles(const JobId& job, const JobLogState& log, int sink,
                                             Generation from, const TableRoots& roots) {
  const std::string& path = log.spec->plan.sinks[static_cast<size_t>(sink)].path;
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<BlobStore> table, OpenTableStore(path, roots));
  return RemoveAbandonedFilesFrom(table, job, log, sink, from);
}

}  // namespace weir
