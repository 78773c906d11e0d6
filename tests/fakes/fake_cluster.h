// An API server in this process whose answers a test decides. Header only: the library of fakes
// doesn't know gRPC.
#ifndef WEIR_TESTS_FAKES_FAKE_CLUSTER_H_
#define WEIR_TESTS_FAKES_FAKE_CLUSTER_H_

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/v1/job.grpc.pb.h"

namespace weir {

// An error as the API makes them: code, message, reason and, for a script, the place.
inline grpc::Status ApiError(grpc::StatusCode code, const std::string& message,
                             const std::string& reason, const std::string& place = "",
                             const std::string& description = "") {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason(reason);
  details.add_details()->PackFrom(info);
  if (!place.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(place);
    violation->set_description(description);
    details.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

// What a coordinator that doesn't lead answers; `leader` may be empty.
inline grpc::Status NotLeader(const std::string& leader) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason("NOT_LEADER");
  if (!leader.empty()) (*info.mutable_metadata())["leader"] = leader;
  details.add_details()->PackFrom(info);
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "this coordinator stands by",
                      details.SerializeAsString());
}

// Fields are set before the call; requests are kept for the test to look at afterwards.
class FakeCluster : public v1::JobService::Service {
 public:
  FakeCluster() { Start("127.0.0.1:0"); }
  ~FakeCluster() override { Stop(); }

  void Start(const std::string& address) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(this);
    builder.RegisterService(&cluster_);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  const std::string& address() const { return address_; }

  grpc::Status error;            // of every call when not OK
  int heal_after = 0;            // of Stop: that many calls get the error, later ones don't
  v1::Job job;                   // answer of the calls that return a job
  std::vector<v1::Job> updates;  // what Watch sends, one after another
  // After `updates`; by default the stream ends well.
  std::function<grpc::Status(grpc::ServerContext*)> after_updates;
  std::vector<v1::ListJobsResponse> pages;
  v1::ListCheckpointsResponse checkpoints;
  v1::Checkpoint checkpoint;
  std::string explanation;

  std::vector<v1::SubmitRequest> submitted;
  std::vector<v1::ListJobsRequest> listed;
  std::vector<v1::ExplainRequest> explained;
  std::vector<std::string> watched, stopped, cancelled;
  std::vector<v1::RescaleRequest> rescaled;
  std::vector<v1::TriggerCheckpointRequest> triggered;
  std::vector<v1::DropSavepointRequest> dropped;

  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                      v1::Job* response) override {
    std::lock_guard lock(mutex_);
    submitted.push_back(*request);
    *response = job;
    return error;
  }
  grpc::Status Get(grpc::ServerContext*, const v1::GetJobRequest*, v1::Job* response) override {
    *response = job;
    return error;
  }
  grpc::Status List(grpc::ServerContext*, const v1::ListJobsRequest* request,
                    v1::ListJobsResponse* response) override {
    std::lock_guard lock(mutex_);
    listed.push_back(*request);
    const size_t page = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    if (page < pages.size()) *response = pages[page];
    if (page + 1 < pages.size()) response->set_next_page_token(std::to_string(page + 1));
    return error;
  }
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::Job>* writer) override {
    {
      std::lock_guard lock(mutex_);
      watched.push_back(request->job());
    }
    if (!error.ok()) return error;
    for (const v1::Job& update : updates) writer->Write(update);
    return after_updates == nullptr ? grpc::Status::OK : after_updates(context);
  }
  grpc::Status Stop(grpc::ServerContext*, const v1::StopRequest* request,
                    v1::Job* response) override {
    stopped.push_back(request->job());
    *response = job;
    if (heal_after > 0 && stopped.size() > static_cast<size_t>(heal_after)) {
      return grpc::Status::OK;
    }
    return error;
  }
  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelRequest* request,
                      v1::Job* response) override {
    cancelled.push_back(request->job());
    *response = job;
    return error;
  }
  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override {
    explained.push_back(*request);
    response->set_text(explanation);
    return error;
  }
  grpc::Status ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest*,
                               v1::ListCheckpointsResponse* response) override {
    *response = checkpoints;
    return error;
  }
  grpc::Status DropSavepoint(grpc::ServerContext*, const v1::DropSavepointRequest* request,
                             v1::Checkpoint* response) override {
    dropped.push_back(*request);
    *response = checkpoint;
    return error;
  }
  grpc::Status TriggerCheckpoint(grpc::ServerContext*, const v1::TriggerCheckpointRequest* request,
                                 v1::Checkpoint* response) override {
    triggered.push_back(*request);
    *response = checkpoint;
    return error;
  }
  grpc::Status Rescale(grpc::ServerContext*, const v1::RescaleRequest* request,
                       v1::Job* response) override {
    rescaled.push_back(*request);
    *response = job;
    return error;
  }

 private:
  class Cluster : public v1::ClusterService::Service {
    grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                           v1::ClusterStatus* response) override {
      response->set_version("0.1.0");
      response->set_data_uri("/data");
      response->set_workers(2);
      response->set_slots(8);
      return grpc::Status::OK;
    }
    grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                             v1::ListWorkersResponse* response) override {
      v1::Worker* worker = response->add_workers();
      worker->set_address("10.0.0.1:7080");
      worker->set_slots(4);
      worker->set_memory_bytes(int64_t{2} << 30);
      worker->set_state(v1::DRAINING);
      return grpc::Status::OK;
    }
    grpc::Status DrainWorker(grpc::ServerContext*, const v1::DrainWorkerRequest* request,
                             v1::Worker* response) override {
      if (request->worker() != "10.0.0.1:7080") {
        return grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no worker of that name");
      }
      response->set_address(request->worker());
      response->set_state(v1::DRAINED);
      return grpc::Status::OK;
    }
  };

  std::mutex mutex_;
  Cluster cluster_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_CLUSTER_H_
