#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "coordinator/api_messages.h"
#include "coordinator/api_rpc.h"
#include "coordinator/cluster.h"
#include "coordinator/control_rpc.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_seams.h"
#include "coordinator/data_directory.h"
#include "coordinator/event_loop.h"
#include "coordinator/gate.h"
#include "coordinator/lease_keeper.h"
#include "coordinator/server_rpc.h"
#include "grpcpp/impl/service_type.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

// A takeover reads as many logs at once.
constexpr int kIoThreads = 8;
// Apart, so that no append or commit ever waits for them; two, so that a large import doesn't keep
// the other jobs' waiting.
constexpr int kSlowThreads = 2;
constexpr int kProbeThreads = 2;
// A start waits that long to learn who leads, and then, when it does, for the jobs' logs.
constexpr absl::Duration kStartMax = absl::Seconds(10);
// The lease's record is read and written on connections of its own, and an answer that never comes
// is given up in time for another attempt: the lead must not go to another process, and all jobs
// start again, because one connection died unnoticed.
constexpr ObjectStoreManner kLeaseManner{
    .attempt_timeout_ms = 1'000, .patience_ms = 2'000, .own_connections = true, .probe = false};
// A page waits that long for the event loop.
constexpr absl::Duration kShowMax = absl::Seconds(5);
constexpr int kJobsShownMax = 1000;

// What `ask` answers on the loop's thread, which may be after this returned.
template <class T, class Ask>
absl::StatusOr<T> Await(const Ask& ask) {
  struct Answer {
    absl::Mutex mutex;
    std::optional<absl::StatusOr<T>> value ABSL_GUARDED_BY(mutex);
    bool there() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return value.has_value(); }
  };
  const auto answer = std::make_shared<Answer>();  // with whoever comes too late
  ask([answer](absl::StatusOr<T> value) {
    absl::MutexLock lock(&answer->mutex);
    answer->value = std::move(value);
  });
  absl::MutexLock lock(&answer->mutex);
  if (!answer->mutex.AwaitWithTimeout(absl::Condition(answer.get(), &Answer::there), kShowMax)) {
    return absl::DeadlineExceededError("the coordinator is too busy to answer; try again");
  }
  return *std::move(answer->value);
}

// Destroyed in reverse: the server first, then the pool's queued work, which may still post to the
// stopped loop.
class CoordinatorImpl : public Coordinator, public LeaseListener {
 public:
  CoordinatorImpl(std::unique_ptr<BlobStore> blobs, std::unique_ptr<BlobStore> lease_blobs,
                  SharedTransport transport, Clock* clock)
      : blobs_(std::move(blobs)),
        lease_blobs_(std::move(lease_blobs)),
        transport_(std::move(transport)),
        loop_(clock),
        pool_(MakeIoPool("coord-io", kIoThreads)),
        slow_(MakeIoPool("coord-slow", kSlowThreads)),
        probes_(MakeIoPool("probe", kProbeThreads)) {}

  ~CoordinatorImpl() override {
    if (cluster_ != nullptr) cluster_->ShutDown();
    if (lease_ != nullptr) lease_->Release();  // behind the last thing done for a job
    server_.reset();
    loop_.Stop();
    lease_.reset();
    probes_.reset();
    slow_.reset();
    pool_.reset();
  }

  absl::Status Start(const CoordinatorOptions& options, CoordinatorSeams seams, Clock* clock,
                     Random* random, Metrics* metrics);

  const std::string& address() const override { return address_; }
  absl::Status Ready() const override;
  bool AwaitLead(int64_t timeout_us) const override;
  bool has_tokens() const override { return gate_->has_tokens(); }
  absl::Status MayLook(const std::string& authorization) const override {
    return gate_->Identify(authorization).status();
  }

  bool MaySeeRows(const std::string& authorization) const override {
    if (!gate_->has_tokens()) return true;
    const absl::StatusOr<Caller> caller = gate_->Identify(authorization);
    return caller.ok() && caller->role >= Role::kOperator;
  }
  absl::Status Show(
      const PageQuestion& question,
      const std::function<void(const google::protobuf::Message&)>& use) const override;

  void OnLead(int64_t term) override { cluster_->Lead(term, address_); }
  void OnFollow(const std::string& address) override { cluster_->Follow(address); }

 private:
  const std::unique_ptr<BlobStore> blobs_;
  const std::unique_ptr<BlobStore> lease_blobs_;  // the same place
  const SharedTransport transport_;
  EventLoop loop_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<IoPool> pool_;
  std::unique_ptr<IoPool> slow_;
  std::unique_ptr<IoPool> probes_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<RpcServer> server_;
  std::string address_;
  ExplainJob explain_;
  std::unique_ptr<LeaseKeeper> lease_;

  mutable absl::Mutex mutex_;
  LeadRole role_ ABSL_GUARDED_BY(mutex_) = LeadRole::kUnknown;
};

