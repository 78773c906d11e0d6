// The job machine on its way from a STARTED record to running tasks, and back.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "coordinator/job_machine.h"
#include "coordinator/origin.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr int64_t kDescribeRetryUs = 500'000;
constexpr int64_t kDescribeRetryUsMax = 10'000'000;
// A task that lost its neighbour may report it before the coordinator notices the loss: that error
// doesn't count, and the next start waits for the news.
constexpr int64_t kSuspectUs = 2'000'000;
constexpr int64_t kPeerLostDelayUs = 500'000;

}  // namespace

bool JobMachine::FinishedAlready() const {
  return !log_.checkpoints.empty() && log_.checkpoints.back().manifest.sources_finished;
}

int JobMachine::WantedParallelism() const {
  return rescale_to_.value_or(log_.parallelism > 0 ? log_.parallelism
                                                   : plan().settings.parallelism);
}

bool JobMachine::MayStart() {
  waiting_.clear();
  if (FinishedAlready()) return true;  // only commits are left, which need no worker
  const int slots = TotalSlots(facts_.workers);
  const int wanted = WantedParallelism();
  if (slots > 0 && log_.parallelism == 0 && wanted > slots) {
    waiting_ = absl::StrCat("parallelism ", wanted, " needs as many slots, the cluster has ", slots,
                            ": add workers, or lower it with `weir job rescale`");
    return false;
  }
  if (facts_.now_us < not_before_us_) {
    WakeAt(not_before_us_);
    return false;
  }
  if (slots < std::max(1, wanted) && facts_.now_us < settle_us_) {
    WakeAt(settle_us_);
    return false;
  }
  if (slots == 0) waiting_ = WhyNoSlot();
  return slots > 0;
}

std::string JobMachine::WhyNoSlot() const {
  if (facts_.workers.empty()) return "no worker is registered";
  return "every registered worker drains: start another one";
}

void JobMachine::OnStarted() {
  acts_ = true;
  if (rescale_to_ == log_.parallelism) rescale_to_.reset();
  if (recovery_) recovery_->fenced_us = facts_.now_us;
  if (phase_ != Phase::kWaiting) return;  // stopped or cancelled meanwhile
  run_ = GenerationRun();
  if (FinishedAlready()) return Close(JobEnd::kFinished, "");
  if (log_.checkpoints.empty()) {
    phase_ = Phase::kDescribing;
  } else {
    Deploy();
  }
}

// ---- The first checkpoint: concrete offsets before the first row

void JobMachine::Ask(GenerationRun::Describe question, KafkaSpec kafka, bool resolve_offsets) {
  const int64_t request = ++last_request_;
  run_.describes.emplace(request, std::move(question));
  Do(DescribeSourceAction{request, std::move(kafka), resolve_offsets});
}

std::optional<LogRecord> JobMachine::NextImported() {
  if (run_.imported) {
    return MakeRecord(ImportedManifest(*log_.spec->origin, log_.generation, facts_.wall_ms));
  }
  if (run_.importing) return std::nullopt;
  if (facts_.now_us < run_.describe_retry_us) {
    WakeAt(run_.describe_retry_us);
    return std::nullopt;
  }
  run_.importing = true;
  Do(ImportAction{log_.generation});
  return std::nullopt;
}

void JobMachine::On(const ImportedEvent& event) {
  if (phase_ != Phase::kDescribing || event.generation != log_.generation) return;
  run_.importing = false;
  if (event.status.ok()) {
    waiting_.clear();
    run_.imported = true;
  } else if (absl::IsUnavailable(event.status) || absl::IsUnknown(event.status) ||
             absl::IsResourceExhausted(event.status)) {
    WaitToStart(event.status);
  } else {
    Close(JobEnd::kFailed,
          absl::StrCat("can't go on from epoch ", log_.spec->origin->epoch.value, " of job ",
                       log_.spec->origin->job, ": ", event.status.message()));
  }
}

std::optional<LogRecord> JobMachine::NextFirstCheckpoint() {
  if (log_.spec->origin != nullptr) return NextImported();
  const std::vector<PlanSource> sources = SourcesOf(plan());
  if (run_.described.size() == sources.size()) {
    std::vector<PartitionPosition> positions;
    for (const auto& [source, described] : run_.described) {
      positions.insert(positions.end(), described.begin(), described.end());
    }
    return MakeRecord(FirstManifest(log_.generation, facts_.wall_ms, std::move(positions)));
  }
  if (!run_.describes.empty()) return std::nullopt;
  if (facts_.now_us < run_.describe_retry_us) {
    WakeAt(run_.describe_retry_us);
    return std::nullopt;
  }
  for (const PlanSource& source : sources) {
    if (!run_.described.contains(source.id)) Ask({source.id}, source.op->kafka, true);
  }
  return std::nullopt;
}

