// The coordinator as one object: decides about jobs and serves the API and workers.
//
// Several may run on one blob store. One of them leads (lease.h); the others stand by: they serve,
// but send callers and workers to the leader, and take over when it is gone.
#ifndef WEIR_COORDINATOR_COORDINATOR_H_
#define WEIR_COORDINATOR_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/transport.h"
#include "lake/table_roots.h"

namespace google::protobuf {
class Message;
}

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
  TableRoots table_roots;               // tables lie nowhere else
  SharedTransport transport = PlainTransport();
  std::string tokens_file;  // who may call the API (token_table.h); empty = everybody
};

// What the status page wants to know.
struct PageQuestion {
  enum class What { kCluster, kWorkers, kJobs, kJob };
  What what = What::kCluster;
  std::string job;       // kJob: id or name
  bool samples = false;  // kJob: with rows of the users' data
};

class Coordinator {
 public:
  // Ends serving and gives the lead away; workers go on by themselves and come to the next
  // coordinator.
  virtual ~Coordinator() = default;
  // "host:port" with the real port.
  virtual const std::string& address() const = 0;
  // OK when it leads and knows the jobs, or stands by and can read who leads; else why not.
  virtual absl::Status Ready() const = 0;
  // Whether callers need a token.
  virtual bool has_tokens() const = 0;
  // By an HTTP Authorization header, when callers need a token: OK or UNAUTHENTICATED.
  virtual absl::Status MayLook(const std::string& authorization) const = 0;
  // Whether that caller may also see rows of the users' data: an operator, or anybody where callers
  // need no token.
  virtual bool MaySeeRows(const std::string& authorization) const = 0;
  // Hands the answer, a message of weir.v1, to `use` before it returns; waits some seconds for it
  // at most. Errors as the API's (api_error.h): a standby knows nothing but who leads.
  virtual absl::Status Show(
      const PageQuestion& question,
      const std::function<void(const google::protobuf::Message&)>& use) const = 0;
  // Whether it leads, now or within `timeout_us`.
  virtual bool AwaitLead(int64_t timeout_us) const = 0;
};

// Serves until destroyed. When no other coordinator leads, it reads what the cluster was doing and
// goes on with it before this returns (within bounds: a slow store leaves it not ready). Clock,
// random and metrics outlive it.
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
