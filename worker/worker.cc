#include "worker/worker.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/allocator.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mutant.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "operators/bad_rows.h"
#include "operators/source/kafka_reader.h"
#include "operators/worker_memory.h"
#include "worker/control.h"
#include "worker/deployment.h"
#include "worker/exchange.h"
#include "worker/job_files.h"
#include "worker/worker_metrics.h"

namespace weir {
namespace {

constexpr absl::Duration kHeartbeat = absl::Milliseconds(500);
constexpr int64_t kHostFactsUs = 30'000'000;
constexpr int kDescribeTimeoutMs = 4000;
constexpr int kIoThreads = 4;
// Local files of a job that has left this worker are kept so long: it may come back.
constexpr absl::Duration kJobFilesKept = absl::Hours(1);
// A generation waits that long for the memory of the one before it.
constexpr int64_t kReleaseUsMax = 20'000'000;
// Of --memory in residence.
constexpr int kReturnAtPercent = 85;

// Passes what the tasks of one generation say on to the coordinator.
class DeploymentReporter : public TaskReporter {
 public:
  DeploymentReporter(JobId job, Generation generation) : job_(std::move(job)), gen_(generation) {}

  void Captured(TaskId task, CheckpointId id) override {
    absl::MutexLock lock(&mutex_);
    if (link_ != nullptr) link_->Captured(job_, gen_, id, task);
  }
  void Durable(CheckpointId id, TaskSnapshot snapshot) override {
    absl::MutexLock lock(&mutex_);
    if (link_ != nullptr) link_->Durable(job_, gen_, id, snapshot);
  }
  void Failed(TaskId task, const absl::Status& status) override {
    WEIR_LOG(kError, "task failed", {"job", job_}, {"generation", gen_.value},
             {"vertex", task.vertex}, {"task", task.index}, {"why", status.message()});
    absl::MutexLock lock(&mutex_);
    if (link_ != nullptr) link_->TaskFailed(job_, gen_, task, status, IsFatal(status));
  }
  void SourcesFinished(TaskId task) override {
    absl::MutexLock lock(&mutex_);
    if (link_ != nullptr) link_->SourcesFinished(job_, gen_, task);
  }

  void SetLink(CoordinatorLink* link) {
    absl::MutexLock lock(&mutex_);
    link_ = link;
  }

 private:
  const JobId job_;
  const Generation gen_;
  absl::Mutex mutex_;
  CoordinatorLink* link_ ABSL_GUARDED_BY(mutex_) = nullptr;  // null once the worker ends
};

class WorkerImpl : public Worker, public ControlHandler {
 public:
  WorkerImpl(WorkerOptions options, const MemoryPlan& plan, Clock* clock, Random* random,
             Metrics* metrics)
      : options_(std::move(options)),
        clock_(clock),
        random_(random),
        memory_(plan),
        metrics_(metrics, clock, options_.version, &memory_),
        readers_(MakeKafkaReaderFactory(
            {.dev_brokers = options_.dev_brokers, .memory = &memory_.source}, clock_)),
        io_(MakeIoPool("io", kIoThreads)),
        describe_io_(MakeIoPool("describe", 2)) {}

  absl::Status Start() {
    WEIR_RETURN_IF_ERROR(PrepareCache());
    exchange_ = MakeExchange(&memory_.exchange, options_.transport);
    WEIR_RETURN_IF_ERROR(Listen());
    for (int i = 0; i < options_.slots; ++i) slots_.push_back(std::make_unique<Slot>(i));
    Registration registration{address_, options_.slots, options_.memory_bytes, options_.version,
                              RandomHex(*random_, 16)};
    absl::MutexLock lock(&mutex_);
    link_ =
        ConnectToCoordinator(options_.coordinators, std::move(registration),
                             options_.first_session_timeout_ms, options_.transport, clock_, this);
    heartbeat_ = std::thread([this] { SendHeartbeats(); });
    return absl::OkStatus();
  }

  ~WorkerImpl() override {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    if (heartbeat_.joinable()) heartbeat_.join();
    std::unique_ptr<CoordinatorLink> link;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [job, entry] : deployments_) entry.reporter->SetLink(nullptr);
      link = std::move(link_);
    }
    link.reset();  // no call from the control thread from here on
    if (exchange_ != nullptr) exchange_->Shutdown();
    StopAllDeployments();
    describe_io_.reset();
    io_.reset();  // finishes what tasks captured, may wake slots; its reports go nowhere
    slots_.clear();
  }

  const std::string& address() const override { return address_; }

  bool registered() const override {
    absl::MutexLock lock(&mutex_);
    return link_ != nullptr && link_->connected();
  }

