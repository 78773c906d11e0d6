// A worker process's part: slots, deployments, exchange and the session with the coordinator.
#ifndef WEIR_WORKER_WORKER_H_
#define WEIR_WORKER_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/transport.h"

namespace weir {

class Clock;
class Metrics;
class Random;
class TableRoots;

struct WorkerOptions {
  std::vector<std::string> coordinators;  // host:port, tried in turn
  std::string listen;                     // of the exchange; port 0 = any
  std::string advertise;                  // what others dial; empty = `listen` with the real port
  int slots = 1;
  int64_t memory_bytes = int64_t{2} << 30;
  std::string cache_directory;              // emptied at the start
  const TableRoots* table_roots = nullptr;  // tables lie nowhere else; null = anywhere
  std::string dev_brokers;                  // what the broker name "dev" means; may be empty
  std::string version;
  int64_t first_session_timeout_ms = 60'000;
  SharedTransport transport = PlainTransport();
  std::string pause_file;  // tests: jobs named in this file have their owners stopped
};

// Thread-safe.
class Worker {
 public:
  virtual ~Worker() = default;  // stops the tasks without a checkpoint
  virtual const std::string& address() const = 0;
  // Registered with a coordinator right now.
  virtual bool registered() const = 0;
  // Asks the coordinator to move this worker's tasks elsewhere, behind a checkpoint.
  virtual void Drain() = 0;
  // Whether the process may end without anything being read again: the coordinator said so, or no
  // coordinator is there and nothing runs.
  virtual bool MayLeave() const = 0;
  // Why the worker gave up (registration refused, no coordinator); OK while it hasn't.
  virtual absl::Status failure() const = 0;
};

// INVALID_ARGUMENT when `memory_bytes` is too little for the slots; FAILED_PRECONDITION when the
// port is taken or the cache directory can't be written.
absl::StatusOr<std::unique_ptr<Worker>> StartWorker(WorkerOptions options, Clock* clock,
                                                    Random* random, Metrics* metrics);

}  // namespace weir

#endif  // WEIR_WORKER_WORKER_H_
