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

// Appends the record to the log of a job that has ended, and deletes what nobody needs any more.
absl::Status AppendDropped(const ClusterDeps& deps, const JobId& job, Epoch epoch) {
  JobLogState log;
  if (absl::Status read = JobLog(deps.blobs, job).CatchUp(&log); !read.ok()) return read;
  LogRecord record;
  record.id = RandomHex(*deps.random, 32);
  record.written_ms = deps.clock->WallMicros() / 1000;
  record.body = DroppedSavepointRecord{epoch};
  JobLogIo io(deps.blobs, deps.clock, job, std::move(log));
  const absl::StatusOr<int64_t> n = io.Append(record);
  if (!n.ok()) return n.status();
  io.TidyUp();
  return absl::OkStatus();
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
  deps_.pool->Run([this, job, savepoint, done = std::move(done)] {
    const absl::Status dropped = AppendDropped(deps_, job, Epoch(savepoint.epoch));
    deps_.loop->Post([this, job, savepoint, done, dropped] {
      if (serving()) Reread(job, 0);  // shows the log as it is now
      if (dropped.ok()) return done(savepoint);
      done(ApiError(absl::StatusCode::kUnavailable, kReasonStorage,
                    absl::StrCat("the savepoint may not be dropped: ", dropped.message(),
                                 "; see `weir job checkpoints ", job, "` and try again")));
    });
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
    if (job->live() && job->log().checkpoints.empty()) {
      HoldOrigin(id, *origin);
    } else if (holding_.erase(id) > 0) {
      const auto from = jobs_.find(origin->job);
      if (from != jobs_.end()) from->second->Release(id);
    }
  }
}

void Cluster::HoldOrigin(const JobId& job, const JobOrigin& origin) {
  const auto from = jobs_.find(origin.job);
  if (from == jobs_.end() || !holding_.insert(job).second) return;
  // Not kept any more: then the import will find its files gone, and say so.
  from->second->Hold(job, origin.epoch, [](bool) {});
}

void Cluster::TidyEnded(const JobId& id, const JobLogState& log) {
  if (log.last_written_ms < deps_.clock->WallMicros() / 1000 - kTidyEndedMs) return;
  deps_.pool->Run([this, id, log] { JobLogIo(deps_.blobs, deps_.clock, id, log).TidyUp(); });
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
