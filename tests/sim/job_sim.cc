#include "tests/sim/job_sim.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/commit_driver.h"
#include "lake/delta_committer.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

constexpr char kJob[] = "activity-00000000";
constexpr std::array<const char*, 3> kWorkerAddresses = {"addr0", "addr1", "addr2"};
constexpr int kFaultySteps = 500;
constexpr int kQuietSteps = 6000;
constexpr int64_t kRowsMax = 120;  // per partition

JobSpec SimSpec(bool bounded, int parallelism) {
  JobSpec spec = TestSpec(bounded);
  spec.plan.settings.parallelism = parallelism;
  SinkSpec late = TestSink("activity#late");
  late.role = SinkRole::kLate;
  spec.plan.sinks.push_back(late);
  for (SinkSpec& sink : spec.plan.sinks) {
    sink.schema.columns = {{"a", DataType::Of(TypeKind::kBigint), true}};
  }
  return spec;
}

}  // namespace

JobSim::JobSim(uint32_t seed, Mutant mutant, SimTotals* totals)
    : mutant_(mutant), totals_(totals), random_(seed), ids_(SeededRandom(seed)), world_(seed) {
  world_.bounded = seed % 3 == 0;
  world_.available.assign(1 + seed % 3, world_.bounded ? kRowsMax / 2 : 0);
  spec_ = SimSpec(world_.bounded, 1 + static_cast<int>(seed / 3 % 4));
  for (SimTable* table : {&windows_, &late_}) {
    const bool late = table == &late_;
    const SinkSpec& sink = spec_.plan.sinks[late ? 1 : 0];
    auto committer = MakeDeltaCommitter(sink.path, OpenFake(&table->log), &clock_, ids_.get());
    const auto made =
        committer->Prepare(sink.schema, CommitAppId(spec_.lineage, sink.id), /*create=*/true);
    if (!made.ok()) Wrong(made.status().ToString());
  }
  JobLogState log;
  const auto submitted = JobLog(&store_, kJob).Append(TestRecord("spec", spec_), &log);
  if (!submitted.ok()) Wrong(submitted.status().ToString());
  workers_.resize(kWorkerAddresses.size());
  for (Worker& worker : workers_) worker.id = absl::StrCat("w", ++last_worker_);
  Boot(std::move(log), false);
}

std::string JobSim::Run() {
  for (int step = 0; step < kFaultySteps && wrong_.empty(); ++step) Step(/*faults=*/true);
  // Everything heals, and the job must come to its end.
  store_.PlanPuts({});
  store_.FailGets(0);
  store_.DeliverLate();
  for (SimTable* table : {&windows_, &late_}) table->log.outcomes.clear();
  for (Worker& worker : workers_) {
    if (!worker.up || worker.draining) worker = Worker{.id = absl::StrCat("w", ++last_worker_)};
  }
  for (int step = 0; step < kQuietSteps && wrong_.empty() && !Ended(); ++step) {
    // A coordinator that read the log again knows nothing of requests.
    if (step >= 200 && step % 200 == 0) Live().inbox.push_back(StopRequestedEvent());
    Step(/*faults=*/false);
  }
  JudgeTables();
  if (!wrong_.empty()) return wrong_;
  if (!Ended()) return absl::StrCat("not at its end: ", Live().machine->reason());
  if (ended_->how != JobEnd::kFailed) {
    JobLogState log;
    if (!JobLog(&store_, kJob).CatchUp(&log).ok()) return "the log can't be read at the end";
    const int64_t last = log.checkpoints.empty() ? 0 : log.checkpoints.back().epoch.value;
    // Above it when the job went back over an epoch without rows that was committed.
    const int64_t committed = std::min(windows_epoch_, late_epoch_);
    if (committed < last || (log.restored_at == 0 && committed > last)) {
      return "ended before the last commit";
    }
    totals_->fallbacks += log.restored_at > 0 ? 1 : 0;
    if (ended_->how == JobEnd::kFinished) {
      size_t rows = seen_late_.size();
      for (const auto& [group, of_group] : seen_windows_) rows += of_group.size();
      if (rows != world_.available.size() * static_cast<size_t>(world_.available[0])) {
        return "finished without all rows";
      }
    }
  }
  ++totals_->ends[ended_->how];
  totals_->late_rows += world_.late_rows;
  totals_->idle_spells += world_.idle_spells;
  return "";
}

