#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/address.h"
#include "base/status_macros.h"
#include "cli/api_client.h"
#include "weir/v1/job.grpc.pb.h"

namespace weir {
namespace {

// Submit asks the sources and tables, so it may take a while.
constexpr std::chrono::seconds kSubmitTimeout{120};
constexpr std::chrono::seconds kCallTimeout{30};
constexpr int kConnectTimeoutMs = 5000;
// A connection that broke under a call is tried again that often.
constexpr int kAttempts = 4;
constexpr std::chrono::milliseconds kPause{250};
// While a coordinator stands by, another one leads or is about to.
constexpr std::chrono::seconds kTakeoverMax{15};
constexpr size_t kServersMax = 16;
constexpr char kReasonNotLeader[] = "NOT_LEADER";
constexpr char kReasonShuttingDown[] = "SHUTTING_DOWN";
constexpr char kReasonPayload[] = "weir/reason";
constexpr char kLeaderPayload[] = "weir/leader";
constexpr char kUnreachablePayload[] = "weir/unreachable";
constexpr char kBrokenPayload[] = "weir/broken";

Deadline In(std::chrono::seconds timeout) { return std::chrono::system_clock::now() + timeout; }

// "wrong_type at 3:14: ..." lines of BadRequest that the message doesn't already contain.
void AppendDetails(const grpc::Status& status, std::string* message, std::string* reason,
                   std::string* leader) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    if (detail.UnpackTo(&info)) {
      *reason = info.reason();
      const auto named = info.metadata().find("leader");
      if (named != info.metadata().end()) *leader = named->second;
    } else if (detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        if (absl::StrContains(*message, violation.description())) continue;
        absl::StrAppend(message, "\n  ", violation.field(), ": ", violation.description());
      }
    }
  }
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  std::string message = status.error_message();
  std::string reason;
  std::string leader;
  AppendDetails(status, &message, &reason, &leader);
  absl::Status out(static_cast<absl::StatusCode>(status.error_code()), message);
  if (!reason.empty()) out.SetPayload(kReasonPayload, absl::Cord(reason));
  if (!leader.empty()) out.SetPayload(kLeaderPayload, absl::Cord(leader));
  // The API gives a reason with every error it makes; without one the transport speaks.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && reason.empty()) {
    const bool never_connected = absl::StrContains(message, "failed to connect") ||
                                 absl::StrContains(message, "DNS resolution failed");
    out.SetPayload(never_connected ? kUnreachablePayload : kBrokenPayload, absl::Cord());
  }
  return out;
}

bool IsBroken(const absl::Status& status) { return status.GetPayload(kBrokenPayload).has_value(); }

// The coordinator that answered doesn't lead.
bool StandsBy(const absl::Status& status) {
  return absl::IsUnavailable(status) && ReasonOf(status) == kReasonNotLeader;
}

bool ShutsDown(const absl::Status& status) {
  return absl::IsUnavailable(status) && ReasonOf(status) == kReasonShuttingDown;
}

// "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7070: Failed to connect
// to remote host: Connection refused" → "Connection refused".
std::string CauseOf(const absl::Status& status) {
  const std::string message(status.message());
  const size_t colon = message.rfind(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

}  // namespace

struct ApiClient::Server {
  std::string address;
  std::unique_ptr<v1::JobService::Stub> jobs;
  std::unique_ptr<v1::ClusterService::Stub> cluster;
};

std::string ReasonOf(const absl::Status& status) {
  return std::string(status.GetPayload(kReasonPayload).value_or(absl::Cord()));
}

bool IsUnreachable(const absl::Status& status) {
  return status.GetPayload(kUnreachablePayload).has_value() || IsBroken(status);
}

std::unique_ptr<ApiClient::Server> ApiClient::MakeServer(const std::string& address) const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // a cluster is not the web
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(kPause.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(2 * kPause.count()));
  const auto credentials = transport_->ForChannel(Identity::kCoordinator, &arguments);
  const auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  return std::make_unique<Server>(
      Server{address, v1::JobService::NewStub(channel), v1::ClusterService::NewStub(channel)});
}

