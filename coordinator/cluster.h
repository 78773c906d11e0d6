// The cluster as one object: jobs, workers, and what the API asks of them. Lives on the event loop.
#ifndef WEIR_COORDINATOR_CLUSTER_H_
#define WEIR_COORDINATOR_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/commit_driver.h"
#include "coordinator/control_messages.h"
#include "coordinator/doctor.h"
#include "coordinator/job_details.h"
#include "coordinator/job_runner.h"
#include "coordinator/job_view.h"
#include "coordinator/source_queries.h"
#include "coordinator/submitter.h"
#include "coordinator/takeover.h"
#include "coordinator/worker_registry.h"
#include "lake/table_roots.h"

namespace weir {

struct WorkerSummary {
  std::string id;
  WorkerRegistration registration;
  int slots_used = 0;
  int64_t memory_used_bytes = 0;
  int64_t registered_ms = 0;
  WorkerState state = WorkerState::kActive;
};

struct ClusterSummary {
  std::string data_uri;
  std::string http_address;
  int workers = 0;
  int slots = 0;
  int slots_used = 0;
  int jobs_running = 0;
  int jobs_total = 0;
  std::string leader;  // address
  int64_t term = 0;
};

// Hears of a job until its final state. Called on the loop's thread.
class JobWatcher {
 public:
  virtual ~JobWatcher() = default;
  // The last call has `final`; the watcher is dropped afterwards.
  virtual void OnJob(const JobView& view, bool final) = 0;
  virtual void OnError(const absl::Status& status) = 0;
};

enum class LeadRole {
  kUnknown,  // nobody is known to lead, or it is this process and the jobs aren't known yet
  kLeads,
  kStandsBy,
};

struct ClusterOptions {
  std::string data_uri;
  std::string http_address;
  JobMachineOptions machine;
  TableRoots table_roots;
};

// Seams; everything outlives the cluster.
struct ClusterDeps {
  EventLoop* loop = nullptr;
  IoPool* pool = nullptr;
  IoPool* slow = nullptr;  // as JobRunnerDeps
  BlobStore* blobs = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  CommitDriver::MakeCommitter make_committer;
  CompileJob compile;
  IoPool* probes = nullptr;  // connects to workers' addresses; blocks for a moment each
  // Asks whether this process holds the lease at some moment from now on; the answer on any thread.
  std::function<void(std::function<void(bool)>)> confirm_leader;
  std::function<HostFacts()> read_host;  // of this process; any thread
  // Who leads the cluster, whenever that changes, and at first. On the loop.
  std::function<void(LeadRole)> on_role;
};

// Begins as a standby that knows no leader: calls are refused (NOT_LEADER), workers sent away.
//
// Methods may be called on any thread; answers come on the loop's.
class Cluster : public WorkerListener {
 public:
  template <class T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  Cluster(ClusterOptions options, ClusterDeps deps);
  ~Cluster() override;

  // Reads all job logs, on the pool, for as long as it takes, and goes on with the live jobs,
  // unless Follow() comes first. `address`: of this coordinator's API.
  void Lead(int64_t term, std::string address);
  // Another coordinator leads, at `leader` (empty: not known). Drops jobs and workers, after
  // answering everybody who waits.
  void Follow(std::string leader);
  // Answers everything that still waits; nothing is accepted afterwards.
  void ShutDown();

  void OnMessage(const std::shared_ptr<WorkerSession>& session, FromWorker message) override;
  void OnClosed(const std::shared_ptr<WorkerSession>& session) override;

