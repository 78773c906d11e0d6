// Pure decisions between a manifest and the tasks of a generation: no I/O, no clock.
#ifndef WEIR_STATE_CHECKPOINT_RECOVERY_H_
#define WEIR_STATE_CHECKPOINT_RECOVERY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/ids.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// A source of a plan. `op` points into the plan.
struct PlanSource {
  int vertex = 0;
  std::string id;  // OperatorSpec::id: what positions name
  const SourceOp* op = nullptr;
};

// In order of vertices and operators.
std::vector<PlanSource> SourcesOf(const Plan& plan);
// Whether every source of the plan ends at a stop offset.
bool IsBounded(const Plan& plan);
// All tasks of a job: every vertex has `parallelism` of them.
std::vector<TaskId> TasksOf(const Plan& plan, int parallelism);

// Epochs that hold files of `sink` and are newer than `committed`, oldest first: each one must be
// committed by itself. Folding two of them into one commit would repeat the rows of the first if
// another coordinator got that one in between; epochs without files fold into the next for free.
std::vector<Epoch> EpochsToCommit(const JobLogState& state, const std::string& sink,
                                  Epoch committed);

// The checkpoint made before any row was read. `positions` are concrete: what a source that starts
// at "latest" means must not change with a restart.
Manifest FirstManifest(Generation generation, int64_t created_ms,
                       std::vector<PartitionPosition> positions);

// What each task starts from. Partitions are spread evenly over the tasks of their source's vertex,
// several sources one behind the other, so that small topics don't meet on one task. Operator
// states go to every task whose key groups they overlap.
// FAILED_PRECONDITION when the manifest holds positions or state that the plan doesn't know:
// starting without them would lose rows silently.
absl::StatusOr<std::map<TaskId, TaskRestore>> BuildRestore(const Manifest& manifest,
                                                           const Plan& plan, int parallelism);

// What a published checkpoint is made of.
struct CheckpointParts {
  Generation generation;
  CheckpointId checkpoint;
  int64_t created_ms = 0;
  std::vector<TaskSnapshot> snapshots;  // of all tasks, at this checkpoint
  // Files of every checkpoint of this generation since the last published one, this one included.
  std::vector<StagedFile> staged;
  // Counters of the manifest that the generation was restored from: tasks count from there.
  std::map<int, InsertCounters> base;
  bool sources_finished = false;  // nothing is left to read, and all windows have fired
};

// FAILED_PRECONDITION when a task is missing or there twice, a file is staged twice or was closed
// by a later checkpoint, or rows read and outcomes of an INSERT don't add up.
absl::StatusOr<Manifest> BuildManifest(const CheckpointParts& parts, const Manifest& previous,
                                       const Plan& plan, int parallelism);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_RECOVERY_H_
