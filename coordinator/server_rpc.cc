#include "coordinator/server_rpc.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/service_type.h"

namespace weir {
namespace {

// Of one connection. A worker has one, and a person a few.
constexpr int kStreamsMax = 64;
// A proxy in front is one address with the callers of many.
constexpr int kConnectionsMax = 1'024;
constexpr int kPerAddressMax = 512;
constexpr int kDeadMillis = 5'000;  // without an answer

class RpcServerImpl : public RpcServer {
 public:
  RpcServerImpl(std::string address, std::vector<std::unique_ptr<grpc::Service>> services,
                std::unique_ptr<grpc::Server> server, std::unique_ptr<ConnectionSource> connections)
      : address_(std::move(address)),
        services_(std::move(services)),
        server_(std::move(server)),
        connections_(std::move(connections)) {}
  ~RpcServerImpl() override {
    connections_.reset();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    server_->Wait();
  }
  const std::string& address() const override { return address_; }

 private:
  const std::string address_;
  const std::vector<std::unique_ptr<grpc::Service>> services_;
  const std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionSource> connections_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> StartRpcServer(
    const std::string& listen, const Transport& transport, bool reflection,
    std::vector<std::unique_ptr<grpc::Service>> services) {
  WEIR_ASSIGN_OR_RETURN(HostPort address, ParseHostPort(listen));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  if (!reflection) DropReflection(&builder);
  WEIR_ASSIGN_OR_RETURN(
      std::unique_ptr<ConnectionSource> connections,
      ListenFor(&builder, transport, address, {kConnectionsMax, kPerAddressMax, kDeadMillis}));
  // A worker whose machine vanished without a word is noticed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kDeadMillis);
  BoundServer({kReceivedBytesMax, kStreamsMax}, &builder);
  builder.SetMaxSendMessageSize(kSentBytesMax);
  for (const auto& service : services) builder.RegisterService(service.get());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr)
    return absl::InternalError(absl::StrCat("no server could be made for ", listen));
  connections->Start();
  address.port = connections->port();
  return std::make_unique<RpcServerImpl>(ToString(address), std::move(services), std::move(server),
                                         std::move(connections));
}

}  // namespace weir
