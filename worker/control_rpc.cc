#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/short_text.h"
#include "base/status_macros.h"
#include "grpcpp/grpcpp.h"
#include "model/wire.h"
#include "weir/v1/control.grpc.pb.h"
#include "worker/control.h"
#include "worker/exchange.h"

namespace weir {
namespace {

constexpr size_t kOutgoingMax = 10'000;
// Plans and manifests travel here.
constexpr int kMessageBytesMax = 64 << 20;
// Between tries. Short, also after long: a new leader is waited for with the jobs at a standstill.
constexpr absl::Duration kBackoffMin = absl::Milliseconds(50);
constexpr absl::Duration kBackoffMax = absl::Milliseconds(500);
constexpr std::chrono::milliseconds kConnectMax{1000};
constexpr int64_t kWarningUs = 5'000'000;  // between two

void FillStats(const TaskStats& stats, v1::TaskStats* out) {
  out->set_vertex(stats.task.vertex);
  out->set_index(stats.task.index);
  for (const auto& [insert, counters] : stats.counters) {
    v1::InsertCounters& to = (*out->mutable_counters())[insert];
    to.set_read(counters.read);
    to.set_used(counters.used);
    to.set_late(counters.late);
    to.set_filtered(counters.filtered);
    for (const auto& [reason, count] : counters.bad) (*to.mutable_bad())[reason] = count;
  }
  out->set_watermark_us(stats.watermark.micros);
  out->set_lag_records(stats.source.lag_records);
  out->set_busy_us(stats.busy_us);
  out->set_idle_us(stats.idle_us);
  out->set_blocked_us(stats.blocked_us);
  out->set_state_bytes(stats.state.bytes);
  out->set_state_keys(stats.state.keys);
  out->set_source_records(stats.source.records);
  out->set_source_bytes(stats.source.bytes);
  out->set_idle(stats.idle);
  if (!stats.source.waiting_for.empty()) out->add_waiting_for(stats.source.waiting_for);
  out->set_queued_bytes(stats.queued_bytes);
  out->set_rows_sent(stats.rows_sent);
  out->set_rows_received(stats.rows_received);
  for (const auto& [number, partition] : stats.source.partitions) {
    v1::PartitionStats* to = out->add_partitions();
    to->set_partition(number);
    to->set_next_offset(partition.next_offset);
    to->set_end_offset(partition.end_offset);
    to->set_lag_records(stats.source.lag_by_partition.at(number));
    to->set_watermark_us(partition.watermark.micros);
    to->set_status(static_cast<int>(partition.status));
  }
  for (const RowSample& sample : stats.samples) {
    v1::SampledRow* to = out->add_samples();
    to->set_reason(sample.reason);
    to->set_message(sample.message);
    to->set_payload(sample.payload);
    to->set_partition(sample.partition);
    to->set_offset(sample.offset);
    to->set_at_ms(sample.at_ms);
  }
}

class CoordinatorLinkImpl : public CoordinatorLink {
 public:
  CoordinatorLinkImpl(std::vector<std::string> coordinators, Registration registration,
                      int64_t first_session_timeout_ms, SharedTransport transport, Clock* clock,
                      ControlHandler* handler)
      : coordinators_(std::move(coordinators)),
        registration_(std::move(registration)),
        first_session_timeout_us_(first_session_timeout_ms * 1000),
        transport_(std::move(transport)),
        clock_(clock),
        handler_(handler),
        thread_([this] {
          SetThreadName("control");
          Run();
        }) {}

  ~CoordinatorLinkImpl() override {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }

  void Deployed(const JobId& job, Generation generation, const absl::Status& result) override {
    v1::WorkerMessage message;
    message.mutable_deployed()->set_job(job);
    message.mutable_deployed()->set_generation(generation.value);
    if (!result.ok()) message.mutable_deployed()->set_error(std::string(result.message()));
    message.mutable_deployed()->set_damaged_state(absl::IsDataLoss(result));
    message.mutable_deployed()->set_may_pass(MayPass(result));
    Send(std::move(message));
  }

  void Captured(const JobId& job, Generation generation, CheckpointId id, TaskId task) override {
    v1::WorkerMessage message;
    v1::Captured* captured = message.mutable_captured();
    captured->set_job(job);
    captured->set_generation(generation.value);
    captured->set_checkpoint_id(id.value);
    captured->set_vertex(task.vertex);
    captured->set_index(task.index);
    Send(std::move(message));
  }

