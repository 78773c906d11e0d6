#include "worker/task.h"

#include <deque>

#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "tests/unit/worker/channels_test.h"

namespace weir {
namespace {

// What reached an operator, as text, in order.
using Trace = std::vector<std::string>;

class TracingOperator : public Operator {
 public:
  explicit TracingOperator(Trace* trace) : trace_(trace) {}

  absl::Status Open(const OperatorContext&, const TaskRestore&) override {
    return absl::OkStatus();
  }
  absl::Status Process(int input, Batch batch, Output& out) override {
    trace_->push_back("rows " + std::to_string(input) + " " +
                      std::to_string(ValuesOf(batch).front()));
    if (!fail.ok()) return fail;
    return out.Emit(0, std::move(batch));
  }
  absl::Status OnWatermark(int, EventTime time, Output& out) override {
    trace_->push_back("watermark " + std::to_string(time.micros));
    if (more == 0) return out.EmitWatermark(time);
    held_ = time;
    return absl::OkStatus();
  }
  bool HasMore() const override { return held_ != kMinEventTime; }
  absl::Status Continue(Output& out) override {
    trace_->push_back("continue");
    if (--more > 0) return absl::OkStatus();
    return out.EmitWatermark(std::exchange(held_, kMinEventTime));
  }
  absl::Status OnStatus(int, ChannelStatus status, Output& out) override {
    trace_->push_back("status " + std::to_string(static_cast<int>(status)));
    return out.EmitStatus(status);
  }
  absl::Status Drain(Output&) override {
    trace_->push_back("drain");
    return absl::OkStatus();
  }
  absl::StatusOr<PendingState> Capture(const Barrier& barrier) override {
    trace_->push_back("capture " + std::to_string(barrier.id.value));
    PendingState pending;
    pending.finish = [this, id = barrier.id]() -> absl::StatusOr<CapturedState> {
      if (!fail_finish.ok()) return fail_finish;
      CapturedState state;
      state.staged.push_back({"sink", "file", 1, 1, 0, "", id});
      return state;
    };
    return pending;
  }
  void Published(CheckpointId id) override {
    trace_->push_back("published " + std::to_string(id.value));
  }
  Footprint StateFootprint() const override { return {}; }
  bool Blocked() const override { return blocked; }

  absl::Status fail, fail_finish;
  bool blocked = false;
  int more = 0;  // calls of Continue that the next watermark takes

 private:
  Trace* const trace_;
  EventTime held_ = kMinEventTime;
};

class ScriptedSource : public SourceOperator {
 public:
  absl::Status Open(const OperatorContext&, const TaskRestore&) override {
    return absl::OkStatus();
  }
  absl::Status Process(int, Batch, Output&) override { return absl::InternalError("no input"); }
  absl::Status OnWatermark(int, EventTime, Output&) override { return absl::OkStatus(); }
  absl::Status OnStatus(int, ChannelStatus, Output&) override { return absl::OkStatus(); }
  absl::Status Drain(Output&) override { return absl::OkStatus(); }
  absl::StatusOr<PendingState> Capture(const Barrier&) override { return PendingState(); }
  void Published(CheckpointId) override {}
  Footprint StateFootprint() const override { return {}; }
  bool Blocked() const override { return false; }
  absl::StatusOr<PollResult> Poll(Output& out) override {
    if (script.empty()) return PollResult::kIdle;
    auto next = std::move(script.front());
    script.pop_front();
    return next(out);
  }
  absl::Status AddPartitions(const std::vector<PartitionPosition>& positions) override {
    added += positions.size();
    return absl::OkStatus();
  }
  void SetWake(std::function<void()>) override {}
  SourceStats Stats() const override { return {}; }

  std::deque<std::function<absl::StatusOr<PollResult>(Output&)>> script;
  size_t added = 0;
};

class RecordingReporter : public TaskReporter {
 public:
  void Captured(TaskId, CheckpointId id) override {
    events.push_back("captured " + std::to_string(id.value));
  }
  void Durable(CheckpointId id, TaskSnapshot snapshot) override {
    events.push_back("durable " + std::to_string(id.value));
    snapshots.push_back(std::move(snapshot));
  }
  void Failed(TaskId, const absl::Status& status) override {
    events.push_back("failed");
    failure = status;
  }
  void SourcesFinished(TaskId) override { events.push_back("finished"); }

  Trace events;
  std::vector<TaskSnapshot> snapshots;
  absl::Status failure;
};

std::unique_ptr<OperatorContext> EmptyContext() { return std::make_unique<OperatorContext>(); }

class TaskTest : public ::testing::Test {
 protected:
  TaskTest() : io_(MakeInlineIoPool()), reporter_(std::make_shared<RecordingReporter>()) {}

