// A job with all that the status page shows of it: plain values behind weir.v1.JobDetails.
#ifndef WEIR_COORDINATOR_JOB_DETAILS_H_
#define WEIR_COORDINATOR_JOB_DETAILS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "coordinator/job_history.h"
#include "coordinator/job_progress.h"
#include "coordinator/job_view.h"
#include "model/plan.h"
#include "model/row_sample.h"

namespace weir {

struct TaskView {
  TaskId id;
  std::string worker;     // where it was placed; empty = nowhere
  bool reported = false;  // `live` and the paces are known
  TaskLive live;
  JobProgress::TaskPace pace;
  std::vector<JobProgress::PartitionPace> partitions;  // as live.partitions
};

struct JobDetails {
  JobView job;
  int64_t now_ms = 0;  // wall time
  Plan plan;
  std::vector<TaskView> tasks;                // of the current generation, by vertex and index
  std::deque<CheckpointAttempt> checkpoints;  // newest first
  std::deque<CommitAttempt> commits;          // newest first
  std::deque<Happening> happenings;           // oldest first
  std::vector<RowSample> samples;             // user data
};

// "activity/1".
std::string NameOf(const Plan& plan, TaskId task);

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_DETAILS_H_
