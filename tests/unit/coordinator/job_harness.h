// A job to play with: plans, snapshots, and a driver for a JobMachine that does exactly what the
// test says.
#ifndef WEIR_TESTS_UNIT_COORDINATOR_JOB_HARNESS_H_
#define WEIR_TESTS_UNIT_COORDINATOR_JOB_HARNESS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "coordinator/job_machine.h"
#include "gtest/gtest.h"

namespace weir {

inline SinkSpec TestSink(const std::string& id) {
  SinkSpec sink;
  sink.id = id;
  sink.path = "/tables/" + id;
  sink.freshness_interval_us = 60'000'000;
  return sink;
}

// Vertex 0: the source "src"; vertex 1: the owners, feeding the sink "activity".
inline JobSpec TestSpec(bool bounded = false) {
  JobSpec spec;
  spec.name = "activity";
  spec.lineage = "lineage";
  SourceOp source;
  source.table = "events";
  source.kafka.topic = "events";
  source.kafka.stop_at_latest = bounded;
  OperatorSpec source_op;
  source_op.id = "src";
  source_op.op = source;
  FinalAggregateOp aggregate;
  aggregate.spec.state_id = "agg";
  aggregate.spec.window = {60'000'000, 60'000'000, 0};
  aggregate.spec.time_column = 0;
  OperatorSpec final_op;
  final_op.id = "final";
  final_op.op = aggregate;
  final_op.inputs = {{-1, 0}};
  VertexSpec v0;
  v0.name = "events";
  v0.operators = {source_op};
  VertexSpec v1;
  v1.name = "activity";
  v1.operators = {final_op};
  spec.plan.vertices = {v0, v1};
  EdgeSpec edge;
  edge.to_vertex = 1;
  spec.plan.edges = {edge};
  spec.plan.sinks = {TestSink("activity")};
  spec.plan.inserts = {{0, "activity", 0}};
  spec.plan.settings.checkpoint_interval_us = 1'000'000;
  return spec;
}

inline LogRecord TestRecord(std::string id, decltype(LogRecord::body) body) {
  LogRecord record;
  record.id = std::move(id);
  record.body = std::move(body);
  return record;
}

// Steps a machine and collects what it wants. Time stands still unless the test moves it.
class JobHarness {
 public:
  explicit JobHarness(JobSpec spec = TestSpec(), JobMachineOptions options = {})
      : random(SeededRandom(1)), options_(std::move(options)) {
    JobLogState log;
    EXPECT_TRUE(Apply(1, TestRecord("spec", std::move(spec)), &log).ok());
    Boot(std::move(log), /*took_over=*/false);
  }

  // As after a crash of the coordinator: only the log is left.
  void Boot(JobLogState log, bool took_over) {
    pending.clear();
    machine.emplace(std::move(log), took_over, facts, options_, random.get());
  }

  void AddWorker(const std::string& id, int slots = 2, std::string address = "") {
    facts.workers.push_back({id, address.empty() ? "addr-" + id : address, slots, {}});
    Send(TickEvent());
  }
  void AddWorkers(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) facts.workers.push_back({id, "addr-" + id, 2, {}});
    Send(TickEvent());
  }
  void LoseWorker(const std::string& id) {
    std::erase_if(facts.workers, [&](const WorkerView& worker) { return worker.id == id; });
    Send(TickEvent());
  }
  void Drain(const std::string& id) {
    for (WorkerView& worker : facts.workers) worker.draining |= worker.id == id;
    Send(TickEvent());
  }
  void Pass(int64_t micros) {
    facts.now_us += micros;
    facts.wall_ms += micros / 1000;
    Send(TickEvent());
  }

  void Send(const JobEvent& event) {
    for (JobAction& action : machine->Handle(event, facts)) pending.push_back(std::move(action));
  }

  // The first pending action of the kind, taken out.
  template <class Action>
  std::optional<Action> Take() {
    for (auto it = pending.begin(); it != pending.end(); ++it) {
      if (auto* action = std::get_if<Action>(&*it)) {
        Action taken = std::move(*action);
        pending.erase(it);
        return taken;
      }
    }
    return std::nullopt;
  }
  template <class Action>
  Action Expect(const char* what = "") {
    std::optional<Action> action = Take<Action>();
    EXPECT_TRUE(action.has_value()) << "expected " << typeid(Action).name() << " " << what;
    return action.value_or(Action());
  }

