#include "coordinator/job_runner.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "coordinator/abandoned_file_sweep.h"
#include "coordinator/event_loop.h"
#include "coordinator/job_log_io.h"
#include "coordinator/origin_import.h"

namespace weir {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// Tasks may still have been uploading when their job ended.
constexpr int64_t kLateUploadsUs = 60'000'000;

const char* StateName(JobState state) {
  switch (state) {
    case JobState::kCreated:
      return "CREATED";
    case JobState::kWaiting:
      return "WAITING";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kStopping:
      return "STOPPING";
    case JobState::kStopped:
      return "STOPPED";
    case JobState::kCancelled:
      return "CANCELLED";
    case JobState::kFinished:
      return "FINISHED";
    case JobState::kFailed:
      return "FAILED";
  }
  CheckFailed(__FILE__, __LINE__, "known JobState", "");
}

}  // namespace

// The log and the strand that it is used on.
struct JobRunner::LogStrand {
  LogStrand(const JobRunnerDeps& deps, const JobId& job, JobLogState log)
      : io(deps.blobs, deps.clock, job, std::move(log)), strand(deps.pool) {}
  void TidyUp() {
    tidies = true;
    io.TidyUp();
  }
  JobLogIo io;
  bool tidies = false;  // ever; of a job whose log is damaged nothing is deleted
  Strand strand;
};

JobRunner::JobRunner(const JobRunnerDeps* deps, JobId id, JobLogState log, bool took_over,
                     JobMachineOptions options)
    : deps_(deps),
      id_(std::move(id)),
      self_(std::make_shared<JobRunner*>(this)),
      armed_us_(kNever),
      history_(log) {
  if (log.ended) {
    ended_log_ = std::move(log);
    shown_state_ = state();
    return;
  }
  log_ = std::make_shared<LogStrand>(*deps, id_, log);
  machine_.emplace(std::move(log), took_over, Facts(), std::move(options), deps->random);
  down_since_us_ = Now().us;
}

JobRunner::~JobRunner() = default;

JobFacts JobRunner::Facts() const {
  return {deps_->clock->MonotonicMicros(), deps_->clock->WallMicros() / 1000, deps_->workers(id_),
          deps_->registry->gone()};
}

void JobRunner::Handle(const JobEvent& event) {
  if (!machine_) return;
  const Epoch epoch_before = log().checkpoints.empty() ? Epoch() : log().checkpoints.back().epoch;
  if (std::holds_alternative<CapturedEvent>(event)) {
    (void)Failpoint("coordinator.after_captured");  // an error can't be reported from here
  }
  // Only what makes room for it may set a new timer: else each event would add one that ticks on.
  if (deps_->clock->MonotonicMicros() >= armed_us_) armed_us_ = kNever;
  if (const auto* commit = std::get_if<CommitDoneEvent>(&event)) ObserveCommit(*commit);
  Remember(event);
  for (const JobAction& action : machine_->Handle(event, Facts())) {
    std::visit([this](const auto& a) { Do(a); }, action);
  }
  ArmTimer();
  const Epoch epoch = log().checkpoints.empty() ? Epoch() : log().checkpoints.back().epoch;
  if (state() == shown_state_ && epoch == epoch_before) return;
  if (state() != shown_state_) {
    WEIR_LOG(kInfo, "job state", {"job", id_}, {"state", StateName(state())},
             {"reason", machine_->reason()});
    shown_state_ = state();
    const std::string why = machine_->reason();
    Tell(HappeningKind::kState,
         absl::StrCat(StateName(shown_state_), why.empty() ? "" : ": ", why));
  }
  deps_->changed(id_);
}

void JobRunner::ArmTimer() {
  const int64_t at = machine_->wake_us();
  if (at >= armed_us_) return;
  armed_us_ = at;
  deps_->loop->PostAt(
      at, [deliver = deps_->deliver, self = RunnerRef(self_)] { deliver(self, TickEvent()); });
}

