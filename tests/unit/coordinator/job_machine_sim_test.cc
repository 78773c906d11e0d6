// The job machine under random schedules: a faulty store, tables whose answers get lost, workers
// that die, coordinators that are paused, replaced and resumed. An independent model of the rows
// checks after every commit that the table holds exactly the prefix of each partition that its
// epoch names.
//
// A failing seed is printed; run it alone with WEIR_SIM_SEED=<seed>. WEIR_SIM_RUNS sets how many.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "coordinator/job_machine.h"
#include "gtest/gtest.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

constexpr char kJob[] = "activity-00000000";
constexpr int kPartitions = 3;
constexpr int64_t kRows = 400;  // per partition, when bounded

using Row = std::pair<int32_t, int64_t>;  // partition, offset

// One fused vertex: the source writes straight into the table, so that a row's fate is plain.
JobSpec SimSpec(bool bounded, int parallelism) {
  JobSpec spec = TestSpec(bounded);
  spec.plan.vertices.pop_back();
  spec.plan.edges.clear();
  spec.plan.settings.parallelism = parallelism;
  return spec;
}

class Sim {
 public:
  explicit Sim(uint32_t seed) : random_(seed), ids_(SeededRandom(seed)), bounded_(seed % 3 == 0) {
    JobLogState log;
    EXPECT_TRUE(
        JobLog(&store_, kJob)
            .Append(TestRecord("spec", SimSpec(bounded_, 1 + static_cast<int>(seed % 4))), &log)
            .ok());
    for (int i = 0; i < 3; ++i) BringUpWorker(i);
    Boot(std::move(log), false);
  }

