// What a job's runner tells metrics, and the log lines of a job's milestones.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "coordinator/job_runner.h"

namespace weir {
namespace {

constexpr std::array<std::pair<JobState, const char*>, 4> kLiveStates = {
    {{JobState::kCreated, "created"},
     {JobState::kWaiting, "waiting"},
     {JobState::kRunning, "running"},
     {JobState::kStopping, "stopping"}}};

// Two coordinators that both have workers would take a job from each other as fast as they can.
constexpr int64_t kRereadDelayUs = 5'000'000;

double Seconds(int64_t micros) { return static_cast<double>(micros) / 1e6; }

}  // namespace

Gauge* JobRunner::LastSuccess() {
  return deps_->metrics->GetGauge("weir_checkpoint_last_success_timestamp_seconds",
                                  "When the last was published", {{"job", id_}});
}

Counter* JobRunner::Restarts() {
  return deps_->metrics->GetCounter("weir_restarts_total", "Restarts after a failure",
                                    {{"job", id_}});
}

void JobRunner::Do(const CheckpointPublishedNote& note) {
  history_.OnPublished(log().generation, note, Now());
  last_published_trigger_us_ = note.triggered_us;
  if (note.savepoint) {
    last_savepoint_trigger_us_ = note.triggered_us;
    last_savepoint_ = note.epoch;
  }
  checkpoint_ms_[note.epoch.value] = note.duration_us / 1000;
  if (checkpoint_ms_.size() > kDurationsKept) checkpoint_ms_.erase(checkpoint_ms_.begin());
  deps_->metrics
      ->GetHistogram("weir_checkpoint_duration_seconds", "Trigger to published", {{"job", id_}},
                     {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300})
      ->Observe(Seconds(note.duration_us));
  LastSuccess()->Set(Seconds(deps_->clock->WallMicros()));
  deps_->metrics->GetGauge("weir_job_epoch", "Last published epoch", {{"job", id_}})
      ->Set(static_cast<double>(note.epoch.value));
}

void JobRunner::Do(const CheckpointFailedNote& note) {
  history_.OnFailed(log().generation, note, Now());
  deps_->metrics
      ->GetCounter("weir_checkpoint_failures_total", "Checkpoints given up", {{"job", id_}})
      ->Add(1);
  WEIR_LOG(kWarning, "checkpoint failed", {"job", id_}, {"checkpoint", note.checkpoint.value},
           {"reason", note.reason});
}

void JobRunner::Do(const RecoveredNote& note) {
  const std::pair<const char*, int64_t> phases[] = {
      {"fence", note.fence_us}, {"deploy", note.deploy_us}, {"publish", note.publish_us}};
  for (const auto& [phase, micros] : phases) {
    deps_->metrics
        ->GetHistogram("weir_recovery_duration_seconds",
                       "From a failure to its fence, to tasks ready, to the next checkpoint",
                       {{"job", id_}, {"phase", phase}},
                       {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60})
        ->Observe(Seconds(micros));
  }
  Tell(HappeningKind::kRecovered,
       absl::StrCat("fenced in ", note.fence_us / 1000, " ms, tasks ready in ",
                    note.deploy_us / 1000, " ms, first checkpoint in ", note.publish_us / 1000,
                    " ms"));
  WEIR_LOG(kInfo, "recovered", {"job", id_}, {"generation", log().generation.value},
           {"fence_ms", note.fence_us / 1000}, {"deploy_ms", note.deploy_us / 1000},
           {"publish_ms", note.publish_us / 1000});
}

void JobRunner::Do(const RestartNote& note) {
  Tell(note.planned ? HappeningKind::kMove : HappeningKind::kRestart, note.reason);
  if (note.planned) {
    deps_->metrics
        ->GetCounter("weir_moves_total", "Planned restarts, because tasks move", {{"job", id_}})
        ->Add(1);
    WEIR_LOG(kInfo, "job's tasks move", {"job", id_}, {"generation", log().generation.value},
             {"reason", note.reason});
    return;
  }
  Restarts()->Add(1);
  WEIR_LOG(kWarning, "job restarts", {"job", id_}, {"generation", log().generation.value},
           {"reason", note.reason});
}

void JobRunner::Do(const FencedNote& note) {
  if (note.acted) Tell(HappeningKind::kFenced, note.reason);
  deps_->reread(id_, note.acted ? kRereadDelayUs : 0);
  if (!note.acted) return;
  deps_->metrics->GetCounter("weir_fenced_total", "Jobs given up to another coordinator", {})
      ->Add(1);
  WEIR_LOG(kError, "fenced", {"job", id_}, {"reason", note.reason});
}

void JobRunner::Do(const EndedNote& note) {
  Tell(HappeningKind::kEnded, EndText(note.ended));
  deps_->commits->Forget(spec().plan.sinks);
  deps_->metrics->RemoveSeries({{"job", id_}});
  TidyUpLater();
}

void JobRunner::ObserveCommit(const CommitDoneEvent& event) {
  if (!live()) return;
  const std::string& sink = spec().plan.sinks[static_cast<size_t>(event.sink)].id;
  const MetricLabels labels = {{"job", id_}, {"sink", sink}};
  int unknowns = absl::IsUnknown(event.result.status()) ? 1 : 0;
  if (event.result.ok()) unknowns = event.result->unknowns;
  deps_->metrics
      ->GetCounter("weir_commit_unknown_outcomes_total",
                   "Writes of a commit that may or may not have happened", labels)
      ->Add(unknowns);
  if (!event.result.ok()) return;
  deps_->metrics
      ->GetHistogram("weir_commit_duration_seconds", "Time to commit an epoch to a table", labels,
                     {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})
      ->Observe(Seconds(event.duration_us));
  deps_->metrics
      ->GetCounter("weir_commit_conflicts_total", "Commits of others that came between", labels)
      ->Add(event.result->rebases);
  deps_->metrics->GetGauge("weir_table_version", "Version of the last commit", labels)
      ->Set(static_cast<double>(event.result->table_version));
  committed_us_[event.sink] = deps_->clock->MonotonicMicros();
}

void JobRunner::UpdateGauges() {
  if (!live()) return;
  Observe();
  for (const auto& [state, name] : kLiveStates) {
    deps_->metrics
        ->GetGauge("weir_job_state", "1 for the state that the job is in",
                   {{"job", id_}, {"state", name}})
        ->Set(state == machine_->state() ? 1 : 0);
  }
  if (!log().checkpoints.empty()) {
    // Also what an earlier leader published: nobody should miss the series when none succeeds.
    LastSuccess()->Set(static_cast<double>(log().checkpoints.back().manifest.created_ms) / 1e3);
  }
  // What the job asks for, to judge the ages by; and a restart counter to see the first restart in.
  const JobSettings& settings = spec().plan.settings;
  deps_->metrics
      ->GetGauge("weir_checkpoint_interval_seconds",
                 "Time between checkpoints that the job asks for", {{"job", id_}})
      ->Set(Seconds(settings.checkpoint_interval_us));
  Restarts()->Add(0);
  // Until a new leader commits for the first time, a table is as old as the last published epoch:
  // nobody should miss the series when no commit succeeds.
  const int64_t now_us = deps_->clock->MonotonicMicros();
  int64_t age_us = 0;
  if (!log().checkpoints.empty()) {
    const int64_t published_us = log().checkpoints.back().manifest.created_ms * 1000;
    age_us = std::max<int64_t>(0, deps_->clock->WallMicros() - published_us);
  }
  const auto& sinks = spec().plan.sinks;
  for (size_t sink = 0; sink < sinks.size(); ++sink) {
    const auto [at, first] = committed_us_.try_emplace(static_cast<int>(sink), now_us - age_us);
    deps_->metrics
        ->GetGauge("weir_table_freshness_seconds", "Since the table's last commit",
                   {{"job", id_}, {"sink", sinks[sink].id}})
        ->Set(Seconds(now_us - at->second));
    deps_->metrics
        ->GetGauge("weir_table_commit_interval_seconds",
                   "Longest time between commits of the table that the job asks for",
                   {{"job", id_}, {"sink", sinks[sink].id}})
        ->Set(
            Seconds(std::max(settings.checkpoint_interval_us, sinks[sink].freshness_interval_us)));
  }
}

}  // namespace weir