void JobSim::Wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

bool JobSim::Ended() {
  if (Live().machine->log().ended) ended_ = Live().machine->log().ended;
  return ended_.has_value();
}

// ---- Actors.

std::vector<WorkerView> JobSim::View() const {
  std::vector<WorkerView> view;
  view.reserve(workers_.size());
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i].up) continue;
    view.push_back({workers_[i].id, kWorkerAddresses[i], 2, {}, workers_[i].draining});
  }
  return view;
}

JobFacts JobSim::Facts(const Coordinator& coordinator) const {
  // A replaced coordinator keeps the view that it was paused with.
  const bool live = &coordinator == coordinators_.back().get();
  return {now_us_, now_us_ / 1000, live ? View() : stale_view_};
}

JobSim::Coordinator& JobSim::AnyCoordinator() {
  // Mostly the live one; zombies wake now and then.
  if (coordinators_.size() > 1 && Chance(4)) {
    return *coordinators_[random_() % (coordinators_.size() - 1)];
  }
  return Live();
}

void JobSim::Boot(JobLogState log, bool took_over) {
  auto fresh = std::make_unique<Coordinator>();
  fresh->io_state = log;
  fresh->committers.resize(spec_.plan.sinks.size());
  stale_view_ = View();
  coordinators_.push_back(std::move(fresh));
  // Workers come to a new coordinator as new ones.
  if (took_over) {
    for (Worker& worker : workers_) worker.id = absl::StrCat("w", ++last_worker_);
    ++totals_->takeovers;
  }
  Live().machine.emplace(std::move(log), took_over, Facts(Live()), JobMachineOptions(), ids_.get());
  Live().inbox.push_back(TickEvent());
}

void JobSim::Reboot() {
  store_.FailGets(0);
  JobLogState log;
  const absl::Status read = JobLog(&store_, kJob).CatchUp(&log);
  if (!read.ok()) return Wrong(absl::StrCat("the log can't be read: ", read.ToString()));
  if (log.ended) {
    ended_ = log.ended;
    return;
  }
  Boot(std::move(log), /*took_over=*/true);
}

