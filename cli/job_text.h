// Jobs, checkpoints and workers as text for people.
#ifndef WEIR_CLI_JOB_TEXT_H_
#define WEIR_CLI_JOB_TEXT_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace weir::v1 {
class ClusterStatus;
class Job;
class ListCheckpointsResponse;
class ListEventsResponse;
class ListJobsResponse;
class ListWorkersResponse;
}  // namespace weir::v1

namespace weir {

void PrintJobs(const v1::ListJobsResponse& jobs, std::ostream& out);
void PrintJob(const v1::Job& job, std::ostream& out);
void PrintCheckpoints(const v1::ListCheckpointsResponse& checkpoints, std::ostream& out);
void PrintEvents(const v1::ListEventsResponse& events, std::ostream& out);
void PrintWorkers(const v1::ListWorkersResponse& workers, std::ostream& out);
void PrintCluster(const v1::ClusterStatus& status, std::ostream& out);

// STOPPED, FINISHED, FAILED or CANCELLED.
bool IsFinal(const v1::Job& job);
// FAILED or CANCELLED.
bool EndedBadly(const v1::Job& job);
// "activity FAILED: bad row ..."
std::string Outcome(const v1::Job& job);

// The lines of `weir job watch`; keeps what a rate is counted from.
class WatchLine {
 public:
  // One line, without its end; `now_us` is monotonic.
  std::string Next(const v1::Job& job, int64_t now_us);

 private:
  struct Sample {
    int64_t time_us = 0;
    int64_t generation = 0;
    int64_t rows = 0;
  };
  std::optional<Sample> since_;  // what the next rate is counted from
  std::string rate_;             // empty = none yet
};

}  // namespace weir

#endif  // WEIR_CLI_JOB_TEXT_H_
