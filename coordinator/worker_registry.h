// The workers that are there. On the event loop's thread only.
//
// A broken stream ends a worker at once: reports may have been lost with it, so its tasks count as
// lost too. The process may come back within moments, as another worker at the same address; the
// job machine waits for that a little before it moves the tasks. A worker that says nothing for the
// lease is taken for lost as well.
#ifndef WEIR_COORDINATOR_WORKER_REGISTRY_H_
#define WEIR_COORDINATOR_WORKER_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/control_messages.h"
#include "coordinator/placement.h"

namespace weir {

inline constexpr int kHeartbeatMs = 500;
inline constexpr int64_t kLeaseUs = 3'000'000;
inline constexpr size_t kLostKept = 20;

enum class WorkerState { kActive, kDraining, kDrained, kLost };

class WorkerRegistry {
 public:
  struct Worker {
    std::string id;
    WorkerRegistration registration;
    std::shared_ptr<WorkerSession> session;  // shared with its stream
    int64_t registered_ms = 0;               // wall time
    int64_t heard_us = 0;                    // monotonic
    int64_t memory_used_bytes = 0;
    std::map<JobId, JobLive> live;  // last heartbeat
    bool heartbeat = false;         // heard one of this session
    WorkerState state = WorkerState::kActive;
  };

  explicit WorkerRegistry(std::string data_uri) : data_uri_(std::move(data_uri)) {}

  // Registers the session's worker and welcomes it, or refuses it. Another process at the same
  // address is replaced. True when the set of workers changed.
  bool OnRegister(const std::shared_ptr<WorkerSession>& session,
                  const WorkerRegistration& registration, int64_t now_us, int64_t wall_ms);
  void OnHeartbeat(Worker* worker, WorkerHeartbeat heartbeat);
  // True when a worker left.
  bool OnClosed(const std::shared_ptr<WorkerSession>& session);
  // Drops workers whose lease ran out; their addresses.
  std::vector<std::string> Expire(int64_t now_us);

  // The session's worker, heard of just now; nullptr when it isn't registered (any more).
  Worker* Hear(const std::shared_ptr<WorkerSession>& session, int64_t now_us);
  Worker* Find(const std::string& id);
  // By id or address.
  Worker* FindByName(const std::string& name);
  // Its tasks will move; the worker is told. False when it drains already.
  bool Drain(Worker* worker);
  // Whether the worker drains and its last heartbeat shows no tasks.
  static bool RunsNothing(const Worker& worker);
  // REQUIRES: RunsNothing, and no job will place tasks there.
  void SetDrained(Worker* worker);
  // Left without being drained and not back yet; newest last, at most kLostKept.
  const std::deque<Worker>& lost() const { return lost_; }
  // nullptr when there is none.
  Worker* Any();
  const std::map<std::string, Worker>& workers() const { return workers_; }

  // Live figures of a job's generation from all workers.
  std::vector<TaskLive> Live(const JobId& job, Generation generation) const;

 private:
  void KeepLost(const Worker& worker);

  const std::string data_uri_;
  int64_t last_number_ = 0;
  std::map<std::string, Worker> workers_;  // by id
  std::deque<Worker> lost_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_WORKER_REGISTRY_H_
