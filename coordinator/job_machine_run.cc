// The job machine while tasks run: checkpoints, commits, new partitions.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/job_machine.h"
#include "state/checkpoint/abandoned_files.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr int64_t kOverdueUs = 10'000'000;
// A worker that was cut off may still complete a data file for so long after it was fenced.
constexpr int64_t kLateDataFilesMs = 600'000;

}  // namespace

// ---- Checkpoints

void JobMachine::On(const CheckpointRequestedEvent& event) {
  checkpoint_requested_ = true;
  if (!event.savepoint) return;
  savepoint_requested_ = true;
  savepoint_asked_us_ = facts_.now_us;
}

void JobMachine::On(const CapturedEvent& event) {
  if (IsCurrent(event.generation)) run_.tracker->OnCaptured(event.checkpoint, event.task);
}

void JobMachine::On(const DurableEvent& event) {
  if (IsCurrent(event.generation)) run_.tracker->OnDurable(event.checkpoint, event.snapshot);
}

void JobMachine::On(const SourcesFinishedEvent& event) {
  if (IsCurrent(event.generation)) run_.finished.insert(event.task);
}

// Tasks without partitions count, too: until they have said that nothing comes from them, they hold
// back the watermark, and a last checkpoint would leave windows open that never close.
bool JobMachine::AllSourcesFinished() const {
  if (!IsBounded(plan()) || run_.partitions.empty()) return false;
  const std::vector<PlanSource> sources = SourcesOf(plan());
  const auto& tasks = run_.tracker->tasks();
  return std::all_of(tasks.begin(), tasks.end(), [&](const TaskId& task) {
    return run_.finished.contains(task) ||
           std::none_of(sources.begin(), sources.end(),
                        [&](const PlanSource& source) { return source.vertex == task.vertex; });
  });
}

void JobMachine::AdvanceCheckpoints() {
  if (phase_ != Phase::kRunning) return;
  CheckpointTracker& tracker = *run_.tracker;
  for (const CheckpointId id : tracker.Expire(facts_.now_us - options_.checkpoint_timeout_us)) {
    GiveUp(id, "it wasn't durable in time");
    // Whoever asked for a savepoint gets the next one.
    if (run_.savepoints.erase(id) > 0) checkpoint_requested_ = savepoint_requested_ = true;
    run_.last_triggered = false;
    if (run_.move_after == id) run_.move_after.reset();
  }
  if (!tracker.pending().empty()) {
    WakeAt(tracker.pending().begin()->second.triggered_us + options_.checkpoint_timeout_us + 1);
  }
  if (run_.last_triggered || !tracker.CanTrigger()) return;
  const bool finishes = AllSourcesFinished();
  const bool last = stop_requested_ || finishes;
  const auto pending = static_cast<int>(tracker.pending().size());
  if (!last && commits_.Backlog(log_) + pending >= options_.uncommitted_max) return;
  const bool moves = !last && !run_.move_after && !WhyMove().empty();
  if (!last && !checkpoint_requested_ && !moves && facts_.now_us < run_.next_trigger_us) {
    return WakeAt(run_.next_trigger_us);
  }
  const CheckpointId id = tracker.Trigger(last, facts_.now_us);
  if (moves) run_.move_after = id;
  run_.next_trigger_us = facts_.now_us + plan().settings.checkpoint_interval_us;
  run_.last_triggered = last;
  run_.last_finishes = last && finishes;
  checkpoint_requested_ = false;
  if (std::exchange(savepoint_requested_, false)) run_.savepoints.insert(id);
  Do(TriggerAction{log_.generation, id, last});
  if (!last) WakeAt(run_.next_trigger_us);
}

