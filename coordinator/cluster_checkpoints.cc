// What the API asks of the cluster about checkpoints and savepoints.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/random.h"
#include "coordinator/api_error.h"
#include "coordinator/cluster.h"
#include "coordinator/event_loop.h"
#include "coordinator/job_log_io.h"

namespace weir {
namespace {

constexpr int64_t kTidyEndedMs = int64_t{86'400} * 1000;

std::optional<CheckpointView> Kept(const JobRunner& job, Epoch epoch) {
  for (CheckpointView& view : job.Checkpoints()) {
    if (view.epoch == epoch.value) return view;
  }
  return std::nullopt;
}

bool IsSavepoint(const JobRunner& job, int64_t epoch) {
  const std::optional<CheckpointView> kept = Kept(job, Epoch(epoch));
  return kept && kept->savepoint;
}

}  // namespace

void Cluster::ListCheckpoints(std::string job, Done<std::vector<CheckpointView>> done) {
  deps_.loop->Post([this, job = std::move(job), done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    done((*runner)->Checkpoints());
  });
}

void Cluster::TriggerCheckpoint(std::string job, bool savepoint, int64_t deadline_us,
                                Done<CheckpointView> done) {
  deps_.loop->Post([this, job = std::move(job), savepoint, deadline_us, done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    if (!(*runner)->live()) return done(JobEndedError((*runner)->id()));
    if ((*runner)->state() != JobState::kRunning) {
      return done(ApiError(absl::StatusCode::kFailedPrecondition, kReasonJobNotRunning,
                           absl::StrCat("job ", (*runner)->id(),
                                        " is not running: ", (*runner)->View(false).reason)));
    }
    Waiter waiter;
    waiter.job = (*runner)->id();
    waiter.deadline_us = deadline_us;
    waiter.asked_us = deps_.clock->MonotonicMicros();
    waiter.checkpoint = done;
    waiter.savepoint = savepoint;
    if (savepoint) waiter.request = CheckpointRequestedEvent{true};
    waiters_.push_back(std::move(waiter));
    (*runner)->Handle(CheckpointRequestedEvent{savepoint});
  });
}

void Cluster::DropSavepoint(std::string job, Epoch epoch, int64_t deadline_us,
                            Done<CheckpointView> done) {
  deps_.loop->Post([this, job = std::move(job), epoch, deadline_us, done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    std::optional<CheckpointView> savepoint = Kept(**runner, epoch);
    if (!savepoint || !savepoint->savepoint) {
      return done(
          ApiError(absl::StatusCode::kNotFound, kReasonSavepointNotFound,
                   absl::StrCat("job ", (*runner)->id(), " has no savepoint at epoch ", epoch.value,
                                "; `weir job checkpoints ", (*runner)->id(), "` shows all"),
                   "epoch"));
    }
    savepoint->savepoint = false;
    if (!(*runner)->live()) return DropOfEnded((*runner)->id(), *savepoint, done);
    Waiter waiter;
    waiter.job = (*runner)->id();
    waiter.deadline_us = deadline_us;
    waiter.checkpoint = done;
    waiter.dropped = savepoint;
    waiter.request = DropSavepointEvent{epoch};
    waiters_.push_back(std::move(waiter));
    (*runner)->Handle(DropSavepointEvent{epoch});
    OnChanged((*runner)->id());
  });
}

void Cluster::DropOfEnded(const JobId& job, const CheckpointView& savepoint,
                          Done<CheckpointView> done) {
  if (damaged_.contains(job)) {
    return done(ApiError(absl::StatusCode::kFailedPrecondition, kReasonStorage,
                         absl::StrCat("the savepoint can't be dropped: nothing is done for job ",
                                      job, ", whose log can't be read to its end")));
  }
  LogRecord record;
  record.id = RandomHex(*deps_.random, 32);
  record.written_ms = deps_.clock->WallMicros() / 1000;
  record.body = DroppedSavepointRecord{Epoch(savepoint.epoch)};
  jobs_.at(job)->AppendToEnded(
      std::move(record), [this, job, savepoint, done](const absl::Status& dropped) {
        if (serving()) Reread(job, 0);  // shows the log as it is now
        if (dropped.ok()) return done(savepoint);
        done(ApiError(absl::StatusCode::kUnavailable, kReasonStorage,
                      absl::StrCat("the savepoint may not be dropped: ", dropped.message(),
                                   "; see `weir job checkpoints ", job, "` and try again")));
      });
}

absl::StatusOr<OriginJob> Cluster::FindOrigin(const std::string& job) {
  const absl::StatusOr<JobRunner*> runner = Find(job);
  if (!runner.ok()) return runner.status();
  std::map<std::string, std::string> parents;
  for (const auto& [id, other] : jobs_) {
    if (other->spec().origin != nullptr) {
      parents[other->spec().lineage] = other->spec().origin->lineage;
    }
  }
  OriginJob origin;
  origin.id = (*runner)->id();
  origin.log = (*runner)->log();
  origin.live = (*runner)->live();
  origin.branches = BranchesOf(origin.log.spec->lineage, parents);
  origin.family = FamilyOf(origin.log.spec->lineage, parents);
  return origin;
}

void Cluster::HoldOrigins() {
  for (const auto& [id, job] : jobs_) {
    const JobOrigin* origin = job->spec().origin.get();
    if (origin == nullptr) continue;
    // One whose log can't be read may come back.
    if ((job->live() || damaged_.contains(id)) && job->log().checkpoints.empty()) {
      HoldOrigin(id, *origin);
    } else {
      Release(id);
    }
  }
}

void Cluster::HoldOrigin(const JobId& job, const JobOrigin& origin) {
  if (holds_.contains(job)) return;
  Hold(job, {origin.job, origin.epoch, NamedStateFiles(origin.manifest)}, [](bool) {});
}

void Cluster::HoldCheckpoint(const JobId& from, const std::string& holder, Epoch epoch,
                             std::function<void(bool)> done) {
  if (const auto job = jobs_.find(from); job != jobs_.end()) {
    for (const auto& published : job->second->log().checkpoints) {
      if (published.epoch != epoch) continue;
      return Hold(holder, {from, epoch, NamedStateFiles(published.manifest)}, std::move(done));
    }
  }
  done(false);
}

void Cluster::Hold(const std::string& holder, Holding holding, std::function<void(bool)> done) {
  const auto from = jobs_.find(holding.from);
  if (from == jobs_.end()) return done(false);  // nothing of it is deleted either
  from->second->Hold(holder, holding.files, holding.epoch, std::move(done));
  holds_.insert_or_assign(holder, std::move(holding));
}

void Cluster::Release(const std::string& holder) {
  const auto holding = holds_.find(holder);
  if (holding == holds_.end()) return;
  if (const auto from = jobs_.find(holding->second.from); from != jobs_.end()) {
    from->second->Release(holder);
  }
  holds_.erase(holding);
}

void Cluster::HoldAgain(JobRunner* runner) {
  for (const auto& [holder, holding] : holds_) {
    if (holding.from != runner->id()) continue;
    runner->Hold(holder, holding.files, holding.epoch, [](bool) {});
  }
}

void Cluster::TidyEnded(JobRunner* runner) {
  const JobLogState& log = runner->log();
  const int64_t since_ms = deps_.clock->WallMicros() / 1000 - kTidyEndedMs;
  if (!log.ended || damaged_.contains(runner->id()) || log.last_written_ms < since_ms) return;
  runner->TidyUpEnded();
}

bool Cluster::AnswerCheckpoint(const JobRunner& job, const Waiter& waiter, bool timed_out) {
  const int64_t newest_us =
      waiter.savepoint ? job.last_savepoint_trigger_us() : job.last_published_trigger_us();
  if (waiter.dropped && !IsSavepoint(job, waiter.dropped->epoch)) {
    waiter.checkpoint(*waiter.dropped);
  } else if (!waiter.dropped && newest_us >= waiter.asked_us) {
    const std::optional<CheckpointView> savepoint = Kept(job, job.last_savepoint());
    waiter.checkpoint(waiter.savepoint && savepoint ? *savepoint : job.Checkpoints().front());
  } else if (!job.live()) {
    waiter.checkpoint(JobEndedError(job.id()));
  } else if (timed_out) {
    waiter.checkpoint(absl::DeadlineExceededError(
        waiter.dropped ? absl::StrCat("the savepoint was not dropped in time; it may be later")
                       : absl::StrCat("no checkpoint of job ", job.id(),
                                      " was published in time; one may be later")));
  } else {
    return false;
  }
  return true;
}

}  // namespace weir
