#include "worker/task.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr int64_t kStatsIntervalUs = 200'000;

// Runs on the I/O pool: completes what the operators captured.
absl::StatusOr<TaskSnapshot> MakeDurable(TaskSnapshot snapshot,
                                         const std::vector<PendingState>& pending) {
  WEIR_RETURN_IF_ERROR(Failpoint("worker.before_upload"));
  for (const PendingState& state : pending) {
    WEIR_ASSIGN_OR_RETURN(CapturedState captured, state.finish());
    std::move(captured.positions.begin(), captured.positions.end(),
              std::back_inserter(snapshot.positions));
    std::move(captured.states.begin(), captured.states.end(), std::back_inserter(snapshot.states));
    std::move(captured.staged.begin(), captured.staged.end(), std::back_inserter(snapshot.staged));
  }
  WEIR_RETURN_IF_ERROR(Failpoint("worker.after_upload"));
  return snapshot;
}

}  // namespace

Task::Task(TaskId id, Generation generation, std::unique_ptr<OperatorGraph> graph,
           std::vector<std::unique_ptr<EdgeOutput>> edges, std::vector<TaskInput> inputs,
           int input_ports, std::unique_ptr<std::map<int, InsertCounters>> counters,
           std::unique_ptr<RowSamples> samples, EventTime restored_watermark,
           std::shared_ptr<TaskReporter> reporter, IoPool* io, Clock* clock)
    : id_(id),
      generation_(generation),
      counters_(std::move(counters)),
      samples_(std::move(samples)),
      edges_(std::move(edges)),
      graph_(std::move(graph)),
      inputs_(std::move(inputs)),
      port_watermark_(input_ports, kMinEventTime),
      restored_watermark_(restored_watermark),
      aligner_(static_cast<int>(inputs_.size())),
      reporter_(std::move(reporter)),
      strand_(io),
      clock_(clock) {
  std::vector<int> channels(input_ports);
  for (const TaskInput& input : inputs_) channel_in_port_.push_back(channels[input.port]++);
  for (int count : channels) port_time_.emplace_back(count);
  step_ended_us_ = last_stats_us_ = clock_->MonotonicMicros();
  PublishStats();
}

Task::~Task() = default;

void Task::SetWake(std::function<void()> wake) {
  if (graph_->source() != nullptr) graph_->source()->SetWake(std::move(wake));
}

void Task::Post(std::function<absl::Status(Task&)> message) {
  absl::MutexLock lock(&mail_mutex_);
  mail_.push_back(std::move(message));
  has_mail_.store(true, std::memory_order_release);
}

Task::StepResult Task::Step() {
  const int64_t began_us = clock_->MonotonicMicros();
  StepResult result = StepResult::kIdle;
  if (!failed_) {
    absl::StatusOr<StepResult> step = StepOrFail();
    if (step.ok()) {
      result = *step;
    } else {
      failed_ = true;
      reporter_->Failed(id_, step.status());
    }
  }
  AccountTime(began_us, result);
  return result;
}

absl::StatusOr<Task::StepResult> Task::StepOrFail() {
  if (has_mail_.load(std::memory_order_acquire)) WEIR_RETURN_IF_ERROR(TakeMail());
  if (!started_) return StepResult::kIdle;
  if (paused_.load(std::memory_order_relaxed)) return StepResult::kBlocked;
  for (const std::unique_ptr<EdgeOutput>& edge : edges_) {
    if (!edge->CanSend()) return StepResult::kBlocked;
    edge->RefreshEcho();
  }
  if (graph_->Blocked()) return StepResult::kBlocked;
  if (graph_->HasMore()) return ContinueWatermark();
  return graph_->source() != nullptr ? PollSource() : ReadInputs();
}

absl::Status Task::TakeMail() {
  std::vector<std::function<absl::Status(Task&)>> mail;
  {
    absl::MutexLock lock(&mail_mutex_);
    mail.swap(mail_);
    has_mail_.store(false, std::memory_order_release);
  }
  for (const std::function<absl::Status(Task&)>& message : mail) {
    WEIR_RETURN_IF_ERROR(message(*this));
  }
  return absl::OkStatus();
}