void JobSim::Step(bool faults) {
  now_us_ += static_cast<int64_t>(random_() % 250'000);
  if (faults) Break();
  if (Live().machine->fenced() && Chance(10)) return Reboot();
  const uint32_t choice = random_();
  switch (choice % 8) {
    case 0:
      Handle(AnyCoordinator(), TickEvent());
      return;
    case 1:
    case 2: {
      Coordinator& coordinator = AnyCoordinator();
      if (coordinator.inbox.empty()) return;
      const JobEvent event = std::move(coordinator.inbox.front());
      coordinator.inbox.pop_front();
      return Handle(coordinator, event);
    }
    case 3:
    case 4:
      return Perform(AnyCoordinator(), faults);
    case 5: {
      Worker& worker = workers_[choice / 8 % workers_.size()];
      for (int n = 0; n < 4 && !worker.reports.empty(); ++n) {
        Live().inbox.push_back(worker.reports.front());
        worker.reports.pop_front();
      }
      return;
    }
    default: {
      if (!world_.bounded) {
        int64_t& records = world_.available[choice / 8 % world_.available.size()];
        records = std::min<int64_t>(kRowsMax, records + choice / 64 % 4);
      }
      if (generations_.empty()) return;
      auto it = generations_.begin();
      // The newest mostly; older ones are zombies.
      std::advance(it, Chance(6) ? random_() % generations_.size() : generations_.size() - 1);
      for (int n = 0; n < 3; ++n) it->second.Work(random_());
    }
  }
}

void JobSim::Break() {
  if (Chance(40)) {
    std::deque<PutFault> plan;
    for (int i = 0; i < kAppendAttempts; ++i) plan.push_back(static_cast<PutFault>(random_() % 6));
    store_.PlanPuts(plan);
    ++totals_->lost_answers;
  }
  if (Chance(80)) store_.FailGets(static_cast<int>(random_() % 4));
  if (Chance(40)) store_.DeliverLate();
  if (Chance(40)) {
    SimTable& table = Chance(2) ? windows_ : late_;
    table.log.outcomes.push_back(static_cast<PutOutcome>(random_() % 5));
    ++totals_->lost_answers;
  }
  if (Chance(100)) {
    const auto i = random_() % workers_.size();
    Worker& worker = workers_[i];
    if (worker.up) {
      // Killed, or only cut off: then its tasks go on, unaware.
      if (Chance(2)) {
        for (auto& [n, generation] : generations_) generation.Drop(static_cast<int>(i));
        worker.reports.clear();
        ++totals_->crashes;
      }
      worker.up = false;
    } else {
      worker.up = true;
      worker.draining = false;
      worker.id = absl::StrCat("w", ++last_worker_);
    }
  }
  if (Chance(200)) workers_[random_() % workers_.size()].draining = true;
  LetDrainedLeave();
  if (Chance(150)) {
    Live().inbox.push_back(RescaleRequestedEvent{1 + static_cast<int>(random_() % 5)});
    ++totals_->rescaled;
  }
  if (Chance(200) && !generations_.empty()) generations_.rbegin()->second.Fail(random_());
  if (Chance(250) && !world_.bounded && world_.available.size() < 4) world_.available.push_back(0);
  if (Chance(150) && coordinators_.size() < 6) Reboot();
}

// As the registry decides it: no task is placed there, and none runs there.
void JobSim::LetDrainedLeave() {
  for (size_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = workers_[i];
    if (!worker.up || !worker.draining || !Chance(10)) continue;
    const auto& placed = Live().machine->placement();
    if (std::any_of(placed.begin(), placed.end(),
                    [&](const SlotRef& slot) { return slot.worker_id == worker.id; }) ||
        std::any_of(generations_.begin(), generations_.end(), [&](const auto& generation) {
          return generation.second.RunsOn(static_cast<int>(i));
        })) {
      continue;
    }
    worker.up = false;
    ++totals_->drained;
  }
}

void JobSim::Handle(Coordinator& coordinator, const JobEvent& event) {
  for (JobAction& action : coordinator.machine->Handle(event, Facts(coordinator))) {
    coordinator.outbox.push_back(std::move(action));
  }
}

// Appends, commits and messages are on different paths: any of the waiting ones may go first,
// except that messages to workers keep their order.
void JobSim::Perform(Coordinator& coordinator, bool faults) {
  if (coordinator.outbox.empty()) return;
  auto at = coordinator.outbox.begin();
  if (Chance(2)) {
    const auto io = std::find_if(at, coordinator.outbox.end(), [](const JobAction& action) {
      return std::holds_alternative<AppendAction>(action) ||
             std::holds_alternative<CommitAction>(action);
    });
    if (io != coordinator.outbox.end()) at = io;
  }
  const JobAction action = std::move(*at);
  coordinator.outbox.erase(at);
  std::visit([&](const auto& a) { Do(coordinator, a, faults); }, action);
}

// ---- Actions.

void JobSim::Do(Coordinator& coordinator, const AppendAction& action, bool) {
  absl::StatusOr<int64_t> n = JobLog(&store_, kJob).Append(action.record, &coordinator.io_state);
  if (mutant_ == Mutant::kIgnoreLostAnswer && !n.ok() && !absl::IsAborted(n.status()) &&
      std::holds_alternative<Manifest>(action.record.body)) {
    n = coordinator.io_state.tail + 1;
  }
  if (&coordinator != &Live()) ++totals_->zombie_writes;
  coordinator.inbox.push_back(AppendedEvent{n.status(), n.ok() ? *n : 0});
}

void JobSim::Do(Coordinator& coordinator, const DescribeSourceAction& action, bool faults) {
  SourceDescribedEvent answer{action.request, absl::OkStatus(), {}};
  if (faults && Chance(3)) {
    answer.status = absl::UnavailableError("brokers away");
  } else {
    for (size_t p = 0; p < world_.available.size(); ++p) {
      answer.partitions.push_back(
          {static_cast<int32_t>(p), 0, world_.bounded ? world_.available[p] : -1});
    }
  }
  coordinator.inbox.push_back(answer);
}

void JobSim::Do(Coordinator& coordinator, const DeployAction& action, bool faults) {
  ++totals_->generations;
  if (faults && Chance(25)) damaged_.insert(action.epoch);
  if (damaged_.contains(action.epoch)) {
    ++totals_->damaged;
    const std::string& worker = action.tasks.front().slot.worker_id;
    coordinator.inbox.push_back(DeployedEvent{action.generation, worker, "damaged", true});
    return;
  }
  std::set<std::string> ready;
  for (const TaskDeployment& deployment : action.tasks) {
    const auto worker = std::find_if(workers_.begin(), workers_.end(), [&](const Worker& w) {
      return w.up && w.id == deployment.slot.worker_id;
    });
    if (worker == workers_.end() || worker->generation > action.generation.value) continue;
    const auto number = static_cast<int>(worker - workers_.begin());
    if (worker->generation < action.generation.value) {
      // A worker retires older generations as a whole.
      worker->generation = action.generation.value;
      for (auto& [n, generation] : generations_) generation.Drop(number);
    }
    auto& generation =
        generations_
            .try_emplace(action.generation.value, &world_, action.generation, action.parallelism)
            .first->second;
    generation.Deploy(deployment, number, &worker->reports);
    ready.insert(worker->id);
  }
  std::erase_if(generations_, [](const auto& entry) { return entry.second.empty(); });
  for (const std::string& worker : ready) {
    coordinator.inbox.push_back(DeployedEvent{action.generation, worker, ""});
  }
}

void JobSim::Do(Coordinator&, const StartAction& action, bool) {
  const auto it = generations_.find(action.generation.value);
  if (it != generations_.end()) it->second.Start();
}

void JobSim::Do(Coordinator&, const TriggerAction& action, bool) {
  const auto it = generations_.find(action.generation.value);
  if (it != generations_.end()) it->second.Trigger(action);
}

void JobSim::Do(Coordinator&, const AddPartitionsAction& action, bool) {
  const auto it = generations_.find(action.generation.value);
  if (it != generations_.end()) it->second.AddPartitions(action);
}

void JobSim::Do(Coordinator&, const CancelTasksAction& action, bool) {
  // Reaches the workers that are there; cut-off ones go on.
  for (auto& [n, generation] : generations_) {
    if (n > action.generation.value) continue;
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].up) generation.Drop(static_cast<int>(i));
    }
  }
  std::erase_if(generations_, [](const auto& entry) { return entry.second.empty(); });
}

