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

class RpcServerImpl : public RpcServer {
 public:
  RpcServerImpl(std::string address, std::vector<std::unique_ptr<grpc::Service>> services,
                std::unique_ptr<grpc::Server> server)
      : address_(std::move(address)), services_(std::move(services)), server_(std::move(server)) {}
  ~RpcServerImpl() override {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    server_->Wait();
  }
  const std::string& address() const override { return address_; }

 private:
  const std::string address_;
  const std::vector<std::unique_ptr<grpc::Service>> services_;
  const std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> StartRpcServer(
    const std::string& listen, const Transport& transport, bool reflection,
    std::vector<std::unique_ptr<grpc::Service>> services) {
  WEIR_RETURN_IF_ERROR(transport.Allows("--listen", listen));
  WEIR_ASSIGN_OR_RETURN(HostPort address, ParseHostPort(listen));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  if (!reflection) DropReflection(&builder);
  int port = 0;
  builder.AddListeningPort(listen, transport.ForServer(), &port);
  // Otherwise two coordinators could share a port, each getting some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A worker whose machine vanished without a word is noticed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  for (const auto& service : services) builder.RegisterService(service.get());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("address ", listen,
                     " can't be listened on: another process uses the port, or "
                     "the host is not this machine's; choose another --listen"));
  }
  address.port = port;
  return std::make_unique<RpcServerImpl>(ToString(address), std::move(services), std::move(server));
}

}  // namespace weir