// ---- Log and sources

void JobRunner::Do(const AppendAction& action) {
  log_->strand.Run([log = log_, record = action.record, id = id_, self = RunnerRef(self_),
                    deliver = deps_->deliver] {
    const absl::StatusOr<int64_t> n = log->io.Append(record);
    if (!n.ok()) {
      WEIR_LOG(kWarning, "append to the job log failed", {"job", id},
               {"error", n.status().ToString()});
    }
    deliver(self, AppendedEvent{n.status(), n.ok() ? *n : 0});
    if (n.ok()) log->TidyUp();
  });
}

void JobRunner::Do(const DescribeSourceAction& action) { deps_->describe(id_, action); }

void JobRunner::Do(const ImportAction& action) {
  WEIR_LOG(kInfo, "goes on from another job", {"job", id_}, {"from", spec().origin->job},
           {"epoch", spec().origin->epoch.value}, {"generation", action.generation.value});
  deps_->slow->Run([deps = deps_, id = id_, self = RunnerRef(self_), spec = spec(),
                    generation = action.generation] {
    if (self.expired()) return;  // somebody else leads by now
    const absl::Status status = ImportOrigin(id, spec, deps->blobs, deps->make_committer);
    if (!status.ok()) {
      WEIR_LOG(kWarning, "can't go on from another job yet", {"job", id},
               {"error", status.ToString()});
    }
    deps->deliver(self, ImportedEvent{generation, status});
  });
}

// ---- State files that others need, and jobs that have ended

const std::shared_ptr<JobRunner::LogStrand>& JobRunner::Log() {
  if (log_ == nullptr) log_ = std::make_shared<LogStrand>(*deps_, id_, ended_log_);
  return log_;
}

void JobRunner::Hold(const std::string& holder, std::set<std::string> files, Epoch epoch,
                     std::function<void(bool)> done) {
  Log()->strand.Run([log = log_, loop = deps_->loop, holder, files = std::move(files), epoch,
                     done = std::move(done)] {
    log->io.Hold(holder, files);
    const auto& kept = log->io.state().checkpoints;
    const bool keeps = std::any_of(kept.begin(), kept.end(),
                                   [&](const auto& published) { return published.epoch == epoch; });
    loop->Post([done, keeps] { done(keeps); });
  });
}

void JobRunner::Release(const std::string& holder) {
  if (log_ == nullptr) return;
  log_->strand.Run([log = log_, holder] {
    log->io.Release(holder);
    if (log->tidies) log->TidyUp();  // of an ended job nothing else does
  });
}

void JobRunner::AppendToEnded(LogRecord record, std::function<void(absl::Status)> done) {
  Log()->strand.Run(
      [log = log_, loop = deps_->loop, record = std::move(record), done = std::move(done)] {
        const absl::Status appended = log->io.Append(record).status();
        if (appended.ok()) log->TidyUp();
        loop->Post([done, appended] { done(appended); });
      });
}

void JobRunner::TidyUpEnded() {
  Log()->strand.Run([log = log_] { log->TidyUp(); });
}

void JobRunner::TidyUpLater() {
  deps_->loop->PostAt(deps_->clock->MonotonicMicros() + kLateUploadsUs,
                      [log = log_] { log->strand.Run([log] { log->TidyUp(); }); });
}

// ---- Workers

void JobRunner::Do(const DeployAction& action) {
  const auto& starts = log().starts;
  Tell(HappeningKind::kStarted,
       absl::StrCat(starts.empty() ? "" : starts.back().second.reason, "; from epoch ",
                    action.epoch.value, ", parallelism ", action.parallelism));
  const auto deploy = std::make_shared<const DeployAction>(action);
  const auto plan = std::make_shared<const Plan>(spec().plan);
  deployed_ = machine_->placement();
  std::set<std::string> told;
  for (const SlotRef& slot : deployed_) {
    if (!told.insert(slot.worker_id).second) continue;
    if (WorkerRegistry::Worker* worker = deps_->registry->Find(slot.worker_id)) {
      worker->session->Send({id_, DeployMessage{deploy, plan, slot.worker_id}});
    }
  }
  WEIR_LOG(kInfo, "deploying", {"job", id_}, {"generation", action.generation.value},
           {"epoch", action.epoch.value}, {"parallelism", action.parallelism},
           {"workers", told.size()});
}

