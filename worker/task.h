// One parallel instance of a vertex: input channels in, operators, edges out; barriers aligned.
#ifndef WEIR_WORKER_TASK_H_
#define WEIR_WORKER_TASK_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/io_pool.h"
#include "model/element.h"
#include "model/snapshot.h"
#include "operators/operator.h"
#include "operators/row_samples.h"
#include "operators/time/channel_watermarks.h"
#include "worker/aligner.h"
#include "worker/inbox.h"
#include "worker/operator_graph.h"

namespace weir {

class Clock;

// What a task tells the coordinator. Thread-safe; calls don't block. Outlives the task and its work
// on the I/O pool.
class TaskReporter {
 public:
  virtual ~TaskReporter() = default;
  virtual void Captured(TaskId task, CheckpointId checkpoint) = 0;
  virtual void Durable(CheckpointId checkpoint, TaskSnapshot snapshot) = 0;
  // `status` by operators/bad_rows.h: a fatal one fails the job.
  virtual void Failed(TaskId task, const absl::Status& status) = 0;
  virtual void SourcesFinished(TaskId task) = 0;
};

// An input channel of a task.
struct TaskInput {
  int port = 0;                         // of the vertex: number of the incoming edge
  Inbox* inbox = nullptr;               // outlives the task
  std::function<void(EventTime)> echo;  // answers StatusChange(kActive)
};

// Live figures, refreshed by the slot thread a few times a second.
struct TaskStats {
  TaskId task;
  std::map<int, InsertCounters> counters;
  SourceOperator::SourceStats source;
  bool has_source = false;
  EventTime watermark = kMinEventTime;
  bool idle = false;
  Operator::Footprint state;
  int64_t busy_us = 0, idle_us = 0, blocked_us = 0;
  int64_t queued_bytes = 0;        // in the input channels
  int64_t rows_sent = 0;           // over edges, to local and remote tasks
  int64_t remote_bytes = 0;        // over edges, to other workers
  int64_t rows_received = 0;       // over edges
  std::vector<RowSample> samples;  // of bad and late rows
};

// Step, the destructor: slot thread. Others as stated.
class Task {
 public:
  enum class StepResult { kBusy, kIdle, kBlocked };

  // `edges` leave this task; they and what `reporter` points to outlive it. `counters` and
  // `samples` are what the operators were given.
  Task(TaskId id, Generation generation, std::unique_ptr<OperatorGraph> graph,
       std::vector<std::unique_ptr<EdgeOutput>> edges, std::vector<TaskInput> inputs,
       int input_ports, std::unique_ptr<std::map<int, InsertCounters>> counters,
       std::unique_ptr<RowSamples> samples, EventTime restored_watermark,
       std::shared_ptr<TaskReporter> reporter, IoPool* io, Clock* clock);
  ~Task();

  // Does a bounded amount of work.
  StepResult Step() ABSL_LOCKS_EXCLUDED(mail_mutex_);

  // Any thread; carried out by the next Step.
  void Post(std::function<absl::Status(Task&)> message) ABSL_LOCKS_EXCLUDED(mail_mutex_);
  // Messages for Post. Slot thread.
  absl::Status Start();
  absl::Status Trigger(const Barrier& barrier);
  absl::Status Published(CheckpointId id);
  absl::Status AddPartitions(const std::vector<PartitionPosition>& positions);

  // I/O pool, once, before the task is given to a slot.
  absl::Status Open(const TaskRestore& restore) { return graph_->Open(restore); }

  // Before the task is given to a slot: who answers on input channel `input`; what wakes the slot.
  void SetEcho(int input, std::function<void(EventTime)> echo) {
    inputs_[input].echo = std::move(echo);
  }
  void SetWake(std::function<void()> wake);

  // Any thread.
  TaskStats stats() const ABSL_LOCKS_EXCLUDED(stats_mutex_);
  TaskId id() const { return id_; }
  // While true the task does nothing but take messages: a test's stopped owner.
  void SetPaused(bool paused) { paused_.store(paused, std::memory_order_relaxed); }

 private:
  absl::StatusOr<StepResult> StepOrFail();
  absl::Status TakeMail();
  absl::StatusOr<StepResult> PollSource();
  absl::StatusOr<StepResult> ReadInputs();
  absl::StatusOr<StepResult> ContinueWatermark();
  absl::Status Handle(int channel, Element element);
  absl::Status AnnounceTime(int port, const ChannelWatermarks::Change& change);
  absl::Status CaptureAt(const Barrier& barrier);
  EventTime OwnWatermark() const;
  void AccountTime(int64_t began_us, StepResult result);
  void PublishStats() ABSL_LOCKS_EXCLUDED(stats_mutex_);

  const TaskId id_;
  const Generation generation_;
  // `counters_`, `samples_` and `edges_` are used by the operators in `graph_`, which goes first.
  std::unique_ptr<std::map<int, InsertCounters>> counters_;
  std::unique_ptr<RowSamples> samples_;
  std::vector<std::unique_ptr<EdgeOutput>> edges_;
  std::unique_ptr<OperatorGraph> graph_;
  std::vector<TaskInput> inputs_;
  std::vector<int> channel_in_port_;  // number of input i among those of its port
  std::vector<ChannelWatermarks> port_time_;
  std::vector<EventTime> port_watermark_;
  const EventTime restored_watermark_;
  Aligner aligner_;
  const std::shared_ptr<TaskReporter> reporter_;  // shared: captured work outlives the task
  Strand strand_;                                 // makes captures durable, in order
  Clock* const clock_;

  bool started_ = false;
  bool failed_ = false;
  bool source_finished_ = false;
  size_t next_input_ = 0;
  // Of the element whose watermark still has rows to come: announced behind them.
  struct PortStatus {
    int port;
    ChannelStatus status;
  };
  std::optional<PortStatus> status_behind_;
  int64_t rows_received_ = 0;
  int64_t step_ended_us_ = 0;
  StepResult last_result_ = StepResult::kIdle;
  int64_t last_stats_us_ = 0;
  int64_t busy_us_ = 0, idle_us_ = 0, blocked_us_ = 0;
  std::atomic<bool> paused_{false};

  absl::Mutex mail_mutex_;
  std::vector<std::function<absl::Status(Task&)>> mail_ ABSL_GUARDED_BY(mail_mutex_);
  std::atomic<bool> has_mail_{false};

  mutable absl::Mutex stats_mutex_;
  TaskStats stats_ ABSL_GUARDED_BY(stats_mutex_);
};

}  // namespace weir

#endif  // WEIR_WORKER_TASK_H_
