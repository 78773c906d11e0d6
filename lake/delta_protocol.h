// Which Delta tables we may append to. Pure decisions.
#ifndef WEIR_LAKE_DELTA_PROTOCOL_H_
#define WEIR_LAKE_DELTA_PROTOCOL_H_

#include <vector>

#include "absl/status/statusor.h"
#include "lake/delta_actions.h"
#include "lake/delta_schema.h"
#include "model/types.h"

namespace weir {

// The table's columns, if we may append to it. FAILED_PRECONDITION naming the feature, property or
// column that keeps us from appending correctly and what to do about it. A feature that a table
// merely lists, without using it, is no reason.
absl::StatusOr<std::vector<DeltaColumn>> CheckAppendAllowed(const DeltaProtocol& protocol,
                                                            const DeltaMetadata& metadata);

// The lowest protocol that a new table with `schema` needs.
DeltaProtocol ProtocolForNewTable(const Schema& schema);

// The table wants a timestamp inside every commit (feature inCommitTimestamp, enabled).
bool NeedsInCommitTimestamp(const DeltaProtocol& protocol, const DeltaMetadata& metadata);

// Rows may only be added (property delta.appendOnly).
bool IsAppendOnly(const DeltaMetadata& metadata);

// Commits from one checkpoint to the next: property `delta.checkpointInterval`, else 10, else so
// many that a checkpoint of `live_files`, which names every file, costs each commit that of a
// thousand.
int64_t CheckpointInterval(const DeltaMetadata& metadata, int64_t live_files);

// Property `delta.deletedFileRetentionDuration` in milliseconds, one week when absent; -1 (for
// ever) when it can't be understood: keeping a tombstone too long harms nobody.
int64_t TombstoneRetentionMs(const DeltaMetadata& metadata);

}  // namespace weir

#endif  // WEIR_LAKE_DELTA_PROTOCOL_H_