  void Run() {
    for (int step = 0; step < 1500 && !Failed(); ++step) Step(/*faults=*/true);
    // Quiet: everything heals, and the job must come to the parallelism asked for, and to its end.
    store_.PlanPuts({});
    store_.FailGets(0);
    store_.DeliverLate();
    for (int i = 0; i < 3; ++i) {
      if (!workers_[i].up || workers_[i].draining) BringUpWorker(i);
    }
    const int parallelism = 1 + static_cast<int>(random_() % 6);
    for (int step = 0; step < 8000 && !Failed() && !Ended(); ++step) {
      // A coordinator that read the log again knows nothing of requests.
      if (step < 4000 && step % 500 == 0) {
        Live().inbox.push_back(RescaleRequestedEvent{parallelism});
      }
      if (step == 4500) {
        ASSERT_EQ(Live().machine->log().parallelism, parallelism);
      }
      if (step >= 4500 && step % 500 == 0) Live().inbox.push_back(StopRequestedEvent());
      Step(/*faults=*/false);
    }
    rescaled += starts_at_.size() > 1 ? 1 : 0;
    ASSERT_TRUE(Ended()) << "not at its end: " << Live().machine->reason();
    const JobEnd how = ended_->how;
    JobLogState log;
    ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&log), absl::OkStatus());
    ASSERT_TRUE(how == JobEnd::kStopped || how == JobEnd::kFinished || how == JobEnd::kFailed);
    if (how != JobEnd::kFailed && !log.checkpoints.empty()) {
      // Above it only when the job went back over an epoch without rows that was committed.
      ASSERT_GE(table_version_, log.checkpoints.back().epoch.value)
          << "ended before the last commit";
      if (log.restored_at == 0) {
        ASSERT_EQ(table_version_, log.checkpoints.back().epoch.value);
      }
    }
    if (how == JobEnd::kFinished) {
      ASSERT_EQ(table_.size(), static_cast<size_t>(kPartitions * kRows));
    }
    ++ends[how];
    if (log.restored_at > 0) ++returns;
  }

  static std::map<JobEnd, int> ends;
  static int damages, returns;   // checkpoints found damaged; runs that went back to an older one
  static int rescaled, drained;  // runs with several parallelisms; workers that left empty

 private:
  struct Coordinator {
    std::optional<JobMachine> machine;
    JobLogState io_state;
    std::deque<JobEvent> inbox;    // events on their way to the machine
    std::deque<JobAction> outbox;  // actions on their way out
    bool fenced = false;
  };
  struct Task {
    int64_t generation = 0;
    bool running = false;
    int worker = 0;
    std::map<int32_t, int64_t> offsets;
    std::map<int32_t, int64_t> stops;
    std::set<Row> unstaged;
    bool said_finished = false;
    std::deque<JobEvent> reports;  // in order
  };
  struct Worker {
    bool up = false;
    std::string id;
    bool draining = false;
  };

  bool Chance(int one_in) { return random_() % static_cast<uint32_t>(one_in) == 0; }
  Coordinator& Live() { return *coordinators_.back(); }
  // Whether the log says so, to the live coordinator or to one that read it again.
  bool Ended() {
    if (Live().machine->log().ended) ended_ = Live().machine->log().ended;
    return ended_.has_value();
  }
  bool Failed() const { return ::testing::Test::HasFatalFailure(); }

  JobFacts Facts(const Coordinator& coordinator) {
    JobFacts facts{now_us_, now_us_ / 1000, {}};
    // A replaced coordinator keeps the view that it was paused with.
    if (&coordinator != coordinators_.back().get()) {
      facts.workers = stale_view_;
      return facts;
    }
    facts.workers = View();
    return facts;
  }
  std::vector<WorkerView> View() const {
    std::vector<WorkerView> view;
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (!workers_[i].up) continue;
      view.push_back({workers_[i].id, absl::StrCat("addr", i), 2, {}, workers_[i].draining});
    }
    return view;
  }

  void BringUpWorker(int i) {
    if (workers_.size() <= static_cast<size_t>(i)) workers_.resize(static_cast<size_t>(i) + 1);
    workers_[i] = {true, absl::StrCat("w", ++last_worker_)};
  }

  void Boot(JobLogState log, bool took_over) {
    auto fresh = std::make_unique<Coordinator>();
    fresh->io_state = log;
    stale_view_ = View();
    coordinators_.push_back(std::move(fresh));
    Live().machine.emplace(std::move(log), took_over, Facts(Live()), JobMachineOptions(),
                           ids_.get());
    Live().inbox.push_back(TickEvent());
    // Workers come to the new coordinator as new ones.
    if (!took_over) return;
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].up) workers_[i].id = absl::StrCat("w", ++last_worker_);
    }
  }

  // A new coordinator reads the log and takes over; the old one, if any, goes on as a zombie.
  void Reboot() {
    JobLogState log;
    ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&log), absl::OkStatus());
    ended_ = log.ended;
    if (ended_) return;
    Boot(std::move(log), /*took_over=*/true);
  }

  void Step(bool faults) {
    now_us_ += static_cast<int64_t>(random_() % 200'000);
    if (faults) Break();
    if (Live().fenced && Chance(20)) {
      store_.FailGets(0);
      Reboot();
    }
    switch (random_() % 5) {
      case 0:
        return DeliverEvent();
      case 1:
        return PerformAction(faults);
      case 2:
        return WorkTask(faults);
      case 3:
        return DeliverReport();
      case 4:
        return Tick();
    }
  }

  void Break() {
    if (Chance(60)) {
      std::deque<PutFault> plan;
      for (int i = 0; i < kAppendAttempts; ++i)
        plan.push_back(static_cast<PutFault>(random_() % 6));
      store_.PlanPuts(plan);
    }
    if (Chance(100)) store_.FailGets(static_cast<int>(random_() % 4));
    if (Chance(50)) store_.DeliverLate();
    if (Chance(150)) {
      const auto i = random_() % workers_.size();
      if (workers_[i].up) {
        LoseTasks(static_cast<int>(i));
        workers_[i].up = false;
      } else {
        BringUpWorker(static_cast<int>(i));
      }
    }
    if (Chance(150)) workers_[random_() % workers_.size()].draining = true;
    LetDrainedLeave();
    if (Chance(120)) {
      Live().inbox.push_back(RescaleRequestedEvent{1 + static_cast<int>(random_() % 6)});
    }
    if (Chance(250) && coordinators_.size() < 6) {
      store_.FailGets(0);
      Reboot();
    }
  }

  // As the registry decides it: no task is placed there, and none runs there.
  void LetDrainedLeave() {
    for (size_t i = 0; i < workers_.size(); ++i) {
      Worker& worker = workers_[i];
      if (!worker.up || !worker.draining || !Chance(10)) continue;
      const auto& placed = Live().machine->placement();
      const bool in_use =
          std::any_of(placed.begin(), placed.end(),
                      [&](const SlotRef& slot) { return slot.worker_id == worker.id; }) ||
          std::any_of(tasks_.begin(), tasks_.end(),
                      [&](const auto& task) { return task.second.worker == static_cast<int>(i); });
      if (in_use) continue;
      worker.up = false;
      ++drained;
    }
  }

  void LoseTasks(int worker) {
    std::erase_if(tasks_, [&](const auto& entry) { return entry.second.worker == worker; });
  }

  Coordinator& AnyCoordinator() {
    // Mostly the live one; zombies wake now and then.
    if (coordinators_.size() > 1 && Chance(5)) {
      return *coordinators_[random_() % (coordinators_.size() - 1)];
    }
    return Live();
  }

  void Handle(Coordinator& coordinator, const JobEvent& event) {
    for (JobAction& action : coordinator.machine->Handle(event, Facts(coordinator))) {
      coordinator.outbox.push_back(std::move(action));
    }
    coordinator.fenced = coordinator.machine->fenced();
  }

  void Tick() { Handle(AnyCoordinator(), TickEvent()); }

  void DeliverEvent() {
    Coordinator& coordinator = AnyCoordinator();
    if (coordinator.inbox.empty()) return;
    const JobEvent event = coordinator.inbox.front();
    coordinator.inbox.pop_front();
    Handle(coordinator, event);
  }

  // Appends, commits and messages are on different paths: any of the waiting ones may go first,
  // except that messages to workers keep their order.
  void PerformAction(bool faults) {
    Coordinator& coordinator = AnyCoordinator();
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

  template <class Action>
  void Do(Coordinator&, const Action&, bool) {}  // notes

  void Do(Coordinator& coordinator, const AppendAction& action, bool) {
    const absl::StatusOr<int64_t> n =
        JobLog(&store_, kJob).Append(action.record, &coordinator.io_state);
    coordinator.inbox.push_back(AppendedEvent{n.status(), n.ok() ? *n : 0});
  }

  void Do(Coordinator& coordinator, const DescribeSourceAction& action, bool faults) {
    SourceDescribedEvent answer{action.request, absl::OkStatus(), {}};
    if (faults && Chance(3)) {
      answer.status = absl::UnavailableError("brokers away");
    } else {
      for (int p = 0; p < kPartitions; ++p) {
        answer.partitions.push_back({p, 0, bounded_ ? kRows : -1});
      }
    }
    coordinator.inbox.push_back(answer);
  }

  void Do(Coordinator& coordinator, const DeployAction& action, bool faults) {
    // Now and then a checkpoint turns out to be damaged, for good.
    if (faults && Chance(25)) damaged_.insert(action.epoch);
    if (damaged_.contains(action.epoch)) {
      ++damages;
      const std::string& worker = action.tasks.front().slot.worker_id;
      coordinator.inbox.push_back(DeployedEvent{action.generation, worker, "damaged", true});
      return;
    }
    std::set<std::string> ready;
    starts_at_.insert(action.parallelism);
    // A worker retires the older generation as a whole, also tasks that the new one doesn't have.
    for (const TaskDeployment& deployment : action.tasks) {
      const int worker = WorkerOf(deployment.slot);
      std::erase_if(tasks_, [&](const auto& entry) {
        return entry.second.worker == worker && entry.second.generation < action.generation.value;
      });
    }
    for (const TaskDeployment& deployment : action.tasks) {
      Task& task = tasks_[deployment.task];
      if (task.generation > action.generation.value) continue;  // fenced
      const int worker = WorkerOf(deployment.slot);
      if (worker < 0) {
        tasks_.erase(deployment.task);
        continue;
      }
      task = Task();
      task.generation = action.generation.value;
      task.worker = worker;
      for (const PartitionPosition& position : deployment.restore.positions) {
        task.offsets[position.partition] = position.next_offset;
        task.stops[position.partition] = position.stop_offset;
      }
      ready.insert(deployment.slot.worker_id);
    }
    for (const std::string& worker : ready) {
      coordinator.inbox.push_back(DeployedEvent{action.generation, worker, ""});
    }
  }

  int WorkerOf(const SlotRef& slot) const {
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].up && workers_[i].id == slot.worker_id) return static_cast<int>(i);
    }
    return -1;
  }

  void Do(Coordinator&, const StartAction& action, bool) {
    for (auto& [id, task] : tasks_) {
      if (task.generation == action.generation.value) task.running = true;
    }
  }

  void Do(Coordinator&, const TriggerAction& action, bool) {
    for (auto& [id, task] : tasks_) {
      if (task.generation != action.generation.value || !task.running) continue;
      TaskSnapshot snapshot;
      snapshot.task = id;
      for (const auto& [partition, offset] : task.offsets) {
        snapshot.positions.push_back({"src", partition, offset, task.stops[partition]});
      }
      if (!task.unstaged.empty()) {
        StagedFile file;
        file.sink = "activity";
        file.path = absl::StrCat("file-", ++last_file_);
        file.rows = static_cast<int64_t>(task.unstaged.size());
        files_[file.path] = std::exchange(task.unstaged, {});
        snapshot.staged.push_back(file);
      }
      task.reports.push_back(CapturedEvent{action.generation, action.checkpoint, id});
      task.reports.push_back(DurableEvent{action.generation, action.checkpoint, snapshot});
    }
  }

  void Do(Coordinator&, const CancelTasksAction& action, bool) {
    std::erase_if(tasks_, [&](const auto& entry) {
      return entry.second.generation <= action.generation.value;
    });
  }

  void Do(Coordinator&, const RemoveAbandonedFilesAction&, bool) {}
  void Do(Coordinator& coordinator, const CommitAction& action, bool faults) {
    // Published is the truth: the record stands in the store before anything is committed.
    const auto blobs = store_.Snapshot();
    const auto record = blobs.find(LogRecordName(kJob, action.epoch.value));
    ASSERT_TRUE(record != blobs.end()) << "commit of epoch " << action.epoch << " before publish";
    const uint32_t fault = faults ? random_() % 8 : 7;
    absl::StatusOr<CommitResult> result = absl::UnavailableError("nothing happened");
    if (fault == 0) {
      result = absl::UnknownError("lost before");
    } else if (fault == 1) {
      result = Commit(action);
      result = absl::UnknownError("lost after");
    } else if (fault > 2) {
      result = Commit(action);
    }
    coordinator.inbox.push_back(CommitDoneEvent{action.sink, action.epoch, result});
  }

  absl::StatusOr<CommitResult> Commit(const CommitAction& action) {
    if (table_version_ >= action.epoch.value) return CommitResult{table_version_, true, 0};
    for (const StagedFile& file : action.manifest.staged) {
      for (const Row& row : files_.at(file.path)) {
        if (!table_.insert(row).second) {
          ADD_FAILURE() << "row " << row.first << ":" << row.second << " twice";
        }
      }
    }
    table_version_ = action.epoch.value;
    CheckTable(action.manifest);
    return CommitResult{table_version_, false, 0};
  }

  // The promise: the table is the prefix that its epoch names.
  void CheckTable(const Manifest& manifest) {
    size_t expected = 0;
    for (const PartitionPosition& position : manifest.positions) {
      expected += static_cast<size_t>(position.next_offset);
      for (int64_t offset = 0; offset < position.next_offset; ++offset) {
        ASSERT_TRUE(table_.contains({position.partition, offset}))
            << "row " << position.partition << ":" << offset << " lost at epoch " << table_version_;
      }
    }
    ASSERT_EQ(table_.size(), expected) << "rows beyond the epoch's positions";
  }

  void WorkTask(bool faults) {
    if (tasks_.empty()) return;
    auto it = tasks_.begin();
    std::advance(it, random_() % tasks_.size());
    Task& task = it->second;
    if (!task.running) return;
    if (faults && Chance(600)) {
      task.reports.push_back(
          TaskFailedEvent{Generation(task.generation), it->first, "random failure"});
      task.running = false;
      return;
    }
    bool finished = true;
    for (auto& [partition, offset] : task.offsets) {
      int64_t count = static_cast<int64_t>(random_() % 5);
      if (bounded_) count = std::min(count, task.stops[partition] - offset);
      for (; count > 0; --count) task.unstaged.insert({partition, offset++});
      finished = finished && bounded_ && offset == task.stops[partition];
    }
    if (finished && !task.offsets.empty() && !task.said_finished) {
      task.said_finished = true;
      task.reports.push_back(SourcesFinishedEvent{Generation(task.generation), it->first});
    }
  }

  void DeliverReport() {
    if (tasks_.empty()) return;
    auto it = tasks_.begin();
    std::advance(it, random_() % tasks_.size());
    Task& task = it->second;
    if (task.reports.empty()) return;
    const JobEvent report = task.reports.front();
    task.reports.pop_front();
    Live().inbox.push_back(report);
  }

  std::mt19937 random_;
  const std::unique_ptr<Random> ids_;
  const bool bounded_;
  int64_t now_us_ = 1'000'000;
  FaultyBlobStore store_;
  std::vector<std::unique_ptr<Coordinator>> coordinators_;
  std::vector<WorkerView> stale_view_;
  std::vector<Worker> workers_;
  int last_worker_ = 0;
  std::map<TaskId, Task> tasks_;
  int last_file_ = 0;
  std::map<std::string, std::set<Row>> files_;
  std::set<Row> table_;
  int64_t table_version_ = 0;
  std::optional<EndedRecord> ended_;
  std::set<int> starts_at_;  // parallelisms deployed
  std::set<Epoch> damaged_;
};

