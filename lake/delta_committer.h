// The Delta implementation of lake/table_committer.h over any log store; for tests that fail it.
#ifndef WEIR_LAKE_DELTA_COMMITTER_H_
#define WEIR_LAKE_DELTA_COMMITTER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lake/log_store.h"
#include "lake/table_committer.h"

namespace weir {

// Opens the store of a table's log; may block.
using OpenLogStore = std::function<absl::StatusOr<std::unique_ptr<LogStore>>()>;

// `path` is for messages only. `open` is called by Prepare, until it succeeds.
std::unique_ptr<TableCommitter> MakeDeltaCommitter(const std::string& path, OpenLogStore open,
                                                   Clock* clock, Random* random);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_COMMITTER_H_
