// The worker's side of proto/weir/v1/control.proto, as values: what the coordinator says and what
// it is told.
#ifndef WEIR_WORKER_CONTROL_H_
#define WEIR_WORKER_CONTROL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/host_facts.h"
#include "base/transport.h"
#include "model/snapshot.h"
#include "operators/source/partition_reader.h"
#include "worker/deployment.h"

namespace weir {

class Clock;

struct JobStats {
  JobId job;
  Generation generation;
  std::vector<TaskStats> tasks;
};

// What arrives from the coordinator. One thread makes all calls, in the order of the stream; they
// don't block for long.
class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  // A (new) session: where the cluster's blob store is.
  virtual void OnWelcome(const std::string& data_uri) = 0;
  virtual void OnDeploy(DeploymentSpec spec) = 0;
  virtual void OnStart(const JobId& job, Generation generation) = 0;
  virtual void OnTrigger(const JobId& job, Generation generation, CheckpointId id, bool last) = 0;
  virtual void OnPublished(const JobId& job, Generation generation, CheckpointId id) = 0;
  virtual void OnCancel(const JobId& job, Generation generation, const std::string& reason) = 0;
  virtual void OnDescribeSource(int64_t request, KafkaSpec spec, bool resolve_offsets) = 0;
  virtual void OnAddPartitions(const JobId& job, Generation generation, TaskId task,
                               std::vector<PartitionPosition> positions) = 0;
  // Tasks will move away from here.
  virtual void OnDrain() = 0;
  // Nothing runs here any more, and nothing will.
  virtual void OnDrained() = 0;
  // The session is over for good: registration refused, or no coordinator for too long.
  virtual void OnGivenUp(const absl::Status& why) = 0;
};

// Whether an error of a task says that something outside is away, slow or full: a start from the
// last checkpoint goes on once it isn't.
bool MayPass(const absl::Status& status);

// Tells the coordinator. Thread-safe, doesn't block; while there is no session, messages wait for
// the next one (at most 10,000, then the oldest go: a coordinator that was away that long restarts
// the jobs anyway).
class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;
  virtual void Deployed(const JobId& job, Generation generation, const absl::Status& result) = 0;
  virtual void Captured(const JobId& job, Generation generation, CheckpointId id, TaskId task) = 0;
  virtual void Durable(const JobId& job, Generation generation, CheckpointId id,
                       const TaskSnapshot& snapshot) = 0;
  virtual void TaskFailed(const JobId& job, Generation generation, TaskId task,
                          const absl::Status& why, bool fatal) = 0;
  virtual void SourcesFinished(const JobId& job, Generation generation, TaskId task) = 0;
  virtual void Cancelled(const JobId& job, Generation generation) = 0;
  virtual void SourceDescribed(int64_t request,
                               const absl::StatusOr<SourceDescription>& result) = 0;
  // Dropped, not kept, while there is no session.
  virtual void Heartbeat(const std::vector<JobStats>& jobs, int64_t memory_used_bytes,
                         int64_t wall_us, const HostFacts& host) = 0;
  // Asks for the tasks to move away, in this session and in every later one.
  virtual void Drain() = 0;
  virtual bool connected() const = 0;
};

struct Registration {
  std::string address;  // of the exchange
  int slots = 1;
  int64_t memory_bytes = 0;
  std::string version;
  std::string instance;  // random per process
};

// Opens sessions with one of `coordinators` (host:port) in turn, or with the leader that one of
// them names, for as long as it lives. Gives up, telling the handler, when registration is refused
// or the first session isn't made within `first_session_timeout_ms`. `clock` outlives it. The
// destructor ends the session; no call to the handler afterwards.
std::unique_ptr<CoordinatorLink> ConnectToCoordinator(std::vector<std::string> coordinators,
                                                      Registration registration,
                                                      int64_t first_session_timeout_ms,
                                                      SharedTransport transport, Clock* clock,
                                                      ControlHandler* handler);

}  // namespace weir

#endif  // WEIR_WORKER_CONTROL_H_