std::map<JobEnd, int> Sim::ends;
int Sim::damages = 0;
int Sim::returns = 0;
int Sim::rescaled = 0;
int Sim::drained = 0;

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  uint32_t value = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &value)) value = otherwise;
  return value;
}

TEST(JobMachineSimTest, TheTableIsAlwaysThePrefixThatItsEpochNames) {
  const uint32_t only = FromEnvironment("WEIR_SIM_SEED", 0);
  const uint32_t runs = FromEnvironment("WEIR_SIM_RUNS", 150);
  for (uint32_t seed = only > 0 ? only : 1; seed <= (only > 0 ? only : runs); ++seed) {
    SCOPED_TRACE(testing::Message() << "WEIR_SIM_SEED=" << seed);
    Sim(seed).Run();
    if (HasFailure()) return;
  }
  if (only > 0) return;
  // The schedules reach the ends that they should; a simulation that only fails proves little.
  EXPECT_GT(Sim::ends[JobEnd::kStopped], 0);
  EXPECT_GT(Sim::ends[JobEnd::kFinished], 0);
  EXPECT_GT(Sim::damages, 0);
  EXPECT_GT(Sim::returns, 0);
  EXPECT_GT(Sim::rescaled, 0);
  EXPECT_GT(Sim::drained, 0);
}

}  // namespace
}  // namespace weir
