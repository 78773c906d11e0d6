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
#include "coordinator/job_runner.h"
#include "coordinator/job_view.h"
#include "coordinator/source_queries.h"
#include "coordinator/submitter.h"
#include "coordinator/worker_registry.h"

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
};

// Hears of a job until its final state. Called on the loop's thread.
class JobWatcher {
 public:
  virtual ~JobWatcher() = default;
  // The last call has `final`; the watcher is dropped afterwards.
  virtual void OnJob(const JobView& view, bool final) = 0;
  virtual void OnError(const absl::Status& status) = 0;
};

struct ClusterOptions {
  std::string data_uri;
  std::string http_address;
  JobMachineOptions machine;
};

// Seams; everything outlives the cluster.
struct ClusterDeps {
  EventLoop* loop = nullptr;
  IoPool* pool = nullptr;
  BlobStore* blobs = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  CommitDriver::MakeCommitter make_committer;
  CompileJob compile;
};

// Methods may be called on any thread; answers come on the loop's.
class Cluster : public WorkerListener {
 public:
  template <class T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  Cluster(ClusterOptions options, ClusterDeps deps);
  ~Cluster() override;

  // Reads all job logs and goes on with the live jobs. Before anything else; blocks.
  absl::Status Recover();
  // Answers everything that still waits; nothing is accepted afterwards.
  void ShutDown();

  void OnMessage(const std::shared_ptr<WorkerSession>& session, FromWorker message) override;
  void OnClosed(const std::shared_ptr<WorkerSession>& session) override;

  // `job` is an id, or a name: then the newest job of that name.
  void Submit(SubmitArgs args, Done<JobView> done);
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
  // `worker` is an id or an address. Answers when nothing runs there any more; a caller whose
  // deadline passes leaves it draining.
  void DrainWorker(std::string worker, int64_t deadline_us, Done<WorkerSummary> done);

 private:
  struct Waiter {
    JobId job;
    int64_t deadline_us = 0;
    int64_t asked_us = 0;
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
  // A log that is damaged behind what was read: its job is shown as failed, in memory only, and
  // nothing is done for it. False when not even its submission can be read.
  static bool ShowDamaged(const JobId& id, const absl::Status& damage, JobLogState* log);
  // Replaces a fenced job's runner by one that begins with the log as it is then.
  void Reread(const JobId& id, int64_t delay_us);
  absl::StatusOr<JobRunner*> Find(const std::string& job);
  // Why a job can't be rescaled now; OK when it can.
  absl::Status CheckRescale(const JobRunner& job, int parallelism) const;
  absl::StatusOr<OriginJob> FindOrigin(const std::string& job);
  // Jobs that go on from another one's checkpoint hold its files until they have copies.
  void HoldOrigins();
  // Deletes what a job that ended lately left behind because a coordinator died.
  void TidyEnded(const JobId& id, const JobLogState& log);
  void AfterSubmit(const absl::StatusOr<Submitted>& submitted, const Done<JobView>& done);
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
  std::set<JobId> holding_;  // a checkpoint of their origin
  bool shut_down_ = false;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_CLUSTER_H_
