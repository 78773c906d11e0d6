#include "tests/unit/coordinator/fake_worker.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"

namespace weir {

FakeWorker::FakeWorker(const std::string& coordinator, const std::string& address,
                       Behaviour behaviour)
    : address_(address),
      behaviour_(std::move(behaviour)),
      channel_(grpc::CreateChannel(coordinator, grpc::InsecureChannelCredentials())),
      stub_(v1::ControlService::NewStub(channel_)) {
  context_.set_wait_for_ready(true);
  stream_ = stub_->Session(&context_);
  v1::WorkerMessage hello;
  hello.mutable_register_()->set_address(address_);
  hello.mutable_register_()->set_slots(behaviour_.slots);
  hello.mutable_register_()->set_version("test");
  hello.mutable_register_()->set_draining(behaviour_.draining);
  stream_->Write(hello);
  reader_ = std::thread([this] { Run(); });
}

FakeWorker::~FakeWorker() {
  context_.TryCancel();
  reader_.join();
  stream_->Finish();
}

void FakeWorker::Run() {
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) Handle(message);
}

void FakeWorker::Send(const v1::WorkerMessage& message) { stream_->Write(message); }

void FakeWorker::Handle(const v1::CoordinatorMessage& message) {
  absl::MutexLock lock(&mutex_);
  switch (message.body_case()) {
    case v1::CoordinatorMessage::kWelcome:
      registered_ = true;
      return;
    case v1::CoordinatorMessage::kRefused:
      refused_ = message.refused();
      return;
    case v1::CoordinatorMessage::kDeploy:
      return OnDeploy(message.deploy());
    case v1::CoordinatorMessage::kStart:
      started_ = message.start().generation();
      return;
    case v1::CoordinatorMessage::kTrigger:
      return OnTrigger(message.trigger());
    case v1::CoordinatorMessage::kPublished:
      ++published_;
      return;
    case v1::CoordinatorMessage::kCancel:
      cancelled_ = std::max(cancelled_, message.cancel().generation());
      if (message.cancel().generation() >= deployed_) tasks_.clear();
      return;
    case v1::CoordinatorMessage::kDescribeSource:
      return OnDescribe(message.describe_source());
    case v1::CoordinatorMessage::kDrain:
      draining_ = true;
      return;
    case v1::CoordinatorMessage::kDrained:
      drained_ = true;
      return;
    case v1::CoordinatorMessage::kNotLeader:
      leader_ = message.not_leader().leader();
      sent_away_ = true;
      return;
    case v1::CoordinatorMessage::kAddPartitions:
    case v1::CoordinatorMessage::BODY_NOT_SET:
      return;
  }
}

void FakeWorker::OnDeploy(const v1::Deploy& deploy) {
  if (!behaviour_.deploys) return;
  job_ = deploy.job();
  deployed_ = deploy.generation();
  tasks_.clear();
  restored_.clear();
  for (const v1::TaskPlacement& placement : deploy.tasks()) {
    if (placement.worker_address() != address_) continue;
    Task task;
    task.vertex = placement.vertex();
    task.index = placement.index();
    for (const v1::PartitionPosition& position : placement.restore().positions()) {
      task.positions.push_back(position);
      restored_[position.partition()] = position.next_offset();
    }
    tasks_.push_back(task);
  }
  v1::WorkerMessage ready;
  ready.mutable_deployed()->set_job(job_);
  ready.mutable_deployed()->set_generation(deployed_);
  Send(ready);
}

