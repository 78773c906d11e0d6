// A worker's live figures as metrics.
#ifndef WEIR_WORKER_WORKER_METRICS_H_
#define WEIR_WORKER_WORKER_METRICS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/control.h"
#include "worker/exchange.h"

namespace weir {

class Clock;
class Metrics;
struct WorkerMemory;

// One thread at a time.
class WorkerMetrics {
 public:
  WorkerMetrics(Metrics* metrics, Clock* clock, std::string version, const WorkerMemory* memory);

  // Brings every series up to `jobs`. Those of jobs that are no longer here are dropped; of a task
  // that a later generation placed elsewhere, the gauges, since its counters still count in sums.
  void Update(const std::vector<JobStats>& jobs, const Exchange::Traffic& traffic,
              int64_t resident_bytes, bool registered);

 private:
  struct Known {
    Generation generation;
    std::vector<TaskId> tasks;  // that ever had a series
  };
  void Forget(const JobId& job, const Known& known);
  void UpdateTask(const JobStats& job, const TaskStats& stats);
  // Adds to the counter what `total` of this generation grew by since the last call.
  void Advance(const JobStats& job, const char* name, const char* help,
               std::map<std::string, std::string> labels, double total);

  Metrics* const metrics_;
  Clock* const clock_;
  const WorkerMemory* const memory_;
  // By series: generation and total at the last call.
  std::map<std::string, std::pair<Generation, double>> last_;
  std::map<JobId, Known> jobs_;
  Exchange::Traffic last_traffic_;
};

}  // namespace weir

#endif  // WEIR_WORKER_WORKER_METRICS_H_