  // One operator behind an edge from two tasks.
  void MakeOwner() {
    VertexSpec vertex;
    vertex.operators.resize(1);
    vertex.operators[0].op = FilterOp{};
    vertex.operators[0].inputs = {{-1, 0}};
    auto made = std::make_unique<TracingOperator>(&trace_);
    operator_ = made.get();
    std::vector<std::unique_ptr<Operator>> operators;
    operators.push_back(std::move(made));
    std::vector<std::unique_ptr<OperatorContext>> contexts;
    contexts.push_back(EmptyContext());
    auto graph = std::make_unique<OperatorGraph>(vertex, std::move(operators), std::move(contexts),
                                                 std::vector<std::pair<int, EdgeOutput*>>{}, 1);
    std::vector<TaskInput> inputs;
    for (int i = 0; i < 2; ++i) {
      inboxes_.push_back(std::make_unique<Inbox>([] {}, [](int64_t) {}));
      inputs.push_back(
          {0, inboxes_.back().get(), [this](EventTime t) { echoes_.push_back(t.micros); }});
    }
    task_ = std::make_unique<Task>(
        TaskId{1, 0}, Generation(1), std::move(graph), std::vector<std::unique_ptr<EdgeOutput>>{},
        std::move(inputs), 1, std::make_unique<std::map<int, InsertCounters>>(),
        std::make_unique<RowSamples>(), EventTime{40}, reporter_, io_.get(), SystemClock());
    StartTask();
  }

  // A source, a tracing operator behind it, an edge to one owner.
  void MakeSource() {
    VertexSpec vertex;
    vertex.operators.resize(2);
    vertex.operators[0].op = SourceOp{};
    vertex.operators[1].op = FilterOp{};
    vertex.operators[1].inputs = {{0, 0}};
    auto source = std::make_unique<ScriptedSource>();
    source_ = source.get();
    auto tracing = std::make_unique<TracingOperator>(&trace_);
    operator_ = tracing.get();
    std::vector<std::unique_ptr<Operator>> operators;
    operators.push_back(std::move(source));
    operators.push_back(std::move(tracing));
    std::vector<std::unique_ptr<OperatorContext>> contexts;
    contexts.push_back(EmptyContext());
    contexts.push_back(EmptyContext());
    std::vector<std::unique_ptr<EdgeOutput>> edges;
    edges.push_back(std::make_unique<EdgeOutput>());
    edge_ = edges[0].get();
    inboxes_.push_back(std::make_unique<Inbox>([] {}, [](int64_t) {}));
    std::vector<std::unique_ptr<ChannelSender>> senders;
    senders.push_back(MakeLocalSender(inboxes_[0].get()));
    edge_->SetSenders(std::move(senders));
    auto graph =
        std::make_unique<OperatorGraph>(vertex, std::move(operators), std::move(contexts),
                                        std::vector<std::pair<int, EdgeOutput*>>{{1, edge_}}, 0);
    task_ = std::make_unique<Task>(
        TaskId{0, 0}, Generation(1), std::move(graph), std::move(edges), std::vector<TaskInput>{},
        0, std::make_unique<std::map<int, InsertCounters>>(), std::make_unique<RowSamples>(),
        kMinEventTime, reporter_, io_.get(), SystemClock());
    StartTask();
  }

  void StartTask() {
    EXPECT_EQ(task_->Step(), Task::StepResult::kIdle) << "nothing happens before Start";
    task_->Post([](Task& task) { return task.Start(); });
  }

  void Push(int channel, Element element) { inboxes_[channel]->Push(std::move(element), 1); }
  void StepUntilIdle() {
    while (task_->Step() == Task::StepResult::kBusy) {
    }
  }
  Barrier B(int64_t id) { return Barrier{Generation(1), CheckpointId(id), false}; }

