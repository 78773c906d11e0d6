// The workers that are there. On the event loop's thread only.
//
// A broken stream makes a worker suspect: whoever probes its address says whether it is lost, or
// the process comes back within moments, as another worker at the same address (its tasks count as
// lost either way: reports may have been lost with the stream). A worker that says nothing for the
// lease is lost in any case.
//
// One address has one worker. A second process that registers with the address of one whose stream
// is fine waits: it is refused when the first one shows a sign of life, else it takes the place.
#ifndef WEIR_COORDINATOR_WORKER_REGISTRY_H_
#define WEIR_COORDINATOR_WORKER_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/control_messages.h"
#include "coordinator/placement.h"

namespace weir {

inline constexpr int kHeartbeatMs = 500;
inline constexpr int64_t kLeaseUs = 3'000'000;
inline constexpr size_t kLostKept = 20;

enum class WorkerState { kActive, kDraining, kDrained, kLost };
// A heartbeat that comes so long after a newcomer was not on its way already.
inline constexpr int64_t kSignOfLifeUs = 300'000;

class WorkerRegistry {
 public:
  struct Worker {
    std::string id;
    WorkerRegistration registration;
    std::shared_ptr<WorkerSession> session;  // shared with its stream
    int64_t registered_ms = 0;               // wall time
    int64_t heard_us = 0;                    // monotonic
    int64_t memory_used_bytes = 0;
    HostFacts host;                 // with `heartbeat`
    int64_t clock_ahead_us = 0;     // of ours, likewise; the way of the message included
    bool suspect = false;           // its stream broke
    bool answered = false;          // somebody listens at the suspect's address
    std::map<JobId, JobLive> live;  // last heartbeat
    bool heartbeat = false;         // heard one of this session
    WorkerState state = WorkerState::kActive;
  };

  explicit WorkerRegistry(std::string data_uri) : data_uri_(std::move(data_uri)) {}

  // Registers the session's worker and welcomes it, refuses it, or lets it wait. Replaces a suspect
  // at the same address, and an older session of the same process. True when the set changed.
  bool OnRegister(const std::shared_ptr<WorkerSession>& session,
                  const WorkerRegistration& registration, int64_t now_us, int64_t wall_ms);
  void OnHeartbeat(Worker* worker, WorkerHeartbeat heartbeat, int64_t now_us);
  // The worker that is suspect from now on; nullptr when the session had none, or when another
  // process waited for its place and has it now: then `*replaced`.
  const Worker* OnClosed(const std::shared_ptr<WorkerSession>& session, int64_t now_us,
                         int64_t wall_ms, bool* replaced);
  // The worker is lost, `gone`: for certain; false when it had left already.
  bool Remove(const std::string& id, bool gone);
  // Drops workers whose lease ran out, and welcomes who waited for their places; the addresses.
  std::vector<std::string> Expire(int64_t now_us, int64_t wall_ms);
  // Closes all sessions and forgets everybody.
  void Clear();

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
  // Ids of the last workers whose processes are gone for certain.
  const std::set<std::string>& gone() const { return gone_; }

  // Live figures of a job's generation from all workers.
  std::vector<TaskLive> Live(const JobId& job, Generation generation) const;

 private:
  // A second process at a worker's address.
  struct Newcomer {
    std::shared_ptr<WorkerSession> session;  // shared with its stream
    WorkerRegistration registration;
    int64_t since_us = 0;
  };
  void Admit(const std::shared_ptr<WorkerSession>& session, const WorkerRegistration& registration,
             int64_t now_us, int64_t wall_ms);
  // Welcomes who waits for this address.
  bool AdmitNewcomer(const std::string& address, int64_t now_us, int64_t wall_ms);
  void KeepLost(const Worker& worker);

  const std::string data_uri_;
  int64_t last_number_ = 0;
  std::map<std::string, Worker> workers_;  // by id
  std::vector<Newcomer> newcomers_;        // one an address
  std::set<std::string> gone_;
  std::deque<Worker> lost_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_WORKER_REGISTRY_H_
