// What the job machine hears and what it wants done: plain values, so that a test or a simulation
// can play the driver.
#ifndef WEIR_COORDINATOR_JOB_EVENTS_H_
#define WEIR_COORDINATOR_JOB_EVENTS_H_

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/placement.h"
#include "lake/table_committer.h"
#include "model/ids.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// What holds when an event is handled.
struct JobFacts {
  int64_t now_us = 0;               // monotonic
  int64_t wall_ms = 0;              // for people, written into records
  std::vector<WorkerView> workers;  // registered now
  // Ids of lost workers whose processes are known to be gone: nobody waits for them to come back.
  std::set<std::string> gone;
};

// ---- Events. Those of a generation that isn't the current one are ignored.

struct TickEvent {};  // time passed, or workers came or went
struct AppendedEvent {
  absl::Status status;  // as JobLog::Append
  int64_t n = 0;        // when OK
};
struct SourceDescribedEvent {
  int64_t request = 0;
  absl::Status status;
  struct Partition {
    int32_t partition = 0;
    int64_t start_offset = 0;
    int64_t stop_offset = -1;
  };
  std::vector<Partition> partitions;
};
struct DeployedEvent {
  Generation generation;
  std::string worker_id;
  std::string error;           // empty = ready
  bool damaged_state = false;  // a state file is missing or altered: the same start can't succeed
  bool may_pass = false;       // as TaskFailedEvent's
};
struct CapturedEvent {
  Generation generation;
  CheckpointId checkpoint;
  TaskId task;
};
struct DurableEvent {
  Generation generation;
  CheckpointId checkpoint;
  TaskSnapshot snapshot;
};
struct TaskFailedEvent {
  Generation generation;
  TaskId task;
  std::string error;
  bool fatal = false;      // a restart can't help
  bool peer_lost = false;  // the exchange with another worker broke: not an error of the task
  bool may_pass = false;   // a store is away or full: tried again for as long as that lasts
};
struct SourcesFinishedEvent {
  Generation generation;
  TaskId task;
};
struct CommitDoneEvent {
  int sink = 0;
  Epoch epoch;
  absl::StatusOr<CommitResult> result;
  int64_t duration_us = 0;
};
struct StopRequestedEvent {};
struct CancelRequestedEvent {};
struct CheckpointRequestedEvent {
  bool savepoint = false;
};
struct ImportedEvent {
  Generation generation;
  absl::Status status;  // as ImportOrigin
};
// Only of a look that found nothing, or deleted what it found.
struct TableSweptEvent {
  int sink = 0;
  Generation before;  // as in the action
};
struct DropSavepointEvent {
  Epoch epoch;
};
// REQUIRES: 1 <= parallelism <= kKeyGroups. A later request takes the place of one still under way.
struct RescaleRequestedEvent {
  int parallelism = 0;
};

using JobEvent =
    std::variant<TickEvent, AppendedEvent, SourceDescribedEvent, DeployedEvent, CapturedEvent,
                 DurableEvent, TaskFailedEvent, SourcesFinishedEvent, CommitDoneEvent,
                 StopRequestedEvent, CancelRequestedEvent, CheckpointRequestedEvent,
                 DropSavepointEvent, ImportedEvent, TableSweptEvent, RescaleRequestedEvent>;

// ---- Actions.

// One at a time; answered by AppendedEvent. The same record again after an unknown outcome.
struct AppendAction {
  LogRecord record;
};
// Answered by SourceDescribedEvent.
struct DescribeSourceAction {
  int64_t request = 0;
  KafkaSpec kafka;
  bool resolve_offsets = false;
};
// Make the start that the job's origin asks for; answered by ImportedEvent.
struct ImportAction {
  Generation generation;
};
struct TaskDeployment {
  TaskId task;
  SlotRef slot;
  TaskRestore restore;
};
// To every worker that has tasks; each answers with DeployedEvent.
struct DeployAction {
  Generation generation;
  Epoch epoch;
  int parallelism = 0;
  std::vector<TaskDeployment> tasks;
};
struct StartAction {
  Generation generation;
};
struct TriggerAction {
  Generation generation;
  CheckpointId checkpoint;
  bool last = false;
};
struct NotifyPublishedAction {
  Generation generation;
  CheckpointId checkpoint;
  Epoch epoch;
};
struct AddPartitionsAction {
  Generation generation;
  TaskId task;
  std::vector<PartitionPosition> positions;
};
// Ends tasks of this and older generations wherever they run.
struct CancelTasksAction {
  Generation generation;
  std::string reason;
};
// One at a time per sink; answered by CommitDoneEvent.
struct CommitAction {
  int sink = 0;
  Epoch epoch;
  Epoch newest;  // of all published ones
  Manifest manifest;
};

// Look for data files that fenced generations from `from` on left behind in the sink's table, and
// delete them. Answered by TableSweptEvent, or not: what isn't done now is done by the next
// generation.
struct RemoveAbandonedFilesAction {
  int sink = 0;
  Generation from;
  Generation before;  // those were fenced so long ago that they leave nothing more behind
};

// Told for metrics, logs and callers that wait.
struct CheckpointPublishedNote {
  Epoch epoch;
  CheckpointId checkpoint;
  int64_t triggered_us = 0;
  int64_t duration_us = 0;
  bool savepoint = false;
};
struct CheckpointFailedNote {
  CheckpointId checkpoint;
  std::string reason;
};
// The first checkpoint after a restart or a takeover is published. Times in microseconds.
struct RecoveredNote {
  int64_t fence_us = 0;    // until the STARTED record stood in the log
  int64_t deploy_us = 0;   // from there until all tasks were ready, their state open
  int64_t publish_us = 0;  // from there
};
struct RestartNote {
  std::string reason;
  bool planned = false;  // after a checkpoint, because tasks move; nothing failed
};
// The machine does nothing any more; whoever drives it reads the log again and makes a new one.
struct FencedNote {
  std::string reason;
  bool acted = false;  // had work under way in this job; else it only looked on with an old log
};
struct EndedNote {
  EndedRecord ended;
};

using JobAction =
    std::variant<AppendAction, DescribeSourceAction, ImportAction, DeployAction, StartAction,
                 TriggerAction, NotifyPublishedAction, AddPartitionsAction, CancelTasksAction,
                 CommitAction, RemoveAbandonedFilesAction, CheckpointPublishedNote,
                 CheckpointFailedNote, RecoveredNote, RestartNote, FencedNote, EndedNote>;

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_EVENTS_H_