void JobSim::Do(Coordinator& coordinator, const CommitAction& action, bool) {
  // Published is the truth: the record stands in the store before anything is committed.
  if (ManifestOf(action.epoch.value) == nullptr) {
    return Wrong(absl::StrCat("commit of epoch ", action.epoch.value, " before its publication"));
  }
  const absl::StatusOr<CommitResult> result = Commit(coordinator, action);
  if (&coordinator != &Live()) ++totals_->zombie_writes;
  coordinator.inbox.push_back(CommitDoneEvent{action.sink, action.epoch, result, 0});
  JudgeTables();
}

absl::StatusOr<CommitResult> JobSim::Commit(Coordinator& coordinator, const CommitAction& action) {
  const SinkSpec& sink = spec_.plan.sinks[static_cast<size_t>(action.sink)];
  SimTable& table = action.sink == 0 ? windows_ : late_;
  TableCommit commit = BuildTableCommit(kJob, spec_, action.sink, action.epoch, action.manifest);
  commit.newest = action.newest.value;
  if (mutant_ == Mutant::kDropRow && !commit.files.empty() && Chance(4)) commit.files.pop_back();
  if (mutant_ == Mutant::kRepeatCommit && Chance(4)) commit.version += 1;
  auto& committer = coordinator.committers[static_cast<size_t>(action.sink)];
  if (committer == nullptr || mutant_ == Mutant::kRepeatCommit) {
    auto fresh = MakeDeltaCommitter(sink.path, OpenFake(&table.log), &clock_, ids_.get());
    const auto prepared = fresh->Prepare(sink.schema, commit.app_id, /*create=*/false);
    if (!prepared.ok()) return prepared.status();
    committer = std::move(fresh);
  }
  return committer->Commit(commit);
}

}  // namespace weir
