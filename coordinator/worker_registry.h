// The workers that are there. On the event loop's thread only.
//
// A broken stream ends a worker at once: reports may have been lost with it, so its tasks count as
// lost too. The process may come back within moments, as another worker at the same address; the
// job machine waits for that a little before it moves the tasks. A worker that says nothing for the
// lease is taken for lost as well.
#ifndef WEIR_COORDINATOR_WORKER_REGISTRY_H_
#define WEIR_COORDINATOR_WORKER_REGISTRY_H_

#include <cstdint>
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
  // nullptr when there is none.
  Worker* Any();
  const std::map<std::string, Worker>& workers() const { return workers_; }

  // Live figures of a job's generation from all workers.
  std::vector<TaskLive> Live(const JobId& job, Generation generation) const;

 private:
  const std::string data_uri_;
  int64_t last_number_ = 0;
  std::map<std::string, Worker> workers_;  // by id
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_WORKER_REGISTRY_H_