absl::StatusOr<std::unique_ptr<ApiClient>> ApiClient::Make(const std::string& addresses,
                                                           SharedTransport transport,
                                                           std::string token) {
  std::unique_ptr<ApiClient> client(new ApiClient(std::move(transport), std::move(token)));
  for (const absl::string_view piece : absl::StrSplit(addresses, ',')) {
    const std::string address(absl::StripAsciiWhitespace(piece));
    const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    if (!parsed.ok() || parsed->port == 0)
      return absl::InvalidArgumentError(absl::StrCat("--coordinator: '", address,
                                                     "' is not an address; accepted is "
                                                     "HOST:PORT[,HOST:PORT...], such as "
                                                     "127.0.0.1:7070"));
    WEIR_RETURN_IF_ERROR(client->transport_->Allows("--coordinator", address));
    client->servers_.push_back(client->MakeServer(address));
  }
  return client;
}

ApiClient::ApiClient(SharedTransport transport, std::string token)
    : transport_(std::move(transport)), token_(std::move(token)) {}

void ApiClient::Prepare(Deadline deadline, grpc::ClientContext* context) const {
  context->set_deadline(deadline);
  if (!token_.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
}

ApiClient::~ApiClient() = default;

// Puts the leader that a coordinator names behind the one at `i`, to be asked next.
void ApiClient::AskNext(size_t i, const std::string& leader) {
  if (leader.empty() || servers_[i]->address == leader) return;
  auto known = std::find_if(servers_.begin(), servers_.end(),
                            [&](const auto& server) { return server->address == leader; });
  if (known == servers_.end()) {
    if (servers_.size() >= kServersMax || !transport_->Allows("leader", leader).ok()) return;
    servers_.insert(servers_.begin() + static_cast<ptrdiff_t>(i) + 1, MakeServer(leader));
  } else if (known > servers_.begin() + static_cast<ptrdiff_t>(i)) {
    std::rotate(servers_.begin() + static_cast<ptrdiff_t>(i) + 1, known, known + 1);
  }
}

absl::Status ApiClient::Reach(Deadline deadline,
                              const std::function<absl::Status(Server&)>& attempt) {
  const Deadline takeover = std::min<Deadline>(deadline, In(kTakeoverMax));
  absl::Status last;
  absl::Status standby;  // what one that stands by said
  for (int round = 1;; ++round) {
    bool broken = false;
    for (size_t i = 0; i < servers_.size(); ++i) {
      last = attempt(*servers_[i]);
      if (StandsBy(last)) {
        standby = last;
        AskNext(i, std::string(last.GetPayload(kLeaderPayload).value_or(absl::Cord())));
        continue;
      }
      if (ShutsDown(last)) {
        broken = true;
        continue;
      }
      if (!IsUnreachable(last)) {
        std::rotate(servers_.begin(), servers_.begin() + i, servers_.begin() + i + 1);
        return last;
      }
      broken = broken || IsBroken(last);
    }
    const bool again = standby.ok() ? broken && round < kAttempts
                                    : std::chrono::system_clock::now() + kPause < takeover;
    if (!again) break;  // when nobody listens, asking again at once won't help
    std::this_thread::sleep_for(kPause);
  }
  if (StandsBy(last) || ShutsDown(last)) return last;
  const std::string addresses = absl::StrJoin(
      servers_, ", ", [](std::string* out, const auto& server) { *out += server->address; });
  absl::Status status = absl::UnavailableError(absl::StrCat(
      "cannot reach a coordinator", standby.ok() ? "" : " that leads", " at ", addresses, " (",
      CauseOf(last),
      "); start one with `weir dev`, or name yours with --coordinator or WEIR_COORDINATOR"));
  status.SetPayload(kUnreachablePayload, absl::Cord());
  return status;
}

template <class Response, class Call>
absl::StatusOr<Response> ApiClient::Unary(Deadline deadline, Call call) {
  Response response;
  WEIR_RETURN_IF_ERROR(Reach(deadline, [&](Server& server) {
    grpc::ClientContext context;
    Prepare(deadline, &context);
    return ToStatus(call(server, &context, &response));
  }));
  return response;
}

absl::StatusOr<v1::Job> ApiClient::Submit(const v1::SubmitRequest& request) {
  return Unary<v1::Job>(In(kSubmitTimeout), [&](Server& s, auto* context, auto* response) {
    return s.jobs->Submit(context, request, response);
  });
}

absl::StatusOr<v1::Job> ApiClient::Get(const v1::GetJobRequest& request) {
  return Unary<v1::Job>(In(kCallTimeout), [&](Server& s, auto* context, auto* response) {
    return s.jobs->Get(context, request, response);
  });
}

absl::StatusOr<v1::ListJobsResponse> ApiClient::List(const v1::ListJobsRequest& request) {
  return Unary<v1::ListJobsResponse>(In(kCallTimeout),
                                     [&](Server& s, auto* context, auto* response) {
                                       return s.jobs->List(context, request, response);
                                     });
}

absl::StatusOr<v1::Job> ApiClient::Stop(const v1::StopRequest& request, Deadline deadline) {
  return Unary<v1::Job>(deadline, [&](Server& s, auto* context, auto* response) {
    return s.jobs->Stop(context, request, response);
  });
}

absl::StatusOr<v1::Job> ApiClient::Cancel(const v1::CancelRequest& request, Deadline deadline) {
  return Unary<v1::Job>(deadline, [&](Server& s, auto* context, auto* response) {
    return s.jobs->Cancel(context, request, response);
  });
}

absl::StatusOr<v1::ExplainResponse> ApiClient::Explain(const v1::ExplainRequest& request) {
  return Unary<v1::ExplainResponse>(In(kSubmitTimeout),
                                    [&](Server& s, auto* context, auto* response) {
                                      return s.jobs->Explain(context, request, response);
                                    });
}

absl::StatusOr<v1::ListCheckpointsResponse> ApiClient::ListCheckpoints(
    const v1::ListCheckpointsRequest& request) {
  return Unary<v1::ListCheckpointsResponse>(
      In(kCallTimeout), [&](Server& s, auto* context, auto* response) {
        return s.jobs->ListCheckpoints(context, request, response);
      });
}

absl::StatusOr<v1::ListEventsResponse> ApiClient::ListEvents(const v1::ListEventsRequest& request) {
  return Unary<v1::ListEventsResponse>(In(kCallTimeout),
                                       [&](Server& s, auto* context, auto* response) {
                                         return s.jobs->ListEvents(context, request, response);
                                       });
}

absl::StatusOr<v1::Checkpoint> ApiClient::TriggerCheckpoint(
    const v1::TriggerCheckpointRequest& request, Deadline deadline) {
  return Unary<v1::Checkpoint>(deadline, [&](Server& s, auto* context, auto* response) {
    return s.jobs->TriggerCheckpoint(context, request, response);
  });
}

absl::StatusOr<v1::Checkpoint> ApiClient::DropSavepoint(const v1::DropSavepointRequest& request) {
  return Unary<v1::Checkpoint>(In(kCallTimeout), [&](Server& s, auto* context, auto* response) {
    return s.jobs->DropSavepoint(context, request, response);
  });
}

absl::StatusOr<v1::Job> ApiClient::Rescale(const v1::RescaleRequest& request, Deadline deadline) {
  return Unary<v1::Job>(deadline, [&](Server& s, auto* context, auto* response) {
    return s.jobs->Rescale(context, request, response);
  });
}

absl::StatusOr<v1::ClusterStatus> ApiClient::GetStatus(const v1::GetStatusRequest& request) {
  return Unary<v1::ClusterStatus>(In(kCallTimeout), [&](Server& s, auto* context, auto* response) {
    return s.cluster->GetStatus(context, request, response);
  });
}

absl::StatusOr<v1::ListWorkersResponse> ApiClient::ListWorkers(
    const v1::ListWorkersRequest& request) {
  return Unary<v1::ListWorkersResponse>(In(kCallTimeout),
                                        [&](Server& s, auto* context, auto* response) {
                                          return s.cluster->ListWorkers(context, request, response);
                                        });
}

absl::StatusOr<v1::Diagnosis> ApiClient::Diagnose(const v1::DiagnoseRequest& request) {
  return Unary<v1::Diagnosis>(In(kCallTimeout), [&](Server& s, auto* context, auto* response) {
    return s.cluster->Diagnose(context, request, response);
  });
}

absl::StatusOr<v1::Worker> ApiClient::DrainWorker(const v1::DrainWorkerRequest& request,
                                                  Deadline deadline) {
  return Unary<v1::Worker>(deadline, [&](Server& s, auto* context, auto* response) {
    return s.cluster->DrainWorker(context, request, response);
  });
}

absl::Status ApiClient::Watch(const v1::WatchRequest& request, Deadline deadline,
                              const std::function<bool(const v1::Job&)>& on_job) {
  return Reach(deadline, [&](Server& server) {
    grpc::ClientContext context;
    Prepare(deadline, &context);
    const auto stream = server.jobs->Watch(&context, request);
    v1::Job job;
    while (stream->Read(&job)) {
      if (on_job(job)) continue;
      context.TryCancel();
      while (stream->Read(&job)) {
      }
      stream->Finish();
      return absl::OkStatus();
    }
    return ToStatus(stream->Finish());
  });
}

}  // namespace weir
