// How many tasks a job has, and on which workers: what the API asks about it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/log.h"
#include "coordinator/api_error.h"
#include "coordinator/cluster.h"
#include "coordinator/event_loop.h"
#include "model/ids.h"

namespace weir {

absl::Status Cluster::CheckRescale(const JobRunner& job, int parallelism) const {
  if (parallelism < 1 || parallelism > kKeyGroups) {
    return ApiError(absl::StatusCode::kInvalidArgument, kReasonRequest,
                    absl::StrCat("parallelism is ", parallelism, "; accepted is 1 to ", kKeyGroups),
                    "parallelism");
  }
  if (!job.live()) return JobEndedError(job.id());
  if (job.state() == JobState::kStopping) {
    return ApiError(absl::StatusCode::kFailedPrecondition, kReasonJobNotRunning,
                    absl::StrCat("job ", job.id(), " is stopping"));
  }
  const std::optional<int> under_way = job.rescaling_to();
  if (under_way == parallelism || (!under_way && job.log().parallelism == parallelism)) {
    return absl::OkStatus();
  }
  if (under_way) {
    return ApiError(
        absl::StatusCode::kFailedPrecondition, kReasonRescaling,
        absl::StrCat("job ", job.id(), " is on its way from parallelism ", job.log().parallelism,
                     " to ", *under_way, ": ask again when it is there"));
  }
  const int slots = TotalSlots(WorkersFor(job.id()));
  if (parallelism > slots) {
    return ApiError(
        absl::StatusCode::kFailedPrecondition, kReasonSlots,
        absl::StrCat("parallelism ", parallelism, " needs as many slots, the cluster has ", slots,
                     ": start more workers first"));
  }
  return absl::OkStatus();
}

void Cluster::Rescale(std::string job, int parallelism, int64_t deadline_us, Done<JobView> done) {
  deps_.loop->Post([this, job = std::move(job), parallelism, deadline_us, done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    const absl::Status possible = CheckRescale(**runner, parallelism);
    if (!possible.ok()) return done(possible);
    if ((*runner)->log().parallelism == parallelism && !(*runner)->rescaling_to()) {
      return done((*runner)->View(true));
    }
    Waiter waiter;
    waiter.job = (*runner)->id();
    waiter.deadline_us = deadline_us;
    waiter.request = RescaleRequestedEvent{parallelism};
    waiter.rescaled = done;
    waiter.parallelism = parallelism;
    (*runner)->Handle(RescaleRequestedEvent{parallelism});
    if (!Answer(waiter, /*timed_out=*/false)) waiters_.push_back(std::move(waiter));
  });
}

bool Cluster::AnswerRescale(const Waiter& waiter, const JobRunner& job, bool timed_out) {
  if (!job.live()) {
    waiter.rescaled(JobEndedError(job.id()));
  } else if (job.running() && job.log().parallelism == waiter.parallelism) {
    waiter.rescaled(job.View(true));
  } else if (timed_out) {
    waiter.rescaled(absl::DeadlineExceededError(
        absl::StrCat("job ", job.id(), " does not run with parallelism ", waiter.parallelism,
                     " yet; it goes on: ", job.View(false).reason)));
  } else {
    return false;
  }
  return true;
}

// ---- Workers

std::vector<JobId> Cluster::JobsOn(const std::string& worker_id) const {
  std::vector<JobId> jobs;
  for (const auto& [id, job] : jobs_) {
    if (!job->live()) continue;
    const std::vector<SlotRef> placed = job->placement();
    if (std::any_of(placed.begin(), placed.end(),
                    [&](const SlotRef& slot) { return slot.worker_id == worker_id; })) {
      jobs.push_back(id);
    }
  }
  return jobs;
}

WorkerSummary Cluster::Summarise(const WorkerRegistry::Worker& worker) const {
  const auto load = SlotLoad("");
  const auto used = load.find(worker.id);
  return {worker.id,
          worker.registration,
          used == load.end() ? 0 : static_cast<int>(used->second.size()),
          worker.memory_used_bytes,
          worker.registered_ms,
          worker.state};
}

void Cluster::ListWorkers(Done<std::vector<WorkerSummary>> done) {
  deps_.loop->Post([this, done = std::move(done)] {
    if (!serving()) return done(Refusal());
    std::vector<WorkerSummary> workers;
    for (const auto& [id, worker] : registry_.workers()) workers.push_back(Summarise(worker));
    for (const WorkerRegistry::Worker& worker : registry_.lost()) {
      workers.push_back(Summarise(worker));
    }
    done(std::move(workers));
  });
}

void Cluster::DrainWorker(std::string worker, int64_t deadline_us, Done<WorkerSummary> done) {
  deps_.loop->Post([this, name = std::move(worker), deadline_us, done = std::move(done)] {
    if (!serving()) return done(Refusal());
    WorkerRegistry::Worker* found = registry_.FindByName(name);
    if (found == nullptr) {
      return done(ApiError(
          absl::StatusCode::kNotFound, kReasonWorkerNotFound,
          absl::StrCat("there is no worker '", name, "'; `weir worker list` shows all"), "worker"));
    }
    const std::vector<JobId> jobs = JobsOn(found->id);
    const bool last = std::none_of(
        registry_.workers().begin(), registry_.workers().end(), [&](const auto& other) {
          return &other.second != found && other.second.state == WorkerState::kActive;
        });
    if (found->state == WorkerState::kActive && last && !jobs.empty()) {
      return done(
          ApiError(absl::StatusCode::kFailedPrecondition, kReasonSlots,
                   absl::StrCat("worker ", name, " runs ", absl::StrJoin(jobs, ", "),
                                " and no other worker takes tasks: start one first. (SIGTERM "
                                "to the process lets the jobs wait behind a checkpoint.)")));
    }
    drain_waiters_.push_back({found->id, found->registration.address, deadline_us, done});
    Drain(found);
    AdvanceDrains();
  });
}

void Cluster::Drain(WorkerRegistry::Worker* worker) {
  if (!registry_.Drain(worker)) return;
  WEIR_LOG(kInfo, "worker drains", {"address", worker->registration.address});
  OnWorkersChanged();
}

void Cluster::AdvanceDrains() {
  for (const auto& [id, candidate] : registry_.workers()) {
    if (!WorkerRegistry::RunsNothing(candidate) || !JobsOn(id).empty()) continue;
    registry_.SetDrained(registry_.Find(id));
    WEIR_LOG(kInfo, "worker drained", {"address", candidate.registration.address});
  }
  for (auto it = drain_waiters_.begin(); it != drain_waiters_.end();) {
    it = AnswerDrain(*it) ? drain_waiters_.erase(it) : std::next(it);
  }
}

bool Cluster::AnswerDrain(const DrainWaiter& waiter) {
  const WorkerRegistry::Worker* worker = registry_.Find(waiter.worker_id);
  // Behind a broken stream it comes back as another one, draining still.
  if (worker == nullptr) worker = registry_.FindByName(waiter.address);
  if (worker == nullptr || worker->state == WorkerState::kActive) {
    waiter.done(ApiError(absl::StatusCode::kFailedPrecondition, kReasonWorkerLost,
                         absl::StrCat("worker ", waiter.address,
                                      " was lost before it was drained; its jobs go on without it "
                                      "from their last checkpoints")));
  } else if (worker->state == WorkerState::kDrained) {
    waiter.done(Summarise(*worker));
  } else if (deps_.clock->MonotonicMicros() >= waiter.deadline_us) {
    waiter.done(absl::DeadlineExceededError(absl::StrCat(
        "worker ", waiter.address, " still drains: ", absl::StrJoin(JobsOn(worker->id), ", "),
        " awaits a checkpoint")));
  } else {
    return false;
  }
  return true;
}

}  // namespace weir
