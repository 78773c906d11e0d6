// Rolling a Delta table back in one commit: reads what is needed of the log, puts what
// lake/rollback_plan.h says.
#ifndef WEIR_LAKE_DELTA_ROLLBACK_H_
#define WEIR_LAKE_DELTA_ROLLBACK_H_

#include <cstdint>
#include <limits>

#include "absl/status/statusor.h"
#include "lake/table_committer.h"

namespace weir {

class LogStore;
class Random;

// The version that the transaction of an undone writer gets. No epoch comes after it: whoever still
// commits for an undone lineage finds itself replaced.
inline constexpr int64_t kFencedVersion = std::numeric_limits<int64_t>::max();

// As TableCommitter::Rollback, for a table that takes our commits. Reads every commit since the
// newest checkpoint that holds nothing to undo, one by one. UNKNOWN when the commit may have
// landed: the same call again finds it.
absl::StatusOr<RollbackResult> RollBackDeltaTable(LogStore* store, const TableRollback& rollback,
                                                  int64_t now_ms, Random* random);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_ROLLBACK_H_
