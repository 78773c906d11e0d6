// ControlService over gRPC: workers' streams as WorkerSessions.
#ifndef WEIR_COORDINATOR_CONTROL_RPC_H_
#define WEIR_COORDINATOR_CONTROL_RPC_H_

#include <memory>

#include "base/transport.h"
#include "coordinator/control_messages.h"

namespace grpc {
class Service;
}

namespace weir {

// `listener` outlives the server that the service is registered with.
// Only workers of `transport` get a session.
std::unique_ptr<grpc::Service> MakeControlService(WorkerListener* listener,
                                                  SharedTransport transport);

}  // namespace weir

#endif  // WEIR_COORDINATOR_CONTROL_RPC_H_