void FakeWorker::OnTrigger(const v1::TriggerCheckpoint& trigger) {
  static std::atomic<int> files{0};
  for (Task& task : tasks_) {
    v1::WorkerMessage captured;
    captured.mutable_captured()->set_job(job_);
    captured.mutable_captured()->set_generation(deployed_);
    captured.mutable_captured()->set_checkpoint_id(trigger.checkpoint_id());
    captured.mutable_captured()->set_vertex(task.vertex);
    captured.mutable_captured()->set_index(task.index);
    Send(captured);
    v1::WorkerMessage message;
    v1::Durable* durable = message.mutable_durable();
    durable->set_job(job_);
    durable->set_generation(deployed_);
    durable->set_checkpoint_id(trigger.checkpoint_id());
    v1::TaskSnapshot* snapshot = durable->mutable_snapshot();
    snapshot->set_vertex(task.vertex);
    snapshot->set_index(task.index);
    for (v1::PartitionPosition& position : task.positions) {
      position.set_next_offset(position.next_offset() + 1);
      ++task.rows;
      *snapshot->add_positions() = position;
    }
    if (!task.positions.empty()) {
      v1::InsertCounters& counters = (*snapshot->mutable_counters())[0];
      counters.set_read(task.rows);
      counters.set_used(task.rows);
      if (behaviour_.stages_files) {
        v1::StagedFile* file = snapshot->add_staged();
        file->set_sink("activity");
        file->set_path(absl::StrCat("file-", ++files, ".parquet"));
        file->set_rows(static_cast<int64_t>(task.positions.size()));
      }
    }
    Send(message);
  }
}

void FakeWorker::OnDescribe(const v1::DescribeSource& describe) {
  v1::WorkerMessage message;
  v1::SourceDescribed* described = message.mutable_source_described();
  described->set_request(describe.request());
  described->set_error(behaviour_.source_error);
  described->set_not_found(behaviour_.source_missing);
  for (int p = 0; behaviour_.source_error.empty() && p < behaviour_.partitions; ++p) {
    v1::PartitionOffsets* partition = described->add_partitions();
    partition->set_partition(p);
    partition->set_stop_offset(-1);
  }
  Send(message);
}

void FakeWorker::Fail(const std::string& error, bool fatal) {
  absl::MutexLock lock(&mutex_);
  v1::WorkerMessage message;
  v1::TaskFailed* failed = message.mutable_task_failed();
  failed->set_job(job_);
  failed->set_generation(deployed_);
  failed->set_error(error);
  failed->set_fatal(fatal);
  Send(message);
}

void FakeWorker::FinishSources() {
  absl::MutexLock lock(&mutex_);
  for (const Task& task : tasks_) {
    v1::WorkerMessage message;
    message.mutable_sources_finished()->set_job(job_);
    message.mutable_sources_finished()->set_generation(deployed_);
    message.mutable_sources_finished()->set_vertex(task.vertex);
    message.mutable_sources_finished()->set_index(task.index);
    Send(message);
  }
}

void FakeWorker::Heartbeat(const std::string& job, int64_t generation) {
  absl::MutexLock lock(&mutex_);
  v1::WorkerMessage message;
  message.mutable_heartbeat();
  if (!job.empty()) {
    v1::JobStats* stats = message.mutable_heartbeat()->add_jobs();
    stats->set_job(job);
    stats->set_generation(generation);
  }
  Send(message);
}

void FakeWorker::Drain() {
  absl::MutexLock lock(&mutex_);
  v1::WorkerMessage message;
  message.mutable_drain();
  Send(message);
}

bool FakeWorker::drained() {
  absl::MutexLock lock(&mutex_);
  return drained_;
}

bool FakeWorker::told_to_drain() {
  absl::MutexLock lock(&mutex_);
  return draining_;
}

bool FakeWorker::registered() {
  absl::MutexLock lock(&mutex_);
  return registered_;
}
bool FakeWorker::sent_away() {
  absl::MutexLock lock(&mutex_);
  return sent_away_;
}

std::string FakeWorker::leader() {
  absl::MutexLock lock(&mutex_);
  return leader_;
}

std::string FakeWorker::refused() {
  absl::MutexLock lock(&mutex_);
  return refused_;
}
int64_t FakeWorker::deployed_generation() {
  absl::MutexLock lock(&mutex_);
  return deployed_;
}
int64_t FakeWorker::started_generation() {
  absl::MutexLock lock(&mutex_);
  return started_;
}
int64_t FakeWorker::cancelled_generation() {
  absl::MutexLock lock(&mutex_);
  return cancelled_;
}
int FakeWorker::published() {
  absl::MutexLock lock(&mutex_);
  return published_;
}
int FakeWorker::tasks() {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(tasks_.size());
}
std::map<int32_t, int64_t> FakeWorker::restored_offsets() {
  absl::MutexLock lock(&mutex_);
  return restored_;
}

bool Await(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (absl::Now() < deadline) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(5));  // between looks, not instead of them
  }
  return false;
}

}  // namespace weir