absl::Status CoordinatorImpl::Start(const CoordinatorOptions& options, CoordinatorSeams seams,
                                    Clock* clock, Random* random, Metrics* metrics) {
  std::unique_ptr<TokenFile> tokens;
  if (!options.tokens_file.empty()) {
    WEIR_ASSIGN_OR_RETURN(tokens, TokenFile::Open(options.tokens_file, clock));
  }
  gate_ = std::make_unique<Gate>(transport_, std::move(tokens), clock);
  ClusterOptions cluster_options{options.data_uri, options.http_address_for_status, seams.machine,
                                 options.table_roots};
  if (cluster_options.machine.coordinator.empty()) {
    cluster_options.machine.coordinator =
        options.advertise.empty() ? options.listen : options.advertise;
  }
  ClusterDeps deps;
  deps.loop = &loop_;
  deps.pool = pool_.get();
  deps.slow = slow_.get();
  deps.blobs = blobs_.get();
  deps.clock = clock;
  deps.random = random;
  deps.metrics = metrics;
  deps.make_committer = seams.make_committer;
  deps.compile = seams.compile;
  deps.probes = probes_.get();
  deps.confirm_leader = [this](std::function<void(bool)> done) {
    lease_->Confirm(std::move(done));
  };
  deps.read_host = [this] {
    const TlsFiles* files = transport_->files();
    return ReadHostFacts("", files == nullptr ? "" : files->cert);
  };
  deps.on_role = [this](LeadRole role) {
    absl::MutexLock lock(&mutex_);
    role_ = role;
  };
  cluster_ = std::make_unique<Cluster>(std::move(cluster_options), std::move(deps));
  explain_ = std::move(seams.explain);
  std::vector<std::unique_ptr<grpc::Service>> services =
      MakeApiServices(cluster_.get(), pool_.get(), gate_.get(), seams.compile, explain_, Version());
  services.push_back(MakeControlService(cluster_.get(), transport_));
  WEIR_ASSIGN_OR_RETURN(server_, StartRpcServer(options.listen, *transport_, !gate_->has_tokens(),
                                                std::move(services)));
  address_ = options.advertise.empty() ? server_->address() : options.advertise;

  LeaseRecord self;
  self.holder = RandomHex(*random, 32);
  self.address = address_;
  self.place = absl::StrCat(MachineId(), "/", server_->address());
  lease_ =
      std::make_unique<LeaseKeeper>(lease_blobs_.get(), clock, std::move(self), seams.lease, this);
  lease_->Start();
  {
    absl::MutexLock lock(&mutex_);
    auto known = [this]()
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return role_ != LeadRole::kUnknown; };
    mutex_.AwaitWithTimeout(absl::Condition(&known), kStartMax);
  }
  WEIR_LOG(kInfo, "coordinator serves", {"address", server_->address()},
           {"data", options.data_uri});
  return absl::OkStatus();
}

absl::Status CoordinatorImpl::Ready() const {
  absl::MutexLock lock(&mutex_);
  if (role_ == LeadRole::kLeads) return absl::OkStatus();
  if (role_ == LeadRole::kStandsBy && lease_->knows()) return absl::OkStatus();
  return absl::UnavailableError(
      role_ == LeadRole::kStandsBy ? "stands by, but can't read who leads"
                                   : "nobody is known to lead, or the jobs have not been read yet");
}

absl::Status CoordinatorImpl::Show(
    const PageQuestion& question,
    const std::function<void(const google::protobuf::Message&)>& use) const {
  switch (question.what) {
    case PageQuestion::What::kCluster: {
      WEIR_ASSIGN_OR_RETURN(const ClusterSummary summary,
                            Await<ClusterSummary>([&](Cluster::Done<ClusterSummary> done) {
                              cluster_->GetStatus(std::move(done));
                            }));
      v1::ClusterStatus status;
      Fill(summary, Version(), &status);
      use(status);
      return absl::OkStatus();
    }
    case PageQuestion::What::kWorkers: {
      using Workers = std::vector<WorkerSummary>;
      WEIR_ASSIGN_OR_RETURN(const Workers workers, Await<Workers>([&](Cluster::Done<Workers> done) {
                              cluster_->ListWorkers(std::move(done));
                            }));
      v1::ListWorkersResponse listed;
      for (const WorkerSummary& worker : workers) Fill(worker, listed.add_workers());
      use(listed);
      return absl::OkStatus();
    }
    case PageQuestion::What::kJobs: {
      WEIR_ASSIGN_OR_RETURN(const Cluster::Page page,
                            Await<Cluster::Page>([&](Cluster::Done<Cluster::Page> done) {
                              cluster_->List(kJobsShownMax, "", false, std::move(done));
                            }));
      v1::ListJobsResponse listed;
      for (const JobView& job : page.jobs) Fill(job, /*with_script=*/false, listed.add_jobs());
      use(listed);
      return absl::OkStatus();
    }
    case PageQuestion::What::kJob: {
      WEIR_ASSIGN_OR_RETURN(const JobDetails details,
                            Await<JobDetails>([&](Cluster::Done<JobDetails> done) {
                              cluster_->GetDetails(question.job, std::move(done));
                            }));
      v1::JobDetails shown;
      Fill(details, explain_(details.plan), question.samples, &shown);
      use(shown);
      return absl::OkStatus();
    }
  }
  return absl::InternalError("a question of an unknown kind");
}

bool CoordinatorImpl::AwaitLead(int64_t timeout_us) const {
  absl::MutexLock lock(&mutex_);
  auto leads = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return role_ == LeadRole::kLeads; };
  return mutex_.AwaitWithTimeout(absl::Condition(&leads), absl::Microseconds(timeout_us));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Coordinator>> StartCoordinatorWith(const CoordinatorOptions& options,
                                                                  CoordinatorSeams seams,
                                                                  Clock* clock, Random* random,
                                                                  Metrics* metrics) {
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> blobs, OpenBlobStore(options.data_uri));
  WEIR_RETURN_IF_ERROR(OpenDataDirectory(blobs.get(), options.data_uri));
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> lease_blobs,
                        OpenBlobStore(options.data_uri, kLeaseManner));
  auto coordinator = std::make_unique<CoordinatorImpl>(std::move(blobs), std::move(lease_blobs),
                                                       options.transport, clock);
  WEIR_RETURN_IF_ERROR(coordinator->Start(options, std::move(seams), clock, random, metrics));
  return coordinator;
}

}  // namespace weir
