#include "coordinator/control_rpc.h"

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/short_text.h"
#include "base/status_macros.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/service_type.h"
#include "model/wire.h"
#include "weir/v1/control.grpc.pb.h"

namespace weir {
namespace {

// ---- What a worker says

InsertCounters ReadCounters(const v1::InsertCounters& in) {
  InsertCounters counters;
  counters.read = in.read();
  counters.used = in.used();
  counters.late = in.late();
  counters.filtered = in.filtered();
  for (const auto& [reason, rows] : in.bad()) counters.bad[reason] = rows;
  return counters;
}

// A worker of another version may know more.
ChannelStatus ReadStatus(int32_t status) {
  if (status == static_cast<int32_t>(ChannelStatus::kIdle)) return ChannelStatus::kIdle;
  if (status == static_cast<int32_t>(ChannelStatus::kFinished)) return ChannelStatus::kFinished;
  return ChannelStatus::kActive;
}

std::vector<RowSample> ReadSamples(const v1::TaskStats& in) {
  std::vector<RowSample> samples;
  for (const v1::SampledRow& sample : in.samples()) {
    if (samples.size() == 2 * kSamplesKept) break;
    samples.push_back({ShortText(sample.reason(), kSampleTextMax),
                       ShortText(sample.message(), kSampleTextMax),
                       ShortText(sample.payload(), kSampleTextMax), sample.partition(),
                       sample.offset(), sample.at_ms()});
  }
  return samples;
}

TaskLive ReadTask(const v1::TaskStats& in) {
  TaskLive task;
  task.task = {in.vertex(), in.index()};
  for (const auto& [insert, counters] : in.counters()) {
    task.counters[insert] = ReadCounters(counters);
  }
  task.watermark = EventTime{in.watermark_us()};
  task.lag_records = in.lag_records();
  task.state_bytes = in.state_bytes();
  task.state_keys = in.state_keys();
  task.source_records = in.source_records();
  task.source_bytes = in.source_bytes();
  task.busy_us = in.busy_us();
  task.idle_us = in.idle_us();
  task.blocked_us = in.blocked_us();
  task.queued_bytes = in.queued_bytes();
  task.rows_sent = in.rows_sent();
  task.rows_received = in.rows_received();
  for (const v1::PartitionStats& partition : in.partitions()) {
    task.partitions.push_back({partition.partition(), partition.next_offset(),
                               partition.end_offset(), partition.lag_records(),
                               EventTime{partition.watermark_us()},
                               ReadStatus(partition.status())});
  }
  task.samples = ReadSamples(in);
  task.waiting_for = {in.waiting_for().begin(), in.waiting_for().end()};
  return task;
}

WorkerHeartbeat ReadHeartbeat(const v1::Heartbeat& in) {
  WorkerHeartbeat heartbeat;
  heartbeat.memory_used_bytes = in.memory_used_bytes();
  heartbeat.wall_us = in.wall_us();
  heartbeat.host = {in.host().open_files_max(), in.host().disk_bytes(), in.host().disk_free_bytes(),
                    in.host().memory_limit_bytes(), in.host().certificate_expires_s()};
  for (const v1::JobStats& stats : in.jobs()) {
    JobLive job{stats.job(), Generation(stats.generation()), {}};
    for (const v1::TaskStats& task : stats.tasks()) job.tasks.push_back(ReadTask(task));
    heartbeat.jobs.push_back(std::move(job));
  }
  return heartbeat;
}

SourceDescribedEvent ReadDescribed(const v1::SourceDescribed& in) {
  SourceDescribedEvent event;
  event.request = in.request();
  if (!in.error().empty()) {
    event.status =
        in.not_found() ? absl::NotFoundError(in.error()) : absl::UnavailableError(in.error());
  }
  for (const v1::PartitionOffsets& partition : in.partitions()) {
    event.partitions.push_back(
        {partition.partition(), partition.start_offset(), partition.stop_offset()});
  }
  return event;
}

absl::StatusOr<FromWorker> Read(const v1::WorkerMessage& in) {
  switch (in.body_case()) {
    case v1::WorkerMessage::kRegister: {
      const v1::Register& r = in.register_();
      return WorkerRegistration{r.address(), r.slots(),    r.memory_bytes(),
                                r.version(), r.instance(), r.draining()};
    }
    case v1::WorkerMessage::kHeartbeat:
      return ReadHeartbeat(in.heartbeat());
    case v1::WorkerMessage::kDeployed: {
      const v1::Deployed& d = in.deployed();
      return JobReport{d.job(), DeployedEvent{Generation(d.generation()), "", d.error(),
                                              d.damaged_state(), d.may_pass()}};
    }
    case v1::WorkerMessage::kCaptured: {
      const v1::Captured& c = in.captured();
      return JobReport{c.job(), CapturedEvent{Generation(c.generation()),
                                              CheckpointId(c.checkpoint_id()),
                                              {c.vertex(), c.index()}}};
    }
    case v1::WorkerMessage::kDurable: {
      const v1::Durable& d = in.durable();
      WEIR_ASSIGN_OR_RETURN(TaskSnapshot snapshot, FromProto(d.snapshot()));
      return JobReport{d.job(), DurableEvent{Generation(d.generation()),
                                             CheckpointId(d.checkpoint_id()), std::move(snapshot)}};
    }
    case v1::WorkerMessage::kTaskFailed: {
      const v1::TaskFailed& f = in.task_failed();
      return JobReport{f.job(), TaskFailedEvent{Generation(f.generation()),
                                                {f.vertex(), f.index()},
                                                ShortText(f.error(), kErrorTextMax),
                                                f.fatal(),
                                                f.peer_lost(),
                                                f.may_pass()}};
    }
    case v1::WorkerMessage::kSourceDescribed:
      return ReadDescribed(in.source_described());
    case v1::WorkerMessage::kSourcesFinished: {
      const v1::SourcesFinished& f = in.sources_finished();
      return JobReport{f.job(),
                       SourcesFinishedEvent{Generation(f.generation()), {f.vertex(), f.index()}}};
    }
    case v1::WorkerMessage::kDrain:
      return DrainRequest();
    case v1::WorkerMessage::kCancelled:
      return JobReport{in.cancelled().job(), TickEvent()};
    case v1::WorkerMessage::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message of a kind that this coordinator doesn't know");
}

// ---- What it is told

struct WriteMessage {
  const JobId& job;
  v1::CoordinatorMessage* out;

  void operator()(const WelcomeMessage& m) const {
    out->mutable_welcome()->set_worker_id(m.worker_id);
    out->mutable_welcome()->set_data_uri(m.data_uri);
    out->mutable_welcome()->set_heartbeat_ms(m.heartbeat_ms);
  }
  void operator()(const RefusedMessage& m) const { out->set_refused(m.why); }
  void operator()(const DrainMessage&) const { out->mutable_drain(); }
  void operator()(const DrainedMessage&) const { out->mutable_drained(); }
  void operator()(const NotLeaderMessage& m) const {
    out->mutable_not_leader()->set_leader(m.leader);
  }
  void operator()(const DeployMessage& m) const {
    v1::Deploy* deploy = out->mutable_deploy();
    deploy->set_job(job);
    deploy->set_generation(m.deploy->generation.value);
    ToProto(*m.plan, deploy->mutable_plan());
    deploy->set_parallelism(m.deploy->parallelism);
    deploy->set_epoch(m.deploy->epoch.value);
    for (const TaskDeployment& task : m.deploy->tasks) {
      v1::TaskPlacement* placement = deploy->add_tasks();
      placement->set_vertex(task.task.vertex);
      placement->set_index(task.task.index);
      placement->set_worker_address(task.slot.address);
      placement->set_slot(task.slot.slot);
      if (task.slot.worker_id == m.worker_id) {
        ToProto(task.restore, placement->mutable_restore());
      }
    }
  }
  void operator()(const StartAction& m) const {
    out->mutable_start()->set_job(job);
    out->mutable_start()->set_generation(m.generation.value);
  }
  void operator()(const TriggerAction& m) const {
    v1::TriggerCheckpoint* trigger = out->mutable_trigger();
    trigger->set_job(job);
    trigger->set_generation(m.generation.value);
    trigger->set_checkpoint_id(m.checkpoint.value);
    trigger->set_last(m.last);
  }
  void operator()(const NotifyPublishedAction& m) const {
    v1::Published* published = out->mutable_published();
    published->set_job(job);
    published->set_generation(m.generation.value);
    published->set_checkpoint_id(m.checkpoint.value);
    published->set_epoch(m.epoch.value);
  }
  void operator()(const CancelTasksAction& m) const {
    out->mutable_cancel()->set_job(job);
    out->mutable_cancel()->set_generation(m.generation.value);
    out->mutable_cancel()->set_reason(m.reason);
  }
  void operator()(const AddPartitionsAction& m) const {
    v1::AddPartitions* add = out->mutable_add_partitions();
    add->set_job(job);
    add->set_generation(m.generation.value);
    add->set_vertex(m.task.vertex);
    add->set_index(m.task.index);
    TaskRestore positions;
    positions.positions = m.positions;
    v1::TaskRestore wire;
    ToProto(positions, &wire);
    add->mutable_positions()->Swap(wire.mutable_positions());
  }
  void operator()(const DescribeSourceAction& m) const {
    v1::DescribeSource* describe = out->mutable_describe_source();
    describe->set_request(m.request);
    ToProto(m.kafka, describe->mutable_kafka());
    describe->set_resolve_offsets(m.resolve_offsets);
  }
};

// ---- The stream

class SessionReactor;

// Outlives the stream: whoever still holds it then sends into nothing.
class Session : public WorkerSession {
 public:
  explicit Session(SessionReactor* reactor) : reactor_(reactor) {}
  void Send(const ToWorker& message) override;
  void Close() override;

 private:
  friend class SessionReactor;
  // Starts the next write, or finishes; with mutex_ held.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  SessionReactor* reactor_ ABSL_GUARDED_BY(mutex_);  // nullptr once the stream is gone
  std::deque<v1::CoordinatorMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

class SessionReactor : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  explicit SessionReactor(WorkerListener* listener)
      : listener_(listener), session_(std::make_shared<Session>(this)) {
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    absl::StatusOr<FromWorker> message = Read(incoming_);
    if (!message.ok()) {
      WEIR_LOG(kWarning, "a worker's message can't be read", {"error", message.status().message()});
      return End(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                              std::string(message.status().message())));
    }
    listener_->OnMessage(session_, *std::move(message));
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&session_->mutex_);
    session_->writing_ = false;
    session_->outgoing_.pop_front();
    if (!ok) return session_->Finish(grpc::Status::OK);
    session_->Advance();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    {
      absl::MutexLock lock(&session_->mutex_);
      session_->reactor_ = nullptr;
    }
    listener_->OnClosed(session_);
    delete this;
  }