  // `job` is an id, or a name: then the newest job of that name.
  // `gone`: as Submitter::Caller has it.
  void Submit(SubmitArgs args, Done<JobView> done, std::function<bool()> gone = nullptr);
  void Get(std::string job, Done<JobView> done);
  // Newest first; those behind the job `after`. `next` is empty on the last page.
  struct Page {
    std::vector<JobView> jobs;
    std::string next;
  };
  void List(int page_size, std::string after, bool live_only, Done<Page> done);
  // Answers when the job has ended, or at `deadline_us` with the job as it is then.
  void Stop(std::string job, int64_t deadline_us, Done<JobView> done);
  void Cancel(std::string job, int64_t deadline_us, Done<JobView> done);
  void GetPlan(std::string job, Done<Plan> done);
  void GetDetails(std::string job, Done<JobDetails> done);
  void ListCheckpoints(std::string job, Done<std::vector<CheckpointView>> done);
  // Answers when a checkpoint triggered from now on is published; it is kept if it is a savepoint.
  void TriggerCheckpoint(std::string job, bool savepoint, int64_t deadline_us,
                         Done<CheckpointView> done);
  // Answers when the savepoint is one no longer; of an ended job as well.
  void DropSavepoint(std::string job, Epoch epoch, int64_t deadline_us, Done<CheckpointView> done);
  // Answers when the job's tasks run with that parallelism. What was asked goes on behind a caller
  // whose deadline passes; it is forgotten only with this process.
  void Rescale(std::string job, int parallelism, int64_t deadline_us, Done<JobView> done);
  // The watcher is shared with its stream.
  void Watch(std::string job, std::shared_ptr<JobWatcher> watcher);
  void Unwatch(const std::shared_ptr<JobWatcher>& watcher);
  void GetStatus(Done<ClusterSummary> done);
  // Those registered, and those lost not long ago.
  void ListWorkers(Done<std::vector<WorkerSummary>> done);
  // Looks at workers, store, and the topics and tables of live jobs. Takes a few seconds at most.
  void Examine(Done<DoctorReport> done);
  // `worker` is an id or an address. Answers when nothing runs there any more; a caller whose
  // deadline passes leaves it draining.
  void DrainWorker(std::string worker, int64_t deadline_us, Done<WorkerSummary> done);

 private:
  struct Waiter {
    JobId job;
    int64_t deadline_us = 0;
    int64_t asked_us = 0;
    // What the job's log may not have yet: asked again when the job's runner is replaced.
    std::optional<JobEvent> request;
    Done<JobView> ended;  // one of the three is set
    Done<CheckpointView> checkpoint;
    Done<JobView> rescaled;
    int parallelism = 0;                    // to be rescaled to
    bool savepoint = false;                 // the checkpoint has to be one
    std::optional<CheckpointView> dropped;  // the answer once it is no savepoint any more
  };
  struct DrainWaiter {
    std::string worker_id;
    std::string address;
    int64_t deadline_us = 0;
    Done<WorkerSummary> done;
  };
  struct Watched {
    JobId job;
    std::shared_ptr<JobWatcher> watcher;
    int64_t next_us = 0;
  };

  // What is kept of a job's state for another one, or for a submit that is under way.
  struct Holding {
    JobId from;
    Epoch epoch;
    std::set<std::string> files;
  };

