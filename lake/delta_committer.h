// The Delta implementation of lake/table_committer.h over any log store; for tests that fail it.
#ifndef WEIR_LAKE_DELTA_COMMITTER_H_
#define WEIR_LAKE_DELTA_COMMITTER_H_

#include <memory>
#include <string>

#include "lake/log_store.h"
#include "lake/table_committer.h"

namespace weir {

// `path` is for messages only.
std::unique_ptr<TableCommitter> MakeDeltaCommitter(const std::string& path,
                                                   std::unique_ptr<LogStore> store, Clock* clock,
                                                   Random* random);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_COMMITTER_H_
