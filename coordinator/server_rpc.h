// The gRPC server of the coordinator.
#ifndef WEIR_COORDINATOR_SERVER_RPC_H_
#define WEIR_COORDINATOR_SERVER_RPC_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/transport.h"

namespace grpc {
class Service;
}

namespace weir {

// Also serves grpc.health.v1, and server reflection if wanted: it asks for no token. The destructor
// cancels calls and ends serving.
class RpcServer {
 public:
  virtual ~RpcServer() = default;
  // "host:port", with the real port when 0 was asked for.
  virtual const std::string& address() const = 0;
};

// The largest that comes is what a task says of a checkpoint: files with their statistics.
inline constexpr int kReceivedBytesMax = 16 << 20;
// A plan may be this large.
inline constexpr int kSentBytesMax = 64 << 20;

// FAILED_PRECONDITION when the address is taken or isn't this machine's, INVALID_ARGUMENT when
// `transport` doesn't allow it. `transport` outlives the server.
absl::StatusOr<std::unique_ptr<RpcServer>> StartRpcServer(
    const std::string& listen, const Transport& transport, bool reflection,
    std::vector<std::unique_ptr<grpc::Service>> services);

}  // namespace weir

#endif  // WEIR_COORDINATOR_SERVER_RPC_H_
