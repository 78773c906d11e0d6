// Performs what a job's machine decides: appends to the log, talks to workers, commits. All calls
// on the event loop's thread.
#ifndef WEIR_COORDINATOR_JOB_RUNNER_H_
#define WEIR_COORDINATOR_JOB_RUNNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/io_pool.h"
#include "coordinator/commit_driver.h"
#include "coordinator/job_details.h"
#include "coordinator/job_machine.h"
#include "coordinator/job_view.h"
#include "coordinator/worker_registry.h"
#include "lake/table_roots.h"

namespace weir {

class BlobStore;
class Clock;
class Counter;
class EventLoop;
class Gauge;
class Metrics;
class Random;

class JobRunner;
// A runner that may be gone meanwhile: an answer reaches who asked, never a runner of the same job
// that was made after it.
using RunnerRef = std::weak_ptr<JobRunner*>;

// What all runners share; everything outlives them.
struct JobRunnerDeps {
  EventLoop* loop = nullptr;
  IoPool* pool = nullptr;
  IoPool* slow = nullptr;  // for what may take minutes: sweeps of tables, imports
  BlobStore* blobs = nullptr;
  WorkerRegistry* registry = nullptr;
  CommitDriver* commits = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  CommitDriver::MakeCommitter make_committer;
  TableRoots table_roots;
  // Asks some worker; the answer comes back through Handle of the job that asked.
  std::function<void(const JobId&, const DescribeSourceAction&)> describe;
  // Tasks of other jobs per slot, by worker id.
  std::function<std::vector<WorkerView>(const JobId&)> workers;
  // Delivers an event to a runner, if it is still there by then. Thread-safe.
  std::function<void(const RunnerRef&, JobEvent)> deliver;
  // Somebody else appended to the job's log: read it again after `delay_us`, and go on from there.
  std::function<void(const JobId&, int64_t delay_us)> reread;
  // The job's state or epoch changed, or it ended.
  std::function<void(const JobId&)> changed;
};

class JobRunner {
 public:
  // `log` is folded. An ended job's runner only shows it.
  JobRunner(const JobRunnerDeps* deps, JobId id, JobLogState log, bool took_over,
            JobMachineOptions options);
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  void Handle(const JobEvent& event);
  void Tick() { Handle(TickEvent()); }

  const JobId& id() const { return id_; }
  const JobSpec& spec() const { return *log().spec; }
  const JobLogState& log() const { return machine_ ? machine_->log() : ended_log_; }
  JobState state() const;
  bool live() const { return !IsFinal(state()); }
  JobView View(bool with_live) const;
  JobDetails Details() const;
  // Newest first.
  std::vector<CheckpointView> Checkpoints() const;
  // Whether all tasks of the current generation run.
  bool running() const { return machine_ && machine_->running(); }
  std::optional<int> rescaling_to() const {
    return machine_ ? machine_->rescaling_to() : std::nullopt;
  }
  // Keeps state files of this job for `holder`, whatever retention says, until released: nothing
  // that was asked for later deletes one. `done`, on the loop: whether the log still kept the
  // checkpoint `epoch` by then. In memory only: the acting coordinator deletes, and knows who
  // holds.
  void Hold(const std::string& holder, std::set<std::string> files, Epoch epoch,
            std::function<void(bool)> done);
  void Release(const std::string& holder);

  // Of a job that has ended. REQUIRES: all of its log was read.

  // Appends, and deletes what nobody needs any more; `done`, on the loop. The runner shows the log
  // as it was.
  void AppendToEnded(LogRecord record, std::function<void(absl::Status)> done);
  // Deletes what a coordinator that died left behind.
  void TidyUpEnded();
  // Slots that its tasks occupy.
  std::vector<SlotRef> placement() const;

  // When the checkpoint behind the last published epoch was triggered; monotonic.
  int64_t last_published_trigger_us() const { return last_published_trigger_us_; }
  // The last savepoint of this process, and when it was triggered.
  int64_t last_savepoint_trigger_us() const { return last_savepoint_trigger_us_; }
  Epoch last_savepoint() const { return last_savepoint_; }
  // Sets gauges that age: freshness, state. A few times a second; looks at the tasks' progress too.
  void UpdateGauges();

 private:
  struct LogStrand;
  static constexpr size_t kDurationsKept = 100;
  static constexpr size_t kJobSamplesMax = 20;

  JobFacts Facts() const;
  Moment Now() const;
  void Observe();
  // Tasks of the current generation, whether they have reported or not.
  std::vector<TaskView> Tasks() const;
  JobHealthFacts HealthFacts(const std::vector<TaskView>& tasks) const;
  void Tell(HappeningKind kind, const std::string& message, Epoch epoch = Epoch());
  void Do(const AppendAction& action);
  void Do(const DescribeSourceAction& action);
  void Do(const ImportAction& action);
  void Do(const DeployAction& action);
  void Do(const StartAction& action);
  void Do(const TriggerAction& action);
  void Do(const NotifyPublishedAction& action);
  void Do(const AddPartitionsAction& action);
  void Do(const CancelTasksAction& action);
  void Do(const CommitAction& action);
  void Do(const RemoveAbandonedFilesAction& action);
  void Do(const CheckpointPublishedNote& note);
  void Do(const CheckpointFailedNote& note);
  void Do(const RecoveredNote& note);
  void Do(const RestartNote& note);
  void Do(const FencedNote& note);
  void Do(const EndedNote& note);

  // To every worker that has tasks of the current generation.
  template <class Action>
  void SendToDeployed(const Action& action);
  Gauge* LastSuccess();
  Counter* Restarts();
  void ObserveCommit(const CommitDoneEvent& event);
  // What an event says for the history.
  void Remember(const JobEvent& event);
  void ArmTimer();
  void TidyUpLater();
  const std::shared_ptr<LogStrand>& Log();

  const JobRunnerDeps* const deps_;
  const JobId id_;
  JobLogState ended_log_;                   // of a job that had ended before this process
  std::optional<JobMachine> machine_;       // of any other
  const std::shared_ptr<JobRunner*> self_;  // shared with nobody: it ends with the runner
  // Shared with appends under way. An ended job's is made when it is needed first.
  std::shared_ptr<LogStrand> log_;
  std::vector<SlotRef> deployed_;  // where the current generation's tasks are
  int64_t armed_us_;               // the earliest timer set
  JobState shown_state_ = JobState::kCreated;
  std::map<int64_t, int64_t> checkpoint_ms_;  // duration, by epoch
  int64_t last_published_trigger_us_ = -1;
  int64_t last_savepoint_trigger_us_ = -1;
  Epoch last_savepoint_;
  // Last commit by sink, monotonic; before this process's first, when the last epoch was published.
  std::map<int, int64_t> committed_us_;
  JobHistory history_;
  JobProgress progress_;
  int64_t observed_us_ = -1;  // last look at the progress; -1 = none
  std::optional<int64_t>
      down_since_us_;               // when the tasks were last seen running; not set: they run
  std::vector<RowSample> samples_;  // the last ones that any generation of this process had
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_RUNNER_H_