void JobMachine::On(const SourceDescribedEvent& event) {
  const auto node = run_.describes.extract(event.request);
  if (node.empty()) return;
  const GenerationRun::Describe& asked = node.mapped();
  if (asked.discovery) {
    if (phase_ == Phase::kRunning) OnDiscovered(asked, event);
  } else if (phase_ == Phase::kDescribing) {
    OnDescribedFirst(asked.source, event);
  }
}

void JobMachine::WaitToStart(const absl::Status& status) {
  waiting_ = std::string(status.message());
  const int doublings = std::min(run_.describe_failures++, 10);
  run_.describe_retry_us =
      facts_.now_us + std::min(kDescribeRetryUsMax, kDescribeRetryUs << doublings);
}

void JobMachine::OnDescribedFirst(const std::string& source, const SourceDescribedEvent& event) {
  if (!event.status.ok()) {
    return WaitToStart(event.status);  // brokers were there at submit; now they are waited for
  }
  waiting_.clear();
  std::vector<PartitionPosition>& positions = run_.described[source];
  for (const auto& partition : event.partitions) {
    PartitionPosition position;
    position.source = source;
    position.partition = partition.partition;
    position.next_offset = partition.start_offset;
    position.stop_offset = partition.stop_offset;
    positions.push_back(std::move(position));
  }
}

// ---- Deployment

void JobMachine::Deploy() {
  if (TotalSlots(facts_.workers) == 0) return Restart(WhyNoSlot(), 0);
  const auto& published = log_.checkpoints.back();
  auto restores = BuildRestore(published.manifest, plan(), log_.parallelism);
  if (!restores.ok()) {
    return Close(JobEnd::kFailed,
                 absl::StrCat("epoch ", published.epoch.value,
                              " can't be restored: ", restores.status().message()));
  }
  run_ = GenerationRun();
  run_.placement = PlaceTasks(log_.parallelism, facts_.workers, previous_placement_);
  previous_placement_ = run_.placement;
  run_.base_counters = published.manifest.counters;
  run_.deploy_deadline_us = facts_.now_us + options_.deploy_timeout_us;
  DeployAction deploy{log_.generation, published.epoch, log_.parallelism, {}};
  std::set<TaskId> tasks;
  for (auto& [task, restore] : *restores) {
    const SlotRef& slot = run_.placement[static_cast<size_t>(task.index)];
    tasks.insert(task);
    run_.awaiting_deployed.insert(slot.worker_id);
    for (const PartitionPosition& position : restore.positions) {
      run_.partitions[task].emplace(position.source, position.partition);
    }
    deploy.tasks.push_back({task, slot, std::move(restore)});
  }
  run_.tracker.emplace(std::move(tasks));
  phase_ = Phase::kDeploying;
  Do(std::move(deploy));
}

void JobMachine::On(const DeployedEvent& event) {
  if (phase_ != Phase::kDeploying || !IsCurrent(event.generation)) return;
  if (event.damaged_state) return OnDamagedState(event.error);
  if (!event.error.empty()) {
    const std::string reason = absl::StrCat("deployment failed: ", event.error);
    return event.may_pass ? OnPassingError(reason) : OnTaskError(reason);
  }
  run_.awaiting_deployed.erase(event.worker_id);
  if (!run_.awaiting_deployed.empty()) return;
  phase_ = Phase::kRunning;
  reason_.clear();
  run_.running_since_us = facts_.now_us;
  int64_t first_us = plan().settings.checkpoint_interval_us;
  if (recovery_) {
    recovery_->running_us = facts_.now_us;
    // What the tables wait for since the failure comes soon.
    first_us = std::min(first_us, options_.first_checkpoint_us);
  }
  run_.next_trigger_us = facts_.now_us + first_us;
  run_.next_discovery_us = facts_.now_us + options_.discovery_us;
  Do(StartAction{log_.generation});
}

void JobMachine::AdvanceDeployment() {
  if (phase_ != Phase::kDeploying && phase_ != Phase::kRunning) return;
  if (const std::optional<SlotRef> lost = Lost(run_.placement)) {
    return Restart(absl::StrCat("worker ", lost->address, " lost"), 0);
  }
  if (phase_ != Phase::kDeploying) return;
  if (facts_.now_us < run_.deploy_deadline_us) return WakeAt(run_.deploy_deadline_us);
  OnTaskError(absl::StrCat("deployment timed out: no answer of ",
                           absl::StrJoin(run_.awaiting_deployed, ", ")));
}

std::optional<SlotRef> JobMachine::Lost(const std::vector<SlotRef>& placement) {
  std::optional<SlotRef> lost;
  for (const SlotRef& slot : placement) {
    if (IsRegistered(slot)) continue;
    if (!lost) lost = slot;
    // A process that is gone won't be back before the others could have gone on.
    const bool gone = facts_.gone.contains(slot.worker_id);
    settle_us_ = std::max(settle_us_, facts_.now_us + (gone ? 0 : options_.settle_us));
  }
  return lost;
}

