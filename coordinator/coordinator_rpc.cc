#include <utility>

#include "base/blob_store.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "coordinator/api_rpc.h"
#include "coordinator/cluster.h"
#include "coordinator/control_rpc.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_seams.h"
#include "coordinator/data_directory.h"
#include "coordinator/event_loop.h"
#include "coordinator/server_rpc.h"
#include "grpcpp/impl/service_type.h"

namespace weir {
namespace {

constexpr int kIoThreads = 4;

// Destroyed in reverse: the server first, then the pool's queued work, which may still post to the
// stopped loop.
class CoordinatorImpl : public Coordinator {
 public:
  CoordinatorImpl(std::unique_ptr<BlobStore> blobs, Clock* clock)
      : blobs_(std::move(blobs)), loop_(clock), pool_(MakeIoPool("coord-io", kIoThreads)) {}

  ~CoordinatorImpl() override {
    if (cluster_ != nullptr) cluster_->ShutDown();
    server_.reset();
    loop_.Stop();
    pool_.reset();
  }

  absl::Status Start(const CoordinatorOptions& options, CoordinatorSeams seams, Clock* clock,
                     Random* random, Metrics* metrics);

  const std::string& address() const override { return address_; }

 private:
  const std::unique_ptr<BlobStore> blobs_;
  EventLoop loop_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<IoPool> pool_;
  std::unique_ptr<RpcServer> server_;
  std::string address_;
};

absl::Status CoordinatorImpl::Start(const CoordinatorOptions& options, CoordinatorSeams seams,
                                    Clock* clock, Random* random, Metrics* metrics) {
  ClusterOptions cluster_options{options.data_uri, options.http_address_for_status, seams.machine};
  if (cluster_options.machine.coordinator.empty()) {
    cluster_options.machine.coordinator =
        options.advertise.empty() ? options.listen : options.advertise;
  }
  cluster_ = std::make_unique<Cluster>(std::move(cluster_options),
                                       ClusterDeps{&loop_, pool_.get(), blobs_.get(), clock, random,
                                                   metrics, seams.make_committer, seams.compile});
  // Workers and clients come in only when the jobs are known.
  WEIR_RETURN_IF_ERROR(cluster_->Recover());
  std::vector<std::unique_ptr<grpc::Service>> services = MakeApiServices(
      cluster_.get(), pool_.get(), seams.compile, std::move(seams.explain), Version());
  services.push_back(MakeControlService(cluster_.get()));
  WEIR_ASSIGN_OR_RETURN(server_, StartRpcServer(options.listen, std::move(services)));
  address_ = options.advertise.empty() ? server_->address() : options.advertise;
  WEIR_LOG(kInfo, "coordinator serves", {"address", server_->address()},
           {"data", options.data_uri});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Coordinator>> StartCoordinatorWith(const CoordinatorOptions& options,
                                                                  CoordinatorSeams seams,
                                                                  Clock* clock, Random* random,
                                                                  Metrics* metrics) {
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> blobs, OpenBlobStore(options.data_uri));
  WEIR_RETURN_IF_ERROR(OpenDataDirectory(blobs.get(), options.data_uri));
  auto coordinator = std::make_unique<CoordinatorImpl>(std::move(blobs), clock);
  WEIR_RETURN_IF_ERROR(coordinator->Start(options, std::move(seams), clock, random, metrics));
  return coordinator;
}

}  // namespace weir
