// A job as its runner shows it, and what it remembers for people.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "coordinator/job_runner.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

JobState EndState(JobEnd how) {
  switch (how) {
    case JobEnd::kStopped:
      return JobState::kStopped;
    case JobEnd::kCancelled:
      return JobState::kCancelled;
    case JobEnd::kFinished:
      return JobState::kFinished;
    case JobEnd::kFailed:
      return JobState::kFailed;
  }
  CheckFailed(__FILE__, __LINE__, "known JobEnd", "");
}

}  // namespace

std::string NameOf(const Plan& plan, TaskId task) {
  const auto vertex = static_cast<size_t>(task.vertex);
  const std::string name = vertex < plan.vertices.size() ? plan.vertices[vertex].name : "?";
  return absl::StrCat(name, "/", task.index);
}

JobState JobRunner::state() const {
  return machine_ ? machine_->state() : EndState(ended_log_.ended->how);
}

std::vector<SlotRef> JobRunner::placement() const {
  return machine_ ? machine_->placement() : std::vector<SlotRef>();
}

JobView JobRunner::View(bool with_live) const {
  JobView view = ViewOfLog(id_, log(), machine_ ? &machine_->commits() : nullptr);
  view.state = state();
  if (!machine_) {
    view.reason = ended_log_.ended->reason;
    view.tables = Diagnose(HealthFacts({}));
    return view;
  }
  view.reason = machine_->reason();
  if (!live()) {
    view.tables = Diagnose(HealthFacts({}));
    return view;
  }
  view.warnings = machine_->warnings();
  if (view.last_checkpoint_ms > 0) {
    view.checkpoint_age_ms = deps_->clock->WallMicros() / 1000 - view.last_checkpoint_ms;
  }
  view.checkpoint_failures = machine_->checkpoint_failures();
  view.checkpoint_problem = machine_->checkpoint_problem(deps_->clock->MonotonicMicros());
  if (with_live) {
    AddLive(spec().plan, machine_->base_counters(), deps_->registry->Live(id_, log().generation),
            &view);
    view.tables = Diagnose(HealthFacts(Tasks()));
  }
  return view;
}

std::vector<CheckpointView> JobRunner::Checkpoints() const {
  std::vector<CheckpointView> views;
  for (const auto& published : log().checkpoints) {
    views.push_back(ViewOfCheckpoint(published, machine_ ? &machine_->commits() : nullptr, log()));
    const auto duration = checkpoint_ms_.find(views.back().epoch);
    if (duration != checkpoint_ms_.end()) views.back().duration_ms = duration->second;
  }
  std::reverse(views.begin(), views.end());
  return views;
}

JobDetails JobRunner::Details() const {
  JobDetails details;
  details.job = View(/*with_live=*/true);
  details.now_ms = Now().wall_ms;
  details.plan = spec().plan;
  details.tasks = Tasks();
  details.checkpoints = history_.checkpoints();
  details.commits = history_.commits();
  details.happenings = history_.happenings();
  details.samples = samples_;
  return details;
}