  // On the pool. Shared with what it queues, which must be copyable: what was read by now.
  using FoundLogs = std::shared_ptr<std::map<JobId, FoundLog>>;
  void ReadAndLead(int64_t term, const std::string& address, const FoundLogs& found);
  // On the loop: goes on with what was found.
  void BeginToLead(int64_t term, const std::string& address, const FoundLogs& found);
  void Drop();
  bool serving() const { return leads_ && !shut_down_; }
  // Why a call isn't served.
  absl::Status Refusal() const;
  void RefuseAll();
  // A worker's stream broke: is the process still there?
  void Probe(const std::string& worker_id, int64_t since_us);
  void OnProbed(const std::string& worker_id, int64_t since_us, bool refused);
  void Every();  // the clock's pulse: leases, deadlines, gauges, watchers
  void Handle(const std::shared_ptr<WorkerSession>& session, FromWorker message);
  // Ends what the worker runs though its job has moved on: the worker was away, or the coordinator
  // was another one, when it should have been told.
  void CancelLeftOver(const WorkerRegistry::Worker& worker, const WorkerHeartbeat& heartbeat);
  void OnWorkersChanged();
  void Drain(WorkerRegistry::Worker* worker);
  // Looks whether draining workers are empty by now, and tells who waits for that.
  void AdvanceDrains();
  bool AnswerDrain(const DrainWaiter& waiter);
  // Live jobs that have tasks there.
  std::vector<JobId> JobsOn(const std::string& worker_id) const;
  WorkerSummary Summarise(const WorkerRegistry::Worker& worker) const;
  JobRunner* Add(const JobId& id, JobLogState log, bool took_over);
  // A log that can't be read behind what was read: its job is shown as failed, in memory only, and
  // nothing is done for it. False when not even its submission can be read.
  bool ShowDamaged(const JobId& id, const absl::Status& damage, JobLogState* log);
  // What is damaged stays so; anything else may pass.
  void RereadUnreadable(const JobId& id, const absl::Status& damage);
  struct Examination;
  void ExamineWorkers(Examination* examination) const;
  void ExamineJobs(const std::shared_ptr<Examination>& examination);
  void ExamineStores(const std::shared_ptr<Examination>& examination);
  // Replaces a fenced job's runner by one that begins with the log as it is then.
  void Reread(const JobId& id, int64_t delay_us);
  void OnReread(const JobId& id, FoundLog* found);
  absl::StatusOr<JobRunner*> Find(const std::string& job);
  // Why a job can't be rescaled now; OK when it can.
  absl::Status CheckRescale(const JobRunner& job, int parallelism) const;
  absl::StatusOr<OriginJob> FindOrigin(const std::string& job);
  // Jobs that go on from another one's checkpoint hold its files until they have copies, whether
  // its log keeps the checkpoint or not: their own log says which files those are.
  void HoldOrigins();
  void HoldOrigin(const JobId& job, const JobOrigin& origin);
  void HoldCheckpoint(const JobId& from, const std::string& holder, Epoch epoch,
                      std::function<void(bool)> done);
  void Hold(const std::string& holder, Holding holding, std::function<void(bool)> done);
  void Release(const std::string& holder);
  // Tells the job's runner, which is new, who holds what of it.
  void HoldAgain(JobRunner* runner);
  // Deletes what a job that ended lately left behind because a coordinator died.
  void TidyEnded(JobRunner* runner);
  void AcknowledgeAgain(const JobId& id, const Done<JobView>& done);
  // `term`: in which the request came.
  void AfterSubmit(const absl::StatusOr<Submitted>& submitted, int64_t term,
                   const Done<JobView>& done);
  void AcknowledgeSubmit(const Submitted& submitted, int64_t term, bool confirmed,
                         const Done<JobView>& done);
  void End(std::string job, JobEvent request, int64_t deadline_us, Done<JobView> done);
  void OnChanged(const JobId& job);
  void DropOfEnded(const JobId& job, const CheckpointView& savepoint, Done<CheckpointView> done);
  // Whether a waiter for a checkpoint got its answer.
  bool AnswerCheckpoint(const JobRunner& job, const Waiter& waiter, bool timed_out);
  // Whether the waiter got its answer.
  bool Answer(const Waiter& waiter, bool timed_out);
  static bool AnswerRescale(const Waiter& waiter, const JobRunner& job, bool timed_out);
  void AnswerWaiters(const JobId* job);
  bool Show(Watched* watched);
  std::vector<WorkerView> WorkersFor(const JobId& job) const;
  // Tasks of all jobs but `except` by worker id and slot.
  std::map<std::string, std::map<int, int>> SlotLoad(const JobId& except) const;

  const ClusterOptions options_;
  const ClusterDeps deps_;
  WorkerRegistry registry_;
  SourceQueries queries_;
  CommitDriver commits_;
  Submitter submitter_;
  JobRunnerDeps runner_deps_;
  std::map<JobId, std::unique_ptr<JobRunner>> jobs_;
  std::list<Waiter> waiters_;
  std::list<DrainWaiter> drain_waiters_;
  std::list<Watched> watched_;
  std::map<std::string, Holding> holds_;  // by holder: a job's id, or a name of the submitter's
  std::set<JobId> damaged_;               // nothing is done for them, nothing deleted
  int64_t term_ = 0;                      // that this process was told to lead; 0 = it follows
  bool leads_ = false;                    // and the jobs are known
  std::string leader_;                    // its address, this one's included; empty = not known
  bool pulsing_ = false;
  bool shut_down_ = false;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_CLUSTER_H_
