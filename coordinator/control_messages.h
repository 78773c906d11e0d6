// proto/weir/v1/control.proto as values: what workers report and what they are told.
#ifndef WEIR_COORDINATOR_CONTROL_MESSAGES_H_
#define WEIR_COORDINATOR_CONTROL_MESSAGES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/host_facts.h"
#include "coordinator/job_events.h"
#include "model/ids.h"
#include "model/plan.h"
#include "model/row_sample.h"
#include "model/snapshot.h"

namespace weir {

// ---- From a worker

struct WorkerRegistration {
  std::string address;  // of its exchange
  int slots = 0;
  int64_t memory_bytes = 0;
  std::string version;
  std::string instance;  // random per process
  bool draining = false;
};
// The worker wants to leave.
struct DrainRequest {};

struct PartitionLive {
  int32_t partition = 0;
  int64_t next_offset = 0;
  int64_t end_offset = -1;  // last heard; -1 = never
  int64_t lag_records = 0;
  EventTime watermark = kMinEventTime;
  ChannelStatus status = ChannelStatus::kActive;
};

// Live figures of one task, since the start of the generation.
struct TaskLive {
  TaskId task;
  std::string worker;  // its address; filled in by the registry
  std::map<int, InsertCounters> counters;
  EventTime watermark = kMinEventTime;
  int64_t lag_records = 0;
  int64_t state_bytes = 0;
  int64_t state_keys = 0;
  int64_t source_records = 0;
  int64_t source_bytes = 0;
  int64_t busy_us = 0, idle_us = 0, blocked_us = 0;
  int64_t queued_bytes = 0;  // in its input channels
  int64_t rows_sent = 0;     // over edges
  int64_t rows_received = 0;
  std::vector<std::string> waiting_for;
  std::vector<PartitionLive> partitions;  // of a source task
  std::vector<RowSample> samples;
};
struct JobLive {
  JobId job;
  Generation generation;
  std::vector<TaskLive> tasks;
};
struct WorkerHeartbeat {
  std::vector<JobLive> jobs;
  int64_t memory_used_bytes = 0;
  int64_t wall_us = 0;  // the worker's clock; 0 = it didn't say
  HostFacts host;
};
// DeployedEvent::worker_id is filled in by the registry.
struct JobReport {
  JobId job;
  JobEvent event;
};

using FromWorker = std::variant<WorkerRegistration, WorkerHeartbeat, JobReport,
                                SourceDescribedEvent, DrainRequest>;

// ---- To a worker

struct WelcomeMessage {
  std::string worker_id;
  std::string data_uri;
  int heartbeat_ms = 0;
};
struct RefusedMessage {
  std::string why;
};
// Its tasks will move.
struct DrainMessage {};
// Nothing runs there any more.
struct DrainedMessage {};
// Registration at a coordinator that doesn't lead: the worker goes to the leader.
struct NotLeaderMessage {
  std::string leader;  // "host:port"; empty = not known
};
struct DeployMessage {
  // Shared by the messages to all workers: plan and restores can be large.
  std::shared_ptr<const DeployAction> deploy;
  std::shared_ptr<const Plan> plan;
  std::string worker_id;  // of the receiver: only its tasks carry their restore
};

struct ToWorker {
  JobId job;  // empty where the body isn't about a job
  std::variant<WelcomeMessage, RefusedMessage, NotLeaderMessage, DrainMessage, DrainedMessage,
               DeployMessage, StartAction, TriggerAction, NotifyPublishedAction, CancelTasksAction,
               AddPartitionsAction, DescribeSourceAction>
      body;
};

// One worker's stream. Thread-safe; Send doesn't block.
class WorkerSession {
 public:
  virtual ~WorkerSession() = default;
  // Queued behind what was sent before; dropped when the stream is broken.
  virtual void Send(const ToWorker& message) = 0;
  // Ends the stream after what was sent.
  virtual void Close() = 0;
};

// Who hears what sessions deliver. Called on gRPC's threads; per session in order, OnClosed last.
class WorkerListener {
 public:
  virtual ~WorkerListener() = default;
  // The session is shared with its stream, which may break at any time.
  virtual void OnMessage(const std::shared_ptr<WorkerSession>& session, FromWorker message) = 0;
  virtual void OnClosed(const std::shared_ptr<WorkerSession>& session) = 0;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_CONTROL_MESSAGES_H_