const WorkerView* JobMachine::FindWorker(const SlotRef& slot) const {
  const auto found = std::find_if(facts_.workers.begin(), facts_.workers.end(),
                                  [&](const auto& w) { return w.id == slot.worker_id; });
  return found == facts_.workers.end() ? nullptr : &*found;
}

// ---- Failure

void JobMachine::On(const TaskFailedEvent& event) {
  if (!IsCurrent(event.generation)) return;
  if (phase_ != Phase::kDeploying && phase_ != Phase::kRunning) return;
  const auto vertex = static_cast<size_t>(event.task.vertex);
  const std::string name =
      vertex < plan().vertices.size() ? plan().vertices[vertex].name : "unknown";
  const std::string reason = absl::StrCat("task ", name, "/", event.task.index, ": ", event.error);
  if (event.peer_lost) {
    suspect_error_us_ = facts_.now_us;
    suspect_counted_ = false;
    return Restart(reason, kPeerLostDelayUs);
  }
  if (event.fatal) {
    AbandonGeneration(reason);
    return Close(JobEnd::kFailed, reason);
  }
  event.may_pass ? OnPassingError(reason) : OnTaskError(reason);
}

// The same store keeps commits waiting, which nobody counts either.
void JobMachine::OnPassingError(const std::string& reason) {
  suspect_error_us_ = facts_.now_us;
  suspect_counted_ = false;
  passing_error_ = reason;
  Restart(reason, restarts_.OnPassingError());
}

void JobMachine::OnTaskError(const std::string& reason) {
  const std::optional<int64_t> delay = restarts_.OnTaskError(facts_.now_us);
  if (!delay) {
    AbandonGeneration(reason);
    return Close(JobEnd::kFailed,
                 absl::StrCat(RestartPolicy::kErrorsMax,
                              " errors within 10 minutes; the last one: ", reason));
  }
  suspect_error_us_ = facts_.now_us;
  suspect_counted_ = true;
  Restart(reason, *delay);
}

// Rows of the damaged epoch that a table has, or is going to have, would be made a second time from
// an older one: only an epoch that gave no table any can be forgotten.
void JobMachine::OnDamagedState(const std::string& error) {
  const auto& kept = log_.checkpoints;
  const std::string damaged =
      absl::StrCat("epoch ", kept.back().epoch.value, " can't be restored: ", error);
  if (kept.size() < 2) {
    AbandonGeneration(damaged);
    return Close(JobEnd::kFailed, absl::StrCat(damaged, "; no older checkpoint is kept"));
  }
  const Epoch older = kept[kept.size() - 2].epoch;
  if (const absl::Status allowed = CanRestore(log_, older); !allowed.ok()) {
    AbandonGeneration(damaged);
    return Close(
        JobEnd::kFailed,
        absl::StrCat(damaged, "; from epoch ", older.value,
                     " rows would be written again, because ", allowed.message(),
                     ". To take those rows out and go on from there: weir job submit FILE --name ",
                     log_.spec->name, " --from ", log_.spec->name, "@", older.value,
                     " --restore-tables"));
  }
  Restart(absl::StrCat(damaged, "; back to epoch ", older.value), 0);
  if (phase_ == Phase::kWaiting) restore_ = RestoredRecord{older, damaged};
}

void JobMachine::ForgiveErrorOfLostWorker() {
  if (!suspect_error_us_ || phase_ != Phase::kWaiting) return;
  if (facts_.now_us > *suspect_error_us_ + kSuspectUs) return suspect_error_us_.reset();
  if (!Lost(previous_placement_)) return;
  suspect_error_us_.reset();
  if (suspect_counted_) restarts_.Forgive();
  not_before_us_ = facts_.now_us;
}

void JobMachine::AbandonGeneration(const std::string& reason) {
  if (phase_ == Phase::kDeploying || phase_ == Phase::kRunning) {
    Do(CancelTasksAction{log_.generation, reason});
    for (const auto& [id, pending] : run_.tracker->pending()) {
      GiveUp(id, reason);
    }
  }
  if (!run_.savepoints.empty()) checkpoint_requested_ = savepoint_requested_ = true;
  run_ = GenerationRun();
}

void JobMachine::Restart(const std::string& reason, int64_t delay_us, bool planned) {
  AbandonGeneration(reason);
  if (stop_requested_) return Close(JobEnd::kStopped, "");
  phase_ = Phase::kWaiting;
  reason_ = reason;
  start_reason_ = reason;
  if (!recovery_ && !planned) recovery_ = Recovery{facts_.now_us};
  not_before_us_ = facts_.now_us + delay_us;
  Do(RestartNote{reason, planned});
}

}  // namespace weir
