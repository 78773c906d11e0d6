// The coordinator as one object: decides about jobs and serves the API and workers.
#ifndef WEIR_COORDINATOR_COORDINATOR_H_
#define WEIR_COORDINATOR_COORDINATOR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace weir {

class Clock;
class Metrics;
class Random;
struct CoordinatorSeams;

struct CoordinatorOptions {
  std::string listen;                   // "host:port" of the gRPC API; port 0 = any
  std::string http_address_for_status;  // shown by `weir cluster status`
  std::string data_uri;                 // the cluster's blob store
  std::string advertise;                // how others reach `listen`; empty = as it is
  std::string base_directory;           // relative table paths resolve against it
};

class Coordinator {
 public:
  // Ends serving; workers go on by themselves and come back to the next coordinator.
  virtual ~Coordinator() = default;
  // "host:port" with the real port.
  virtual const std::string& address() const = 0;
};

// Reads what the cluster was doing, goes on with it, and serves until destroyed. Clock, random and
// metrics outlive it.
// FAILED_PRECONDITION when the address is taken or the data was written by a newer version.
absl::StatusOr<std::unique_ptr<Coordinator>> StartCoordinator(const CoordinatorOptions& options,
                                                              Clock* clock, Random* random,
                                                              Metrics* metrics);

// With other parts than the product's, for tests; see coordinator_seams.h.
absl::StatusOr<std::unique_ptr<Coordinator>> StartCoordinatorWith(const CoordinatorOptions& options,
                                                                  CoordinatorSeams seams,
                                                                  Clock* clock, Random* random,
                                                                  Metrics* metrics);

}  // namespace weir

#endif  // WEIR_COORDINATOR_COORDINATOR_H_