std::optional<LogRecord> JobMachine::NextCheckpoint() {
  const CheckpointTracker::Pending* pending = run_.tracker->NewestDurable();
  if (pending == nullptr) return std::nullopt;
  CheckpointParts parts;
  parts.generation = log_.generation;
  parts.checkpoint = pending->id;
  parts.created_ms = facts_.wall_ms;
  for (const auto& [task, snapshot] : pending->durable) parts.snapshots.push_back(snapshot);
  parts.staged = run_.tracker->StagedUpTo(pending->id);
  parts.base = run_.base_counters;
  parts.sources_finished = pending->last && run_.last_finishes;
  auto manifest = BuildManifest(parts, log_.checkpoints.back().manifest, plan(), log_.parallelism);
  if (manifest.ok()) {
    // A savepoint that a newer checkpoint overtook is that one.
    manifest->savepoint = !run_.savepoints.empty() && *run_.savepoints.begin() <= pending->id;
    return MakeRecord(*std::move(manifest));
  }
  OnTaskError(absl::StrCat("a checkpoint was refused: ", manifest.status().message()));
  WakeAt(facts_.now_us);
  return std::nullopt;
}

void JobMachine::OnPublished(const Manifest& manifest, const Appending& append) {
  const Epoch epoch = log_.checkpoints.back().epoch;
  if (manifest.checkpoint.value == 0) {
    if (phase_ == Phase::kDescribing) Deploy();
    return;
  }
  last_published_us_ = facts_.now_us;
  checkpoint_failures_ = 0;
  checkpoint_failure_.clear();
  passing_error_.clear();
  restarts_.OnProgress();
  Do(CheckpointPublishedNote{epoch, manifest.checkpoint, append.triggered_us,
                             facts_.now_us - append.triggered_us, manifest.savepoint});
  if (manifest.savepoint && append.triggered_us >= savepoint_asked_us_) {
    savepoint_requested_ = false;  // asked for again when its generation was left
  }
  // The generation may have been left while the record was on its way; the epoch counts all the
  // same, and the next generation starts from it.
  if (!run_.tracker || phase_ != Phase::kRunning) return;
  if (recovery_) {
    Do(RecoveredNote{recovery_->fenced_us - recovery_->began_us,
                     recovery_->running_us - recovery_->fenced_us,
                     facts_.now_us - recovery_->running_us});
    recovery_.reset();
  }
  run_.tracker->OnPublished(manifest.checkpoint);
  run_.savepoints.erase(run_.savepoints.begin(), run_.savepoints.upper_bound(manifest.checkpoint));
  Do(NotifyPublishedAction{manifest.generation, manifest.checkpoint, epoch});
  SweepTables();
  if (append.last) {
    return Close(manifest.sources_finished ? JobEnd::kFinished : JobEnd::kStopped, "");
  }
  if (!run_.move_after || manifest.checkpoint < *run_.move_after) return;
  run_.move_after.reset();
  // What asked for it may be gone: the worker that joined has left again.
  if (const std::string why = WhyMove(); !why.empty()) Restart(why, 0, /*planned=*/true);
}

// ---- Planned moves

void JobMachine::On(const RescaleRequestedEvent& event) {
  if (phase_ != Phase::kClosing) rescale_to_ = event.parallelism;
}

std::string JobMachine::WhyMove() const {
  // The last checkpoint is under way, or comes next: nothing moves any more.
  if (phase_ != Phase::kRunning || stop_requested_ || run_.last_triggered) return "";
  if (const std::optional<int> to = rescaling_to()) {
    return absl::StrCat("parallelism changes from ", log_.parallelism, " to ", *to);
  }
  for (const SlotRef& slot : run_.placement) {
    const WorkerView* worker = FindWorker(slot);
    if (worker != nullptr && worker->draining) {
      return absl::StrCat("worker ", slot.address, " drains");
    }
  }
  if (!run_.uneven_since_us || facts_.now_us < SpreadAtUs()) return "";
  return absl::StrCat("tasks shared slots while others were free, now there are ",
                      TotalSlots(facts_.workers));
}

int64_t JobMachine::SpreadAtUs() const {
  return std::max(*run_.uneven_since_us + options_.spread_settle_us,
                  run_.running_since_us + options_.spread_cooldown_us);
}

void JobMachine::AdvanceSpread() {
  if (phase_ != Phase::kRunning) return;
  if (!SharesNeedlessly(run_.placement, facts_.workers)) return run_.uneven_since_us.reset();
  if (!run_.uneven_since_us) run_.uneven_since_us = facts_.now_us;
  if (facts_.now_us < SpreadAtUs()) WakeAt(SpreadAtUs());
}