  std::unique_ptr<IoPool> io_;
  std::shared_ptr<RecordingReporter> reporter_;
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  Trace trace_;
  std::vector<int64_t> echoes_;
  TracingOperator* operator_ = nullptr;
  ScriptedSource* source_ = nullptr;
  EdgeOutput* edge_ = nullptr;
  std::unique_ptr<Task> task_;
};

TEST_F(TaskTest, RowsBehindABarrierWaitUntilItIsAligned) {
  MakeOwner();
  Push(0, EdgeTestBatch({1}, {1}));
  Push(0, B(1));
  Push(0, EdgeTestBatch({1}, {2}));
  Push(1, EdgeTestBatch({1}, {3}));
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"rows 0 1", "rows 0 3"}));
  EXPECT_TRUE(reporter_->events.empty());
  Push(1, B(1));
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"rows 0 1", "rows 0 3", "drain", "capture 1", "rows 0 2"}));
  EXPECT_EQ(reporter_->events, (Trace{"captured 1", "durable 1"}));
  ASSERT_EQ(reporter_->snapshots.size(), 1u);
  EXPECT_EQ(reporter_->snapshots[0].task, (TaskId{1, 0}));
  EXPECT_EQ(reporter_->snapshots[0].staged.size(), 1u);
}

TEST_F(TaskTest, WatermarkIsTheMinimumOfItsChannels) {
  MakeOwner();
  Push(0, Watermark{EventTime{100}});
  StepUntilIdle();
  EXPECT_TRUE(trace_.empty());
  Push(1, Watermark{EventTime{60}});
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"watermark 60"}));
}

TEST_F(TaskTest, AnswersAnActiveChannelWithWhatLatenessIsJudgedBy) {
  MakeOwner();
  Push(0, StatusChange{ChannelStatus::kActive});
  StepUntilIdle();
  EXPECT_EQ(echoes_, (std::vector<int64_t>{40})) << "the restored watermark counts";
  Push(0, Watermark{EventTime{100}});
  Push(1, Watermark{EventTime{90}});
  Push(1, StatusChange{ChannelStatus::kActive});
  StepUntilIdle();
  EXPECT_EQ(echoes_, (std::vector<int64_t>{40, 90}));
}

TEST_F(TaskTest, AnErrorIsReportedOnceAndStopsTheTask) {
  MakeOwner();
  operator_->fail = FatalError("row 7 is bad");
  Push(0, EdgeTestBatch({1}, {1}));
  Push(0, EdgeTestBatch({1}, {2}));
  StepUntilIdle();
  StepUntilIdle();
  EXPECT_EQ(reporter_->events, (Trace{"failed"}));
  EXPECT_TRUE(IsFatal(reporter_->failure));
  EXPECT_EQ(trace_, (Trace{"rows 0 1"}));
}

TEST_F(TaskTest, AFailedUploadFailsTheTaskAndIsNeverDurable) {
  MakeOwner();
  operator_->fail_finish = absl::ResourceExhaustedError("disk full");
  Push(0, B(1));
  Push(1, B(1));
  StepUntilIdle();
  EXPECT_EQ(reporter_->events, (Trace{"captured 1", "failed"}));
}

TEST_F(TaskTest, ABlockedOperatorHoldsBackRows) {
  MakeOwner();
  operator_->blocked = true;
  Push(0, EdgeTestBatch({1}, {1}));
  EXPECT_EQ(task_->Step(), Task::StepResult::kBlocked);
  EXPECT_TRUE(trace_.empty());
  operator_->blocked = false;
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"rows 0 1"}));
}

TEST_F(TaskTest, NothingOvertakesTheRowsOfAWatermark) {
  MakeOwner();
  Push(0, Watermark{EventTime{60}});
  Push(0, EdgeTestBatch({1}, {1}));
  Push(0, B(1));
  Push(1, Watermark{EventTime{70}});
  Push(1, B(1));
  operator_->more = 3;
  EXPECT_EQ(task_->Step(), Task::StepResult::kBusy);
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"watermark 60", "continue", "continue", "continue", "rows 0 1", "drain",
                           "capture 1"}));
}

TEST_F(TaskTest, AStatusBehindAWatermarkWaitsForItsRows) {
  MakeOwner();
  Push(0, Watermark{EventTime{60}});
  Push(0, StatusChange{ChannelStatus::kIdle});
  Push(1, Watermark{EventTime{50}});
  StepUntilIdle();
  trace_.clear();
  operator_->more = 2;
  Push(1, StatusChange{ChannelStatus::kIdle});
  Push(1, EdgeTestBatch({1}, {1}));
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"watermark 60", "continue", "continue", "status 1", "rows 0 1"}));
}

TEST_F(TaskTest, ABlockedSinkHoldsBackTheRestOfAWatermark) {
  MakeOwner();
  operator_->more = 2;
  Push(0, Watermark{EventTime{60}});
  Push(1, Watermark{EventTime{70}});
  EXPECT_EQ(task_->Step(), Task::StepResult::kBusy);
  EXPECT_EQ(task_->Step(), Task::StepResult::kBusy);
  operator_->blocked = true;
  EXPECT_EQ(task_->Step(), Task::StepResult::kBlocked);
  EXPECT_EQ(operator_->more, 2);
  operator_->blocked = false;
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"watermark 60", "continue", "continue"}));
}

