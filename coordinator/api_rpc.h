// JobService and ClusterService over gRPC.
#ifndef WEIR_COORDINATOR_API_RPC_H_
#define WEIR_COORDINATOR_API_RPC_H_

#include <memory>
#include <string>
#include <vector>

#include "coordinator/cluster.h"

namespace grpc {
class Service;
}

namespace weir {

class Gate;

// Text of a plan for people (sql/), for Explain.
using ExplainJob = std::function<std::string(const Plan& plan)>;

// `cluster` and `gate` outlive the server that the services are registered with. `compile` runs on
// gRPC's threads, for Explain.
std::vector<std::unique_ptr<grpc::Service>> MakeApiServices(Cluster* cluster, IoPool* pool,
                                                            Gate* gate, CompileJob compile,
                                                            ExplainJob explain,
                                                            std::string version);

}  // namespace weir

#endif  // WEIR_COORDINATOR_API_RPC_H_