  void Durable(const JobId& job, Generation generation, CheckpointId id,
               const TaskSnapshot& snapshot) override {
    v1::WorkerMessage message;
    v1::Durable* durable = message.mutable_durable();
    durable->set_job(job);
    durable->set_generation(generation.value);
    durable->set_checkpoint_id(id.value);
    ToProto(snapshot, durable->mutable_snapshot());
    Send(std::move(message));
  }

  void TaskFailed(const JobId& job, Generation generation, TaskId task, const absl::Status& why,
                  bool fatal) override {
    v1::WorkerMessage message;
    v1::TaskFailed* failed = message.mutable_task_failed();
    failed->set_job(job);
    failed->set_generation(generation.value);
    failed->set_vertex(task.vertex);
    failed->set_index(task.index);
    failed->set_error(ShortText(why.message(), kErrorTextMax));
    failed->set_fatal(fatal);
    failed->set_peer_lost(IsPeerLost(why));
    failed->set_may_pass(MayPass(why));
    Send(std::move(message));
  }

  void SourcesFinished(const JobId& job, Generation generation, TaskId task) override {
    v1::WorkerMessage message;
    v1::SourcesFinished* finished = message.mutable_sources_finished();
    finished->set_job(job);
    finished->set_generation(generation.value);
    finished->set_vertex(task.vertex);
    finished->set_index(task.index);
    Send(std::move(message));
  }

  void Cancelled(const JobId& job, Generation generation) override {
    v1::WorkerMessage message;
    message.mutable_cancelled()->set_job(job);
    message.mutable_cancelled()->set_generation(generation.value);
    Send(std::move(message));
  }

  void SourceDescribed(int64_t request, const absl::StatusOr<SourceDescription>& result) override {
    v1::WorkerMessage message;
    v1::SourceDescribed* described = message.mutable_source_described();
    described->set_request(request);
    if (!result.ok()) {
      described->set_error(std::string(result.status().message()));
      described->set_not_found(absl::IsNotFound(result.status()));
    } else {
      for (const SourceDescription::Partition& partition : result->partitions) {
        v1::PartitionOffsets* to = described->add_partitions();
        to->set_partition(partition.partition);
        to->set_start_offset(partition.start_offset);
        to->set_stop_offset(partition.stop_offset);
      }
    }
    Send(std::move(message));
  }

  void Heartbeat(const std::vector<JobStats>& jobs, int64_t memory_used_bytes, int64_t wall_us,
                 const HostFacts& host) override {
    if (!connected()) return;
    v1::WorkerMessage message;
    v1::Heartbeat* heartbeat = message.mutable_heartbeat();
    heartbeat->set_memory_used_bytes(memory_used_bytes);
    heartbeat->set_wall_us(wall_us);
    v1::Host* to_host = heartbeat->mutable_host();
    to_host->set_open_files_max(host.open_files_max);
    to_host->set_disk_bytes(host.disk_bytes);
    to_host->set_disk_free_bytes(host.disk_free_bytes);
    to_host->set_memory_limit_bytes(host.memory_limit_bytes);
    to_host->set_certificate_expires_s(host.certificate_expires_s);
    for (const JobStats& job : jobs) {
      v1::JobStats* to = heartbeat->add_jobs();
      to->set_job(job.job);
      to->set_generation(job.generation.value);
      for (const TaskStats& task : job.tasks) FillStats(task, to->add_tasks());
    }
    Send(std::move(message));
  }

  void Drain() override {
    if (draining_.exchange(true)) return;
    v1::WorkerMessage message;
    message.mutable_drain();
    Send(std::move(message));
  }

  bool connected() const override { return connected_.load(std::memory_order_relaxed); }

 private:
  using Stream = grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>;

  void Send(v1::WorkerMessage message) {
    absl::MutexLock lock(&mutex_);
    if (outgoing_.size() >= kOutgoingMax) outgoing_.pop_front();
    outgoing_.push_back(std::move(message));
  }

  bool ending() {
    absl::MutexLock lock(&mutex_);
    return ending_;
  }

