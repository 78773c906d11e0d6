// How many tasks a job has, and on which workers: what the API asks about it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace weir
