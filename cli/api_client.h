// Calls of the cluster's API, with its errors as Status.
#ifndef WEIR_CLI_API_CLIENT_H_
#define WEIR_CLI_API_CLIENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/transport.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace weir::v1 {
class CancelRequest;
class Checkpoint;
class ClusterStatus;
class DiagnoseRequest;
class Diagnosis;
class DrainWorkerRequest;
class DropSavepointRequest;
class ExplainRequest;
class ExplainResponse;
class GetJobRequest;
class GetStatusRequest;
class Job;
class ListCheckpointsRequest;
class ListCheckpointsResponse;
class ListEventsRequest;
class ListEventsResponse;
class ListJobsRequest;
class ListJobsResponse;
class ListWorkersRequest;
class ListWorkersResponse;
class RescaleRequest;
class StopRequest;
class SubmitRequest;
class TriggerCheckpointRequest;
class WatchRequest;
class Worker;
}  // namespace weir::v1

namespace weir {

using Deadline = std::chrono::system_clock::time_point;

// One thread. A call goes to the first of the addresses that leads, and from then on there first; a
// coordinator that stands by says who leads, or that soon somebody will. Every call may be repeated
// when the connection breaks or another coordinator takes over: a submit carries its request_id.
//
// Errors have the API's code and its message, with the places of a BadRequest, one a line. When no
// coordinator answers: UNAVAILABLE, with what to do next; IsUnreachable tells it from an
// UNAVAILABLE that a coordinator sent.
class ApiClient {
 public:
  // `token` goes with every call unless it is empty. INVALID_ARGUMENT when `addresses`
  // ("host:port[,host:port...]") can't be read or `transport` doesn't allow them. Connects later.
  static absl::StatusOr<std::unique_ptr<ApiClient>> Make(
      const std::string& addresses, SharedTransport transport = PlainTransport(),
      std::string token = "");
  ~ApiClient();

  absl::StatusOr<v1::Job> Submit(const v1::SubmitRequest& request);
  absl::StatusOr<v1::Job> Get(const v1::GetJobRequest& request);
  absl::StatusOr<v1::ListJobsResponse> List(const v1::ListJobsRequest& request);
  // The server answers when the job has ended, or just before the deadline with the job as it is.
  absl::StatusOr<v1::Job> Stop(const v1::StopRequest& request, Deadline deadline);
  absl::StatusOr<v1::Job> Cancel(const v1::CancelRequest& request, Deadline deadline);
  absl::StatusOr<v1::ExplainResponse> Explain(const v1::ExplainRequest& request);
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request);
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request);
  absl::StatusOr<v1::Checkpoint> TriggerCheckpoint(const v1::TriggerCheckpointRequest& request,
                                                   Deadline deadline);
  absl::StatusOr<v1::Checkpoint> DropSavepoint(const v1::DropSavepointRequest& request);
  absl::StatusOr<v1::Job> Rescale(const v1::RescaleRequest& request, Deadline deadline);
  absl::StatusOr<v1::ClusterStatus> GetStatus(const v1::GetStatusRequest& request);
  absl::StatusOr<v1::ListWorkersResponse> ListWorkers(const v1::ListWorkersRequest& request);

  // Takes up to some seconds.
  absl::StatusOr<v1::Diagnosis> Diagnose(const v1::DiagnoseRequest& request);
  absl::StatusOr<v1::Worker> DrainWorker(const v1::DrainWorkerRequest& request, Deadline deadline);

  // Calls `on_job` for every update until the server ends the stream (OK), `on_job` returns false
  // (OK), or the deadline passes (DEADLINE_EXCEEDED).
  absl::Status Watch(const v1::WatchRequest& request, Deadline deadline,
                     const std::function<bool(const v1::Job&)>& on_job);

 private:
  struct Server;
  ApiClient(SharedTransport transport, std::string token);
  template <class Response, class Call>
  absl::StatusOr<Response> Unary(Deadline deadline, Call call);
  std::unique_ptr<Server> MakeServer(const std::string& address) const;
  void Prepare(Deadline deadline, grpc::ClientContext* context) const;
  // Runs `attempt` against the addresses in turn until the leader is reached.
  absl::Status Reach(Deadline deadline, const std::function<absl::Status(Server&)>& attempt);
  void AskNext(size_t i, const std::string& leader);

  const SharedTransport transport_;
  const std::string token_;
  std::vector<std::unique_ptr<Server>> servers_;  // the last one that answered first
};

// The API's stable reason ("NAME_TAKEN"); empty when a coordinator gave none.
std::string ReasonOf(const absl::Status& status);
// Whether no coordinator answered at all.
bool IsUnreachable(const absl::Status& status);

}  // namespace weir

#endif  // WEIR_CLI_API_CLIENT_H_