  // Sessions one after another, with a back-off when no coordinator of the list took this worker.
  void Run() {
    const int64_t began_us = clock_->MonotonicMicros();
    absl::Duration backoff = kBackoffMin;
    std::optional<int64_t> warned_us;
    bool ever_connected = false;
    size_t turn = 0;
    while (!ending()) {
      // A coordinator that stands by says who leads; that one may be in nobody's list.
      const bool told = !leader_.empty();
      const std::string address =
          told ? std::exchange(leader_, "") : coordinators_[turn++ % coordinators_.size()];
      const absl::Status ended = RunSession(address);
      if (had_session_) {
        ever_connected = true;
        backoff = kBackoffMin;
        turn = 0;
      }
      if (absl::IsFailedPrecondition(ended)) return handler_->OnGivenUp(ended);
      const int64_t now_us = clock_->MonotonicMicros();
      if (!ever_connected && now_us - began_us > first_session_timeout_us_) {
        return handler_->OnGivenUp(absl::UnavailableError(absl::StrCat(
            "no coordinator leads at ", absl::StrJoin(coordinators_, ", "),
            "; start one with `weir coordinator`, or name another with --coordinator")));
      }
      if (ending()) return;
      if (!warned_us || now_us - *warned_us > kWarningUs) {
        warned_us = now_us;
        WEIR_LOG(kWarning, "no session with the coordinator, trying again",
                 {"coordinator", address}, {"why", ended.message()});
      }
      if (!leader_.empty() && !told) continue;  // at once; what a leader says of another, not
      if (turn % coordinators_.size() != 0) continue;  // the others first
      absl::MutexLock lock(&mutex_);
      auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ending_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), backoff);
      backoff = std::min(backoff * 2, kBackoffMax);
    }
  }