template <class Action>
void JobRunner::SendToDeployed(const Action& action) {
  std::set<std::string> told;
  for (const SlotRef& slot : deployed_) {
    if (!told.insert(slot.worker_id).second) continue;
    if (WorkerRegistry::Worker* worker = deps_->registry->Find(slot.worker_id)) {
      worker->session->Send({id_, action});
    }
  }
}

void JobRunner::Do(const StartAction& action) {
  SendToDeployed(action);
  deps_->changed(id_);
  WEIR_LOG(kInfo, "tasks run", {"job", id_}, {"generation", action.generation.value});
}
void JobRunner::Do(const TriggerAction& action) {
  const size_t tasks = spec().plan.vertices.size() * static_cast<size_t>(log().parallelism);
  history_.OnTriggered(action, static_cast<int>(tasks), Now());
  SendToDeployed(action);
}
void JobRunner::Do(const NotifyPublishedAction& action) { SendToDeployed(action); }

void JobRunner::Do(const AddPartitionsAction& action) {
  const SlotRef& slot = deployed_[static_cast<size_t>(action.task.index)];
  WEIR_LOG(kInfo, "new partition", {"job", id_}, {"partition", action.positions.front().partition},
           {"task", action.task.index});
  if (WorkerRegistry::Worker* worker = deps_->registry->Find(slot.worker_id)) {
    worker->session->Send({id_, action});
  }
}

// To all workers: one that was away may still run an older generation.
void JobRunner::Do(const CancelTasksAction& action) {
  for (const auto& [id, worker] : deps_->registry->workers()) worker.session->Send({id_, action});
  deployed_.clear();
  history_.OnLeft(action.generation);
}

// ---- Commits

void JobRunner::Do(const CommitAction& action) {
  TableCommit commit = BuildTableCommit(id_, spec(), action.sink, action.epoch, action.manifest);
  commit.newest = action.newest.value;
  history_.OnCommitBegins(spec().plan, action);
  deps_->commits->Commit(
      spec().plan.sinks[static_cast<size_t>(action.sink)], std::move(commit),
      [deps = deps_, id = id_, self = RunnerRef(self_), sink = action.sink, epoch = action.epoch](
          absl::StatusOr<CommitResult> result, int64_t duration_us) {
        if (!result.ok()) {
          WEIR_LOG(kWarning, "commit failed", {"job", id}, {"epoch", epoch.value},
                   {"error", result.status().ToString()});
        }
        deps->deliver(self, CommitDoneEvent{sink, epoch, std::move(result), duration_us});
      });
}

void JobRunner::Do(const RemoveAbandonedFilesAction& action) {
  deps_->slow->Run([deps = deps_, id = id_, self = RunnerRef(self_), action,
                    log = std::make_shared<const JobLogState>(log())] {
    if (self.expired()) return;  // somebody else leads by now
    const std::string& path = log->spec->plan.sinks[static_cast<size_t>(action.sink)].path;
    const absl::StatusOr<int64_t> removed =
        RemoveAbandonedFiles(id, *log, action.sink, action.from, deps->table_roots);
    if (!removed.ok()) {
      WEIR_LOG(kWarning, "abandoned data files not removed", {"job", id}, {"table", path},
               {"error", removed.status().ToString()});
      return;
    }
    if (*removed > 0) {
      WEIR_LOG(kInfo, "abandoned data files removed", {"job", id}, {"table", path},
               {"files", *removed});
    }
    deps->deliver(self, TableSweptEvent{action.sink, action.before});
  });
}

}  // namespace weir