std::vector<TaskView> JobRunner::Tasks() const {
  std::vector<TaskView> views;
  if (!live()) return views;
  const std::vector<SlotRef>& placement = machine_->placement();
  std::map<TaskId, TaskLive> reports;
  for (TaskLive& live : deps_->registry->Live(id_, log().generation)) {
    reports[live.task] = std::move(live);
  }
  for (const TaskId id : TasksOf(spec().plan, static_cast<int>(placement.size()))) {
    TaskView view;
    view.id = id;
    view.worker = placement[static_cast<size_t>(id.index)].address;
    if (const auto it = reports.find(id); it != reports.end()) {
      view.reported = true;
      view.live = std::move(it->second);
      view.pace = progress_.Of(id);
      for (const PartitionLive& partition : view.live.partitions) {
        view.partitions.push_back(progress_.Of(id, partition.partition));
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

// ---- What diagnosis asks

namespace {

TaskFacts FactsOf(const Plan& plan, const TaskView& view) {
  TaskFacts facts;
  facts.name = NameOf(plan, view.id);
  facts.worker = view.worker;
  facts.reported = view.reported;
  facts.pace = view.pace;
  facts.waiting_for = view.live.waiting_for;
  for (const PlanSource& source : SourcesOf(plan)) {
    if (source.vertex != view.id.vertex) continue;
    facts.source = source.op->table;
    facts.event_time = source.op->event_time_column >= 0;
    facts.idle_timeout_us = source.op->idle_timeout_us;
  }
  for (size_t i = 0; i < view.live.partitions.size(); ++i) {
    const PartitionLive& live = view.live.partitions[i];
    facts.partitions.push_back(
        {live.partition, live.lag_records, live.watermark, live.status, view.partitions[i]});
  }
  return facts;
}

}  // namespace

JobHealthFacts JobRunner::HealthFacts(const std::vector<TaskView>& tasks) const {
  JobHealthFacts facts;
  const int64_t now_us = Now().us;
  const Plan& plan = spec().plan;
  facts.state = state();
  facts.checkpoint_interval_us = plan.settings.checkpoint_interval_us;
  facts.reason = machine_ ? machine_->reason() : ended_log_.ended->reason;
  if (live()) {
    facts.checkpoint_problem = machine_->checkpoint_problem(now_us);
    if (down_since_us_) facts.down_us = now_us - *down_since_us_;
  }
  for (size_t i = 0; i < plan.sinks.size(); ++i) {
    const SinkSpec& sink = plan.sinks[i];
    TableFacts table;
    table.sink = sink.id;
    table.path = sink.path;
    table.role = sink.role;
    table.interval_us = std::max(plan.settings.checkpoint_interval_us, sink.freshness_interval_us);
    if (machine_) {
      table.version = machine_->commits().sinks()[i].table_version;
      table.trouble = machine_->commits().sinks()[i].trouble;
    } else if (const auto it = log().committed.find(sink.id); it != log().committed.end()) {
      table.version = it->second.table_version;
    }
    table.committed = table.version >= 0;
    const auto last = committed_us_.find(static_cast<int>(i));
    if (last != committed_us_.end()) table.age_us = now_us - last->second;
    facts.tables.push_back(std::move(table));
  }
  for (const TaskView& task : tasks) facts.tasks.push_back(FactsOf(plan, task));
  return facts;
}

// ---- What is remembered

Moment JobRunner::Now() const {
  return {deps_->clock->MonotonicMicros(), deps_->clock->WallMicros() / 1000};
}

void JobRunner::Tell(HappeningKind kind, const std::string& message, Epoch epoch) {
  history_.Add({kind, Now().wall_ms, log().generation.value, epoch.value, message});
}

void JobRunner::Observe() {
  const Moment now = Now();
  if (machine_->running()) {
    down_since_us_.reset();
  } else if (!down_since_us_) {
    down_since_us_ = now.us;
  }
  if (observed_us_ >= 0 && now.us - observed_us_ < JobProgress::kSpacingUs) return;
  observed_us_ = now.us;
  const std::vector<TaskLive> tasks = deps_->registry->Live(id_, log().generation);
  progress_.Observe(now.us, log().generation, tasks);
  std::vector<RowSample> samples;
  for (const TaskLive& task : tasks) {
    samples.insert(samples.end(), task.samples.begin(), task.samples.end());
  }
  if (samples.empty()) return;  // those of the generation before are better than none
  std::stable_sort(samples.begin(), samples.end(),
                   [](const RowSample& a, const RowSample& b) { return a.at_ms > b.at_ms; });
  if (samples.size() > kJobSamplesMax) samples.resize(kJobSamplesMax);
  samples_ = std::move(samples);
}

void JobRunner::Remember(const JobEvent& event) {
  if (const auto* captured = std::get_if<CapturedEvent>(&event)) {
    history_.OnCaptured(*captured, Now());
  } else if (const auto* durable = std::get_if<DurableEvent>(&event)) {
    history_.OnDurable(durable->generation, durable->checkpoint, durable->snapshot.task, Now());
  } else if (const auto* commit = std::get_if<CommitDoneEvent>(&event)) {
    history_.OnCommitDone(spec().plan, *commit, log().generation.value, Now());
  }
}

}  // namespace weir