  // Whether a connection stands. Says no as soon as one is refused, where the library would try
  // again until the time is over.
  static bool Connect(grpc::Channel& channel) {
    const auto deadline = std::chrono::system_clock::now() + kConnectMax;
    grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
    while (state != GRPC_CHANNEL_READY) {
      if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) return false;
      if (!channel.WaitForStateChange(state, deadline)) return false;
      state = channel.GetState(/*try_to_connect=*/true);
    }
    return true;
  }

  absl::Status RunSession(const std::string& address) {
    had_session_ = false;
    WEIR_RETURN_IF_ERROR(transport_->Allows("--coordinator", address));
    grpc::ChannelArguments args;
    args.SetMaxReceiveMessageSize(kMessageBytesMax);
    args.SetMaxSendMessageSize(kMessageBytesMax);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // a cluster is not the web
    // A coordinator whose machine vanished, or that is paused, is left for the next one.
    args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 2'000);
    args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2'000);
    args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    const auto credentials = transport_->ForChannel(Identity::kCoordinator, &args);
    std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(address, credentials, args);
    if (!Connect(*channel)) {
      return absl::UnavailableError(absl::StrCat("can't connect to ", address));
    }
    std::unique_ptr<v1::ControlService::Stub> stub = v1::ControlService::NewStub(channel);
    grpc::ClientContext context;
    {
      absl::MutexLock lock(&mutex_);
      if (ending_) return absl::OkStatus();
      context_ = &context;
    }
    std::unique_ptr<Stream> stream = stub->Session(&context);
    if (Register(*stream)) {
      std::thread writer([&] { WriteMessages(*stream); });
      refused_ = absl::OkStatus();
      v1::CoordinatorMessage message;
      while (stream->Read(&message)) {
        Handle(message);
        if (!refused_.ok()) context.TryCancel();
      }
      {
        absl::MutexLock lock(&mutex_);
        session_over_ = true;
      }
      writer.join();
    }
    connected_.store(false);
    const grpc::Status status = stream->Finish();
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    if (!refused_.ok()) return refused_;
    return absl::UnavailableError(status.ok() ? "the coordinator closed the session"
                                              : status.error_message());
  }

  bool Register(Stream& stream) {
    v1::WorkerMessage message;
    v1::Register* to = message.mutable_register_();
    to->set_address(registration_.address);
    to->set_slots(registration_.slots);
    to->set_memory_bytes(registration_.memory_bytes);
    to->set_version(registration_.version);
    to->set_instance(registration_.instance);
    to->set_draining(draining_.load());
    absl::MutexLock lock(&mutex_);
    session_over_ = false;
    return stream.Write(message);
  }

  void WriteMessages(Stream& stream) {
    SetThreadName("control/write");
    while (true) {
      v1::WorkerMessage message;
      {
        absl::MutexLock lock(&mutex_);
        auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return session_over_ || !outgoing_.empty();
        };
        mutex_.Await(absl::Condition(&due));
        if (session_over_) return;
        message = std::move(outgoing_.front());
        outgoing_.pop_front();
      }
      if (stream.Write(message)) continue;
      absl::MutexLock lock(&mutex_);
      outgoing_.push_front(std::move(message));
      return;
    }
  }

  void Handle(const v1::CoordinatorMessage& message) {
    switch (message.body_case()) {
      case v1::CoordinatorMessage::kWelcome:
        had_session_ = true;
        connected_.store(true);
        handler_->OnWelcome(message.welcome().data_uri());
        break;
      case v1::CoordinatorMessage::kDeploy:
        HandleDeploy(message.deploy());
        break;
      case v1::CoordinatorMessage::kStart:
        handler_->OnStart(message.start().job(), Generation(message.start().generation()));
        break;
      case v1::CoordinatorMessage::kTrigger:
        handler_->OnTrigger(message.trigger().job(), Generation(message.trigger().generation()),
                            CheckpointId(message.trigger().checkpoint_id()),
                            message.trigger().last());
        break;
      case v1::CoordinatorMessage::kPublished:
        handler_->OnPublished(message.published().job(),
                              Generation(message.published().generation()),
                              CheckpointId(message.published().checkpoint_id()));
        break;
      case v1::CoordinatorMessage::kCancel:
        handler_->OnCancel(message.cancel().job(), Generation(message.cancel().generation()),
                           message.cancel().reason());
        break;
      case v1::CoordinatorMessage::kDescribeSource:
        HandleDescribe(message.describe_source());
        break;
      case v1::CoordinatorMessage::kAddPartitions:
        HandleAddPartitions(message.add_partitions());
        break;
      case v1::CoordinatorMessage::kDrain:
        draining_.store(true);
        handler_->OnDrain();
        break;
      case v1::CoordinatorMessage::kDrained:
        handler_->OnDrained();
        break;
      case v1::CoordinatorMessage::kRefused:
        refused_ = absl::FailedPreconditionError(
            absl::StrCat("the coordinator refused this worker: ", message.refused()));
        break;
      case v1::CoordinatorMessage::kNotLeader:
        leader_ = message.not_leader().leader();
        break;
      case v1::CoordinatorMessage::BODY_NOT_SET:
        WEIR_LOG(kWarning, "message of an unknown kind from the coordinator ignored");
        break;
    }
  }

  void HandleDeploy(const v1::Deploy& in) {
    DeploymentSpec spec;
    spec.job = in.job();
    spec.generation = Generation(in.generation());
    spec.epoch = Epoch(in.epoch());
    spec.parallelism = in.parallelism();
    absl::StatusOr<Plan> plan = FromProto(in.plan());
    if (!plan.ok()) return Deployed(spec.job, spec.generation, plan.status());
    spec.plan = *std::move(plan);
    for (const v1::TaskPlacement& task : in.tasks()) {
      DeploymentSpec::Placement placement;
      placement.task = {task.vertex(), task.index()};
      placement.worker_address = task.worker_address();
      placement.slot = task.slot();
      absl::StatusOr<TaskRestore> restore = FromProto(task.restore());
      if (!restore.ok()) return Deployed(spec.job, spec.generation, restore.status());
      placement.restore = *std::move(restore);
      spec.tasks.push_back(std::move(placement));
    }
    handler_->OnDeploy(std::move(spec));
  }

  void HandleDescribe(const v1::DescribeSource& in) {
    absl::StatusOr<KafkaSpec> spec = FromProto(in.kafka());
    if (!spec.ok()) return SourceDescribed(in.request(), spec.status());
    handler_->OnDescribeSource(in.request(), *std::move(spec), in.resolve_offsets());
  }

  void HandleAddPartitions(const v1::AddPartitions& in) {
    // Positions travel inside a TaskRestore everywhere else: borrow its conversion.
    v1::TaskRestore wrapped;
    *wrapped.mutable_positions() = in.positions();
    absl::StatusOr<TaskRestore> restore = FromProto(wrapped);
    const TaskId task{in.vertex(), in.index()};
    if (!restore.ok()) {
      return TaskFailed(in.job(), Generation(in.generation()), task, restore.status(), false);
    }
    handler_->OnAddPartitions(in.job(), Generation(in.generation()), task,
                              std::move(restore->positions));
  }

  const std::vector<std::string> coordinators_;
  const Registration registration_;
  const int64_t first_session_timeout_us_;
  const SharedTransport transport_;
  Clock* const clock_;
  ControlHandler* const handler_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> draining_{false};

  absl::Mutex mutex_;
  std::deque<v1::WorkerMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  bool session_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;

  bool had_session_ = false;  // control thread, as the next three
  std::string leader_;        // told by a coordinator that stands by
  absl::Status refused_;
  std::thread thread_;
};

}  // namespace

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnknown(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status);
}

std::unique_ptr<CoordinatorLink> ConnectToCoordinator(std::vector<std::string> coordinators,
                                                      Registration registration,
                                                      int64_t first_session_timeout_ms,
                                                      SharedTransport transport, Clock* clock,
                                                      ControlHandler* handler) {
  return std::make_unique<CoordinatorLinkImpl>(std::move(coordinators), std::move(registration),
                                               first_session_timeout_ms, std::move(transport),
                                               clock, handler);
}

}  // namespace weir