TEST_F(TaskTest, ASourceAsksItsOwnersFirst) {
  MakeSource();
  StepUntilIdle();
  const std::optional<Element> first = inboxes_[0]->Pop();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(std::get<StatusChange>(*first).status, ChannelStatus::kActive);
  EXPECT_FALSE(edge_->echo()->complete);
}

TEST_F(TaskTest, ABarrierFollowsTheRowsBeforeIt) {
  MakeSource();
  source_->script.push_back([](Output& out) -> absl::StatusOr<SourceOperator::PollResult> {
    if (absl::Status s = out.Emit(0, EdgeTestBatch({1}, {5})); !s.ok()) return s;
    if (absl::Status s = out.EmitWatermark(EventTime{3}); !s.ok()) return s;
    return SourceOperator::PollResult::kBusy;
  });
  StepUntilIdle();
  task_->Post([this](Task& task) { return task.Trigger(B(1)); });
  StepUntilIdle();
  inboxes_[0]->Pop();  // active
  EXPECT_TRUE(std::holds_alternative<Batch>(*inboxes_[0]->Pop()));
  EXPECT_TRUE(std::holds_alternative<Watermark>(*inboxes_[0]->Pop()));
  EXPECT_TRUE(std::holds_alternative<Barrier>(*inboxes_[0]->Pop()));
  EXPECT_EQ(trace_, (Trace{"rows 0 5", "watermark 3", "drain", "capture 1"}));
  EXPECT_EQ(reporter_->events, (Trace{"captured 1", "durable 1"}));
  EXPECT_EQ(reporter_->snapshots[0].watermark, EventTime{3});
}

TEST_F(TaskTest, BuffersAreEmptiedBeforeIdleIsAnnounced) {
  MakeSource();
  source_->script.push_back([](Output& out) -> absl::StatusOr<SourceOperator::PollResult> {
    if (absl::Status s = out.EmitStatus(ChannelStatus::kIdle); !s.ok()) return s;
    return SourceOperator::PollResult::kIdle;
  });
  StepUntilIdle();
  EXPECT_EQ(trace_, (Trace{"drain", "status 1"}));
}

TEST_F(TaskTest, AFullChannelStopsTheSourceButNotItsBarrier) {
  MakeSource();
  StepUntilIdle();
  inboxes_[0]->Push(EdgeTestBatch({1}, {1}), kChannelBytesMax);
  source_->script.push_back([](Output&) -> absl::StatusOr<SourceOperator::PollResult> {
    ADD_FAILURE() << "polled while the channel is full";
    return SourceOperator::PollResult::kIdle;
  });
  EXPECT_EQ(task_->Step(), Task::StepResult::kBlocked);
  task_->Post([this](Task& task) { return task.Trigger(B(1)); });
  EXPECT_EQ(task_->Step(), Task::StepResult::kBlocked);
  EXPECT_EQ(reporter_->events, (Trace{"captured 1", "durable 1"}));
  source_->script.clear();
}

TEST_F(TaskTest, AFinishedSourceReportsOnceAndStillPassesBarriers) {
  MakeSource();
  source_->script.push_back([](Output&) -> absl::StatusOr<SourceOperator::PollResult> {
    return SourceOperator::PollResult::kFinished;
  });
  StepUntilIdle();
  StepUntilIdle();
  EXPECT_EQ(reporter_->events, (Trace{"finished"}));
  task_->Post([this](Task& task) { return task.Trigger(B(1)); });
  StepUntilIdle();
  EXPECT_EQ(reporter_->events, (Trace{"finished", "captured 1", "durable 1"}));
  EXPECT_TRUE(reporter_->snapshots[0].finished);
}

TEST_F(TaskTest, NewPartitionsReachTheSource) {
  MakeSource();
  task_->Post([](Task& task) { return task.AddPartitions({PartitionPosition{}}); });
  StepUntilIdle();
  EXPECT_EQ(source_->added, 1u);
}

TEST_F(TaskTest, APausedTaskTakesMessagesOnly) {
  MakeOwner();
  task_->SetPaused(true);
  Push(0, EdgeTestBatch({1}, {1}));
  EXPECT_EQ(task_->Step(), Task::StepResult::kBlocked);
  task_->Post([](Task& task) { return task.Published(CheckpointId(4)); });
  task_->Step();
  EXPECT_EQ(trace_, (Trace{"published 4"}));
}

}  // namespace
}  // namespace weir