 private:
  void End(const grpc::Status& status) {
    absl::MutexLock lock(&session_->mutex_);
    session_->Finish(status);
  }

  WorkerListener* const listener_;
  const std::shared_ptr<Session> session_;  // shared with the registry
  v1::WorkerMessage incoming_;
};

void Session::Send(const ToWorker& message) {
  v1::CoordinatorMessage wire;
  std::visit(WriteMessage{message.job, &wire}, message.body);
  absl::MutexLock lock(&mutex_);
  if (reactor_ == nullptr || finished_ || closing_) return;
  outgoing_.push_back(std::move(wire));
  Advance();
}

void Session::Close() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  if (reactor_ != nullptr) Advance();
}

void Session::Advance() {
  if (writing_ || finished_) return;
  if (!outgoing_.empty()) {
    writing_ = true;
    reactor_->StartWrite(&outgoing_.front());
  } else if (closing_) {
    Finish(grpc::Status::OK);
  }
}

void Session::Finish(const grpc::Status& status) {
  if (finished_ || reactor_ == nullptr) return;
  finished_ = true;
  reactor_->Finish(status);
}

// Ends a session before it begins.
class RefusingReactor : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  explicit RefusingReactor(const absl::Status& why) {
    Finish(grpc::Status(static_cast<grpc::StatusCode>(why.code()), std::string(why.message())));
  }
  void OnDone() override { delete this; }
};

class ControlServiceImpl : public v1::ControlService::CallbackService {
 public:
  ControlServiceImpl(WorkerListener* listener, SharedTransport transport)
      : listener_(listener), transport_(std::move(transport)) {}
  grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* Session(
      grpc::CallbackServerContext* context) override {
    const absl::Status admitted = transport_->CheckPeer(*context, Identity::kWorker);
    if (!admitted.ok()) return new RefusingReactor(admitted);
    return new SessionReactor(listener_);
  }

 private:
  WorkerListener* const listener_;
  const SharedTransport transport_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeControlService(WorkerListener* listener,
                                                  SharedTransport transport) {
  return std::make_unique<ControlServiceImpl>(listener, std::move(transport));
}

}  // namespace weir
