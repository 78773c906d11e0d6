// A table as it is now, for people: what it holds, and its last commits.
#ifndef WEIR_LAKE_TABLE_REPORT_H_
#define WEIR_LAKE_TABLE_REPORT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "lake/commit_summary.h"
#include "lake/delta_schema.h"
#include "lake/table_progress.h"

namespace weir {

struct TableReport {
  int64_t files = 0;
  int64_t bytes = 0;
  std::optional<int64_t> rows;  // nullopt when some file's statistics don't say
  std::vector<DeltaColumn> columns;
  std::vector<CommitSummary> commits;  // newest first; fewer when older ones were cleaned away
};

// The version that `progress`, refreshed, has reached, with at most `commits_max` commits. Errors
// as TableProgress::Refresh. Reads the newest checkpoint of the log and all commits since.
absl::StatusOr<TableReport> ReadTableReport(LogStore* store, const TableProgress& progress,
                                            int commits_max);

}  // namespace weir

#endif  // WEIR_LAKE_TABLE_REPORT_H_