void JobMachine::GiveUp(CheckpointId checkpoint, const std::string& reason) {
  ++checkpoint_failures_;
  checkpoint_failure_ = reason;
  Do(CheckpointFailedNote{checkpoint, reason});
}

// ---- When there are none

std::string JobMachine::checkpoint_problem(int64_t now_us) const {
  const int64_t overdue_us = std::max(kOverdueUs, 3 * plan().settings.checkpoint_interval_us);
  if (log_.checkpoints.empty() || now_us - last_published_us_ < overdue_us) return "";
  if (append_ && !append_->trouble.empty()) {
    return absl::StrCat("the job log can't be written: ", append_->trouble);
  }
  switch (phase_) {
    case Phase::kWaiting:
    case Phase::kDescribing:
      return absl::StrCat("the job doesn't run: ", reason());
    case Phase::kDeploying:
      return absl::StrCat("the tasks are not ready yet",
                          reason_.empty() ? "" : "; before: ", reason_);
    case Phase::kRunning:
      break;
    case Phase::kClosing:
    case Phase::kOver:
      return "";
  }
  if (commits_.Backlog(log_) >= options_.uncommitted_max) {
    std::string why = absl::StrCat(commits_.Backlog(log_), " epochs await their commit");
    for (const CommitSchedule::Sink& sink : commits_.sinks()) {
      if (!sink.trouble.empty()) absl::StrAppend(&why, "; ", sink.trouble);
    }
    return why;
  }
  const std::string pending = WhyPending();
  if (checkpoint_failure_.empty()) return pending;
  return absl::StrCat("the last one failed: ", checkpoint_failure_, pending.empty() ? "" : "; ",
                      pending);
}

// Which tasks the oldest checkpoint under way waits for.
std::string JobMachine::WhyPending() const {
  constexpr size_t kNamed = 3;
  if (run_.tracker->pending().empty()) return "";
  const CheckpointTracker::Pending& oldest = run_.tracker->pending().begin()->second;
  const bool captured = oldest.captured.size() == run_.tracker->tasks().size();
  std::string names;
  size_t missing = 0;
  for (const TaskId& task : run_.tracker->tasks()) {
    if (captured ? oldest.durable.contains(task) : oldest.captured.contains(task)) continue;
    if (++missing > kNamed) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    plan().vertices[static_cast<size_t>(task.vertex)].name, "/", task.index);
  }
  if (missing > kNamed) absl::StrAppend(&names, " and ", missing - kNamed, " more");
  return absl::StrCat("one waits for ", captured ? "the uploads" : "the barrier", " of ", names);
}

// ---- Commits

void JobMachine::AdvanceCommits() {
  const bool closing = phase_ == Phase::kClosing;
  if (!acts_ || (closing && end_->how == JobEnd::kCancelled)) return;
  for (const CommitSchedule::Due& due : commits_.TakeDue(log_, facts_.now_us, closing)) {
    const auto published =
        std::find_if(log_.checkpoints.begin(), log_.checkpoints.end(),
                     [&](const auto& candidate) { return candidate.epoch == due.epoch; });
    Do(CommitAction{due.sink, due.epoch, due.newest, published->manifest});
  }
  WakeAt(commits_.NextDueUs(log_, closing));
}

// Once a generation and table, as soon as nothing of older generations is on its way there, and at
// the job's end.
void JobMachine::SweepTables() {
  if (phase_ != Phase::kRunning && phase_ != Phase::kOver) return;
  Generation before;
  for (const auto& [generation, started] : log_.starts) {
    if (started.at_ms <= facts_.wall_ms - kLateDataFilesMs) before = Generation(generation);
  }
  for (int sink = 0; sink < static_cast<int>(plan().sinks.size()); ++sink) {
    // At the end all once more: clocks may be wrong.
    const Generation from = phase_ == Phase::kOver ? Generation() : swept_before_[sink];
    if (run_.swept.contains(sink) || MayBeAbandoned(log_, sink, from).empty()) continue;
    run_.swept.insert(sink);
    Do(RemoveAbandonedFilesAction{sink, from, before});
  }
}