absl::StatusOr<Task::StepResult> Task::PollSource() {
  if (source_finished_) return StepResult::kIdle;
  WEIR_ASSIGN_OR_RETURN(const SourceOperator::PollResult polled, graph_->Poll());
  switch (polled) {
    case SourceOperator::PollResult::kBusy:
      return StepResult::kBusy;
    case SourceOperator::PollResult::kIdle:
      return StepResult::kIdle;
    case SourceOperator::PollResult::kFinished:
      source_finished_ = true;
      reporter_->SourcesFinished(id_);
      return StepResult::kBusy;
  }
  return absl::InternalError("unknown poll result");
}

absl::StatusOr<Task::StepResult> Task::ReadInputs() {
  for (size_t tried = 0; tried < inputs_.size(); ++tried) {
    const int channel = static_cast<int>(next_input_);
    next_input_ = (next_input_ + 1) % inputs_.size();
    if (aligner_.IsBlocked(channel) || aligner_.Ended(channel)) continue;
    if (std::optional<Element> element = inputs_[channel].inbox->Pop()) {
      WEIR_RETURN_IF_ERROR(Handle(channel, *std::move(element)));
      return StepResult::kBusy;
    }
  }
  return StepResult::kIdle;
}

absl::StatusOr<Task::StepResult> Task::ContinueWatermark() {
  WEIR_RETURN_IF_ERROR(graph_->Continue());
  if (!graph_->HasMore() && status_behind_) {
    const PortStatus behind = *std::exchange(status_behind_, std::nullopt);
    WEIR_RETURN_IF_ERROR(graph_->OnStatus(behind.port, behind.status));
  }
  return StepResult::kBusy;
}

absl::Status Task::Handle(int channel, Element element) {
  const int port = inputs_[channel].port;
  ChannelWatermarks& time = port_time_[port];
  if (Batch* batch = std::get_if<Batch>(&element)) {
    rows_received_ += batch->num_rows();
    return graph_->Process(port, *batch);
  }
  if (const Watermark* watermark = std::get_if<Watermark>(&element)) {
    if (auto change = time.OnWatermark(channel_in_port_[channel], watermark->time)) {
      return AnnounceTime(port, *change);
    }
    return absl::OkStatus();
  }
  if (const StatusChange* status = std::get_if<StatusChange>(&element)) {
    std::optional<ChannelWatermarks::Change> change =
        time.OnStatus(channel_in_port_[channel], status->status);
    if (change) WEIR_RETURN_IF_ERROR(AnnounceTime(port, *change));
    // The answer comes after the change, so that it is never behind what lateness is judged by.
    if (status->status == ChannelStatus::kActive) inputs_[channel].echo(OwnWatermark());
    return absl::OkStatus();
  }
  if (const Barrier* barrier = std::get_if<Barrier>(&element)) {
    WEIR_ASSIGN_OR_RETURN(std::optional<Barrier> complete, aligner_.OnBarrier(channel, *barrier));
    return complete ? CaptureAt(*complete) : absl::OkStatus();
  }
  std::optional<Barrier> complete = aligner_.OnEnd(channel);
  return complete ? CaptureAt(*complete) : absl::OkStatus();
}

absl::Status Task::AnnounceTime(int port, const ChannelWatermarks::Change& change) {
  if (change.watermark) port_watermark_[port] = *change.watermark;
  auto on_status = [&](ChannelStatus status) {
    if (!graph_->HasMore()) return graph_->OnStatus(port, status);
    status_behind_ = {port, status};
    return absl::OkStatus();
  };
  return change.Announce(on_status,
                         [&](EventTime time) { return graph_->OnWatermark(port, time); });
}

EventTime Task::OwnWatermark() const {
  if (graph_->source() != nullptr) return graph_->source_watermark();
  EventTime lowest = kMaxEventTime;
  for (EventTime time : port_watermark_) lowest = std::min(lowest, time);
  return std::max(lowest, restored_watermark_);
}