  void Drain() override {
    absl::MutexLock lock(&mutex_);
    if (link_ != nullptr) link_->Drain();
  }

  bool MayLeave() const override {
    absl::MutexLock lock(&mutex_);
    return drained_ || (deployments_.empty() && (link_ == nullptr || !link_->connected()));
  }

  absl::Status failure() const override {
    absl::MutexLock lock(&mutex_);
    return given_up_;
  }

  // ControlHandler, on the control thread.

  void OnWelcome(const std::string& data_uri) override {
    {
      absl::MutexLock lock(&mutex_);
      if (blobs_ != nullptr) return;
    }
    // May ask a store far away: heartbeats go on meanwhile.
    absl::StatusOr<std::unique_ptr<BlobStore>> opened = OpenBlobStore(data_uri);
    absl::MutexLock lock(&mutex_);
    if (!opened.ok()) {
      given_up_ = absl::FailedPreconditionError(
          absl::StrCat("the cluster's data at ", data_uri,
                       " can't be used from this worker: ", opened.status().message()));
      return;
    }
    blobs_ = *std::move(opened);
    WEIR_LOG(kInfo, "registered", {"address", address_}, {"slots", options_.slots});
  }

  void OnDeploy(DeploymentSpec spec) override {
    const JobId job = spec.job;
    const Generation generation = spec.generation;
    absl::MutexLock lock(&mutex_);
    if (link_ == nullptr || blobs_ == nullptr) return;  // ending
    auto found = deployments_.find(job);
    if (found != deployments_.end()) {
      if (found->second.deployment->spec().generation >= generation) return;  // fenced
      Retire(std::move(found->second));
      deployments_.erase(found);
    }
    Entry entry;
    entry.reporter = std::make_shared<DeploymentReporter>(job, generation);
    entry.reporter->SetLink(link_.get());
    absl::StatusOr<std::unique_ptr<Deployment>> made =
        Deployment::Create(std::move(spec), Parts(), entry.reporter);
    if (!made.ok()) return link_->Deployed(job, generation, made.status());
    entry.deployment = std::shared_ptr<Deployment>(*std::move(made));
    openings_[job] = {entry.deployment, clock_->MonotonicMicros() + kReleaseUsMax};
    deployments_[job] = std::move(entry);
    OpenIfFree(job);
  }

  void OnStart(const JobId& job, Generation generation) override {
    absl::MutexLock lock(&mutex_);
    if (Deployment* deployment = Find(job, generation)) {
      deployment->Run();
      deployment->Start();
    }
  }

  void OnTrigger(const JobId& job, Generation generation, CheckpointId id, bool last) override {
    absl::MutexLock lock(&mutex_);
    if (Deployment* deployment = Find(job, generation)) deployment->Trigger(id, last);
  }

  void OnPublished(const JobId& job, Generation generation, CheckpointId id) override {
    absl::MutexLock lock(&mutex_);
    if (Deployment* deployment = Find(job, generation)) deployment->Published(id);
  }

  void OnCancel(const JobId& job, Generation generation, const std::string& reason) override {
    absl::MutexLock lock(&mutex_);
    if (link_ == nullptr) return;  // ending
    auto found = deployments_.find(job);
    if (found == deployments_.end() || found->second.deployment->spec().generation > generation) {
      return link_->Cancelled(job, generation);
    }
    WEIR_LOG(kInfo, "job leaves this worker", {"job", job}, {"generation", generation.value},
             {"why", reason});
    Retire(std::move(found->second));
    deployments_.erase(found);
  }

  void OnDescribeSource(int64_t request, KafkaSpec spec, bool resolve_offsets) override {
    describe_io_->Run([this, request, spec = std::move(spec), resolve_offsets] {
      absl::StatusOr<SourceDescription> result =
          readers_->Describe(spec, resolve_offsets, kDescribeTimeoutMs);
      absl::MutexLock lock(&mutex_);
      if (link_ != nullptr) link_->SourceDescribed(request, result);
    });
  }

  void OnAddPartitions(const JobId& job, Generation generation, TaskId task,
                       std::vector<PartitionPosition> positions) override {
    absl::MutexLock lock(&mutex_);
    if (Deployment* deployment = Find(job, generation)) {
      deployment->AddPartitions(task, std::move(positions));
    }
  }

  void OnDrain() override {
    WEIR_LOG(kInfo, "draining: tasks move to other workers", {"address", address_});
  }

  void OnDrained() override {
    absl::MutexLock lock(&mutex_);
    drained_ = true;
    WEIR_LOG(kInfo, "drained: the process may end", {"address", address_});
  }