void JobMachine::On(const TableSweptEvent& event) {
  Generation& before = swept_before_[event.sink];
  before = std::max(before, event.before);
}

void JobMachine::On(const CommitDoneEvent& event) {
  // An answer to the machine before this one, which was fenced.
  if (commits_.sinks()[static_cast<size_t>(event.sink)].in_flight != event.epoch) return;
  const std::string& sink = plan().sinks[static_cast<size_t>(event.sink)].id;
  int64_t rows = 0;
  for (const auto& published : log_.checkpoints) {
    if (published.epoch != event.epoch) continue;
    for (const StagedFile& file : published.manifest.staged) {
      if (file.sink == sink) rows += file.rows;
    }
  }
  const std::string message(event.result.status().message());
  const std::string& path = plan().sinks[static_cast<size_t>(event.sink)].path;
  switch (commits_.OnDone(event.sink, event.epoch, event.result, rows, facts_.now_us)) {
    case CommitSchedule::Outcome::kDone:
    case CommitSchedule::Outcome::kRetry:
      return;
    case CommitSchedule::Outcome::kRefused:
      AbandonGeneration(message);
      return Close(JobEnd::kFailed, absl::StrCat("table ", path, ": ", message));
    case CommitSchedule::Outcome::kFenced:
      // Either a successor acts for the job: then our record is refused and we stop. Or the table
      // was written by a copy of this job: then going on would mix two histories.
      AbandonGeneration(message);
      return Close(
          JobEnd::kFailed,
          absl::StrCat("table ", path, " was written by another run of this job: ", message));
  }
}

// ---- New partitions

void JobMachine::AdvanceDiscovery() {
  if (phase_ != Phase::kRunning || IsBounded(plan()) || run_.last_triggered) return;
  if (facts_.now_us < run_.next_discovery_us) return WakeAt(run_.next_discovery_us);
  run_.next_discovery_us = facts_.now_us + options_.discovery_us;
  WakeAt(run_.next_discovery_us);
  if (!run_.describes.empty()) return;  // the last question is still open
  for (const PlanSource& source : SourcesOf(plan())) {
    if (!source.op->kafka.stop_at_latest) Ask({source.id, true, false}, source.op->kafka, false);
  }
}

void JobMachine::OnDiscovered(const GenerationRun::Describe& asked,
                              const SourceDescribedEvent& event) {
  if (!event.status.ok()) return;  // asked again at the next look
  const std::vector<PlanSource> sources = SourcesOf(plan());
  const auto source =
      std::find_if(sources.begin(), sources.end(),
                   [&](const PlanSource& candidate) { return candidate.id == asked.source; });
  std::set<int32_t> known;
  for (const auto& [task, partitions] : run_.partitions) {
    for (const auto& [id, partition] : partitions) {
      if (id == asked.source) known.insert(partition);
    }
  }
  std::vector<PartitionPosition> found;
  for (const auto& partition : event.partitions) {
    if (known.contains(partition.partition)) continue;
    PartitionPosition position;
    position.source = asked.source;
    position.partition = partition.partition;
    position.next_offset = partition.start_offset;
    found.push_back(std::move(position));
  }
  if (found.empty()) return;
  if (!asked.resolved) {
    // A new partition is read from its beginning, whatever the source's `start` says: its first
    // rows came after the job did.
    KafkaSpec from_beginning = source->op->kafka;
    from_beginning.start = StartPosition();
    return Ask({asked.source, true, true}, std::move(from_beginning), true);
  }
  for (PartitionPosition& position : found) {
    TaskId least{source->vertex, 0};
    for (int index = 1; index < log_.parallelism; ++index) {
      const TaskId task{source->vertex, index};
      if (run_.partitions[task].size() < run_.partitions[least].size()) least = task;
    }
    run_.partitions[least].emplace(position.source, position.partition);
    Do(AddPartitionsAction{log_.generation, least, {std::move(position)}});
  }
}

}  // namespace weir