absl::Status Task::Start() {
  started_ = true;
  if (graph_->source() == nullptr) return absl::OkStatus();
  // Asks every owner for its watermark before this task may judge which rows can be late.
  for (const std::unique_ptr<EdgeOutput>& edge : edges_) {
    WEIR_RETURN_IF_ERROR(edge->Broadcast(StatusChange{ChannelStatus::kActive}));
  }
  return absl::OkStatus();
}

absl::Status Task::Trigger(const Barrier& barrier) { return CaptureAt(barrier); }

absl::Status Task::CaptureAt(const Barrier& barrier) {
  WEIR_RETURN_IF_ERROR(Failpoint("worker.before_capture"));
  WEIR_RETURN_IF_ERROR(graph_->Drain());
  WEIR_ASSIGN_OR_RETURN(std::vector<PendingState> pending, graph_->Capture(barrier));
  for (const std::unique_ptr<EdgeOutput>& edge : edges_) {
    WEIR_RETURN_IF_ERROR(edge->Broadcast(barrier));
  }
  WEIR_RETURN_IF_ERROR(Failpoint("worker.after_capture"));
  TaskSnapshot snapshot;
  snapshot.task = id_;
  snapshot.counters = *counters_;
  snapshot.watermark = OwnWatermark();
  snapshot.finished = source_finished_;
  reporter_->Captured(id_, barrier.id);
  strand_.Run([reporter = reporter_, id = id_, checkpoint = barrier.id,
               snapshot = std::move(snapshot), pending = std::move(pending)]() mutable {
    absl::StatusOr<TaskSnapshot> durable = MakeDurable(std::move(snapshot), pending);
    if (durable.ok()) {
      reporter->Durable(checkpoint, *std::move(durable));
    } else {
      reporter->Failed(id, durable.status());
    }
  });
  return absl::OkStatus();
}

absl::Status Task::Published(CheckpointId id) {
  graph_->Published(id);
  return absl::OkStatus();
}

absl::Status Task::AddPartitions(const std::vector<PartitionPosition>& positions) {
  WEIR_CHECK(graph_->source() != nullptr, "partitions for a task without a source");
  source_finished_ = false;
  return graph_->source()->AddPartitions(positions);
}

// A step's own time counts by its result, the time between steps by the one before: a task that is
// busy but waits for its slot isn't idle, and isn't busy either; it counts as blocked.
void Task::AccountTime(int64_t began_us, StepResult result) {
  const int64_t now = clock_->MonotonicMicros();
  (last_result_ == StepResult::kIdle ? idle_us_ : blocked_us_) += began_us - step_ended_us_;
  switch (result) {
    case StepResult::kBusy:
      busy_us_ += now - began_us;
      break;
    case StepResult::kIdle:
      idle_us_ += now - began_us;
      break;
    case StepResult::kBlocked:
      blocked_us_ += now - began_us;
      break;
  }
  step_ended_us_ = now;
  last_result_ = result;
  if (now - last_stats_us_ >= kStatsIntervalUs) {
    last_stats_us_ = now;
    PublishStats();
  }
}

void Task::PublishStats() {
  TaskStats stats;
  stats.task = id_;
  stats.counters = *counters_;
  if (graph_->source() != nullptr) {
    stats.has_source = true;
    if (started_) stats.source = graph_->source()->Stats();
    stats.idle = graph_->source_idle();
  }
  stats.watermark = OwnWatermark();
  stats.state = graph_->StateFootprint();
  stats.busy_us = busy_us_;
  stats.idle_us = idle_us_;
  stats.blocked_us = blocked_us_;
  for (const TaskInput& input : inputs_) stats.queued_bytes += input.inbox->bytes();
  for (const std::unique_ptr<EdgeOutput>& edge : edges_) {
    stats.rows_sent += edge->rows_sent();
    stats.remote_bytes += edge->remote_bytes();
  }
  stats.rows_received = rows_received_;
  stats.samples = samples_->All();
  samples_->Renew();
  absl::MutexLock lock(&stats_mutex_);
  stats_ = std::move(stats);
}

TaskStats Task::stats() const {
  absl::MutexLock lock(&stats_mutex_);
  return stats_;
}

}  // namespace weir