  void OnGivenUp(const absl::Status& why) override {
    absl::MutexLock lock(&mutex_);
    given_up_ = why;
  }

 private:
  struct Entry {
    std::shared_ptr<Deployment> deployment;  // shared with the I/O pool while it opens
    std::shared_ptr<DeploymentReporter> reporter;
  };
  // Waits for what older generations of the job hold.
  struct Opening {
    std::shared_ptr<Deployment> deployment;
    int64_t deadline_us = 0;  // monotonic
  };

  // Keeps the state files of jobs that may come back.
  absl::Status PrepareCache() {
    std::error_code failed;
    std::filesystem::create_directories(JobsDirectory(), failed);
    if (!failed) failed = RemoveGenerations(JobsDirectory());
    if (failed) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the cache directory ", options_.cache_directory, " can't be written: ", failed.message(),
          "; name a writable one with --cache"));
    }
    return absl::OkStatus();
  }

  std::string JobsDirectory() const { return options_.cache_directory + "/jobs"; }

  absl::Status Listen() {
    WEIR_ASSIGN_OR_RETURN(HostPort address, ParseHostPort(options_.listen));
    WEIR_ASSIGN_OR_RETURN(address.port, exchange_->Listen(options_.listen));
    address_ = options_.advertise.empty() ? ToString(address) : options_.advertise;
    return absl::OkStatus();
  }

  WorkerParts Parts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    WorkerParts parts;
    parts.address = address_;
    parts.cache_directory = JobsDirectory();
    parts.table_roots = options_.table_roots;
    parts.slots = &slots_;
    parts.exchange = exchange_.get();
    parts.io = io_.get();
    parts.clock = clock_;
    parts.random = random_;
    parts.blobs = blobs_.get();
    parts.readers = readers_.get();
    parts.memory = &memory_;
    return parts;
  }

  // Restores the job's tasks, unless an older generation still holds its share of the memory: two
  // generations at once would need it twice. One that doesn't let go in time isn't waited for.
  void OpenIfFree(const JobId& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto waiting = openings_.find(job);
    if (waiting == openings_.end()) return;
    if (holders_.contains(job)) {
      if (clock_->MonotonicMicros() < waiting->second.deadline_us) return;
      WEIR_LOG(kWarning, "an older generation still holds memory", {"job", job});
    }
    ++holders_[job];
    io_->Run([this, deployment = std::move(waiting->second.deployment)]() mutable {
      OpenAndAnswer(std::move(deployment));
    });
    openings_.erase(waiting);
  }

  void OpenAndAnswer(std::shared_ptr<Deployment> deployment) ABSL_LOCKS_EXCLUDED(mutex_) {
    const JobId job = deployment->spec().job;
    const Generation generation = deployment->spec().generation;
    absl::Status opened = Failpoint("worker.before_deploy");
    if (opened.ok()) opened = deployment->Open();
    if (opened.ok()) opened = Failpoint("worker.after_deploy");
    deployment.reset();  // retired meanwhile, it may be the last that holds it
    absl::MutexLock lock(&mutex_);
    Release(job);
    if (link_ != nullptr) link_->Deployed(job, generation, opened);
  }

  void Release(const JobId& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto held = holders_.find(job);
    if (--held->second > 0) return;
    holders_.erase(held);
    OpenIfFree(job);
  }

  Deployment* Find(const JobId& job, Generation generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto found = deployments_.find(job);
    if (found == deployments_.end()) return nullptr;
    Deployment* deployment = found->second.deployment.get();
    return deployment->spec().generation == generation ? deployment : nullptr;
  }

  // Stops the tasks; the coordinator hears when none is left. The deployment lives until then, and
  // its files go with it.
  void Retire(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const JobId job = entry.deployment->spec().job;
    const Generation generation = entry.deployment->spec().generation;
    // What it still has to say is of a fenced generation.
    if (!Mutant("skip_fence")) entry.reporter->SetLink(nullptr);
    Deployment* const raw = entry.deployment.get();
    openings_.erase(job);  // only the newest generation waits there: this one
    ++holders_[job];
    raw->Stop([this, deployment = std::move(entry.deployment), job, generation]() mutable {
      // On a slot thread, within the deployment's own call: let another thread destroy it.
      io_->Run([this, deployment = std::move(deployment), job, generation]() mutable {
        deployment.reset();
        std::error_code ignored;
        std::filesystem::remove_all(
            absl::StrCat(options_.cache_directory, "/jobs/", job, "/", generation.value), ignored);
        absl::MutexLock lock(&mutex_);
        if (link_ != nullptr) link_->Cancelled(job, generation);
        Release(job);
      });
    });
  }

  void StopAllDeployments() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    for (auto& [job, entry] : deployments_) Retire(std::move(entry));
    deployments_.clear();
    auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return holders_.empty(); };
    mutex_.Await(absl::Condition(&none));
  }

  // Looked at now and then: it changes slowly. On the heartbeat's thread.
  const HostFacts& Host() {
    const int64_t now_us = clock_->MonotonicMicros();
    if (host_read_us_ == 0 || now_us - host_read_us_ > kHostFactsUs) {
      const TlsFiles* files = options_.transport->files();
      host_ = ReadHostFacts(options_.cache_directory, files == nullptr ? "" : files->cert);
      host_read_us_ = now_us;
    }
    return host_;
  }

  void SendHeartbeats() ABSL_LOCKS_EXCLUDED(mutex_) {
    SetThreadName("heartbeat");
    absl::MutexLock lock(&mutex_);
    while (true) {
      auto over = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ending_; };
      if (mutex_.AwaitWithTimeout(absl::Condition(&over), kHeartbeat)) return;
      std::vector<JobId> waiting;
      for (const auto& [job, opening] : openings_) waiting.push_back(job);
      for (const JobId& job : waiting) OpenIfFree(job);
      std::vector<JobStats> jobs;
      for (const auto& [job, entry] : deployments_) {
        jobs.push_back({job, entry.deployment->spec().generation, entry.deployment->stats()});
      }
      const int64_t resident = KeepFreeMemoryLow();
      if (link_ != nullptr) link_->Heartbeat(jobs, resident, clock_->WallMicros(), Host());
      metrics_.Update(jobs, exchange_->traffic(), resident, link_ != nullptr && link_->connected());
      if (!options_.pause_file.empty()) PauseNamedJobs();
      RemoveFilesOfFormerJobs();
    }
  }

  // Now and then.
  void RemoveFilesOfFormerJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int64_t now = clock_->MonotonicMicros();
    if (now - looked_for_former_jobs_us_ < absl::ToInt64Microseconds(kJobFilesKept)) return;
    looked_for_former_jobs_us_ = now;
    std::set<std::string> jobs;
    for (const auto& [job, entry] : deployments_) jobs.insert(job);
    if (!holders_.empty()) return;
    RemoveOldFolders(JobsDirectory(), jobs, kJobFilesKept);
  }

  // What allocators keep of freed memory goes back to the system when memory gets scarce. Returns
  // the resident set.
  int64_t KeepFreeMemoryLow() {
    const int64_t resident = ResidentBytes();
    if (resident < memory_.plan.total / 100 * kReturnAtPercent) return resident;
    ReturnFreeMemory();
    return ResidentBytes();
  }

  void PauseNamedJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::set<std::string> named;
    std::ifstream file(options_.pause_file);
    for (std::string line; std::getline(file, line);) named.insert(line);
    for (const auto& [job, entry] : deployments_) {
      entry.deployment->PauseOwners(named.contains(job));
    }
  }

  const WorkerOptions options_;
  Clock* const clock_;
  Random* const random_;
  WorkerMemory memory_;
  WorkerMetrics metrics_;  // heartbeat thread
  HostFacts host_;         // likewise
  int64_t host_read_us_ = 0;
  std::unique_ptr<PartitionReaderFactory> readers_;
  std::unique_ptr<IoPool> io_;
  std::unique_ptr<IoPool> describe_io_;  // waits for brokers; checkpoints don't wait behind it
  std::unique_ptr<Exchange> exchange_;
  std::string address_;
  std::vector<std::unique_ptr<Slot>> slots_;

  mutable absl::Mutex mutex_;
  std::unique_ptr<BlobStore> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<JobId, Entry> deployments_ ABSL_GUARDED_BY(mutex_);
  std::map<JobId, Opening> openings_ ABSL_GUARDED_BY(mutex_);
  // Per job: deployments being retired, and ones being opened.
  std::map<JobId, int> holders_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<CoordinatorLink> link_ ABSL_GUARDED_BY(mutex_);
  absl::Status given_up_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t looked_for_former_jobs_us_ ABSL_GUARDED_BY(mutex_) = clock_->MonotonicMicros();
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread heartbeat_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> StartWorker(WorkerOptions options, Clock* clock,
                                                    Random* random, Metrics* metrics) {
  WEIR_ASSIGN_OR_RETURN(const MemoryPlan plan, PlanMemory(options.memory_bytes, options.slots));
  auto worker = std::make_unique<WorkerImpl>(std::move(options), plan, clock, random, metrics);
  WEIR_RETURN_IF_ERROR(worker->Start());
  return std::unique_ptr<Worker>(std::move(worker));
}

}  // namespace weir