  // Lets the record in flight stand in the log; returns it.
  LogRecord AppendOk() {
    const LogRecord record = Expect<AppendAction>().record;
    Send(AppendedEvent{absl::OkStatus(), machine->log().tail + 1});
    return record;
  }

  // From a fresh job with workers to running tasks.
  void RunUp(int partitions = 2) {
    EXPECT_TRUE(std::holds_alternative<StartedRecord>(AppendOk().body));
    Describe(partitions);
    EXPECT_TRUE(std::holds_alternative<Manifest>(AppendOk().body));
    FinishDeploy();
  }
  void Describe(int partitions, int64_t stop_offset = -1) {
    const auto ask = Expect<DescribeSourceAction>();
    SourceDescribedEvent answer{ask.request, absl::OkStatus(), {}};
    for (int p = 0; p < partitions; ++p) answer.partitions.push_back({p, 0, stop_offset});
    Send(answer);
  }
  DeployAction FinishDeploy() {
    const auto deploy = Expect<DeployAction>();
    std::set<std::string> workers;
    for (const TaskDeployment& task : deploy.tasks) workers.insert(task.slot.worker_id);
    for (const std::string& worker : workers) Send(DeployedEvent{deploy.generation, worker, ""});
    Expect<StartAction>();
    deployed = deploy;
    next_offset.clear();
    for (const TaskDeployment& task : deploy.tasks) {
      for (const PartitionPosition& p : task.restore.positions) {
        next_offset[p.partition] = p.next_offset;
      }
    }
    return deploy;
  }

  // What every task says about checkpoint `id` when each partition has read `rows` more.
  TaskSnapshot Snapshot(const TaskDeployment& task, int64_t offset, std::string file) {
    TaskSnapshot snapshot;
    snapshot.task = task.task;
    if (task.task.vertex == 0) {
      for (PartitionPosition position : task.restore.positions) {
        position.next_offset = offset;
        snapshot.positions.push_back(position);
      }
    } else if (!file.empty()) {
      StagedFile staged;
      staged.sink = "activity";
      staged.path = file + "-" + std::to_string(task.task.index);
      staged.rows = 1;
      snapshot.staged.push_back(staged);
    }
    return snapshot;
  }
  void AllDurable(const TriggerAction& trigger, int64_t offset, const std::string& file = "") {
    for (const TaskDeployment& task : deployed.tasks) {
      Send(DurableEvent{trigger.generation, trigger.checkpoint, Snapshot(task, offset, file)});
    }
  }
  void AllCaptured(const TriggerAction& trigger) {
    for (const TaskDeployment& task : deployed.tasks) {
      Send(CapturedEvent{trigger.generation, trigger.checkpoint, task.task});
    }
  }
  // The checkpoint that is under way, or due now, published at `offset`.
  Manifest PublishAt(int64_t offset, const std::string& file = "") {
    const auto trigger = Expect<TriggerAction>();
    AllCaptured(trigger);
    AllDurable(trigger, offset, file);
    const LogRecord record = AppendOk();
    EXPECT_TRUE(std::holds_alternative<Manifest>(record.body));
    return std::holds_alternative<Manifest>(record.body) ? std::get<Manifest>(record.body)
                                                         : Manifest();
  }
  // Commits what is due.
  CommitAction CommitOk(int64_t table_version = 1) {
    const auto commit = Expect<CommitAction>();
    Send(CommitDoneEvent{commit.sink, commit.epoch, CommitResult{table_version, false, 0}});
    return commit;
  }

  std::unique_ptr<Random> random;
  JobFacts facts{1'000'000'000, 1'700'000'000'000, {}};
  std::optional<JobMachine> machine;
  std::vector<JobAction> pending;
  DeployAction deployed;
  std::map<int32_t, int64_t> next_offset;

 private:
  JobMachineOptions options_;
};

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_COORDINATOR_JOB_HARNESS_H_
