// A job as people and programs see it: plain values behind weir.v1.Job and weir.v1.Checkpoint.
#ifndef WEIR_COORDINATOR_JOB_VIEW_H_
#define WEIR_COORDINATOR_JOB_VIEW_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordinator/control_messages.h"
#include "coordinator/diagnosis.h"
#include "coordinator/job_machine.h"
#include "coordinator/origin.h"
#include "model/event_time.h"
#include "model/snapshot.h"

namespace weir {

struct SinkView {
  std::string id;
  std::string path;
  SinkRole role = SinkRole::kMain;
  int64_t table_version = -1;
  int64_t committed_epoch = 0;
  int64_t rows_committed = 0;  // by this process
};

struct InsertView {
  std::string name;
  std::string sink;
  InsertCounters counters;
};

struct RestartView {
  int64_t generation = 0;
  int64_t at_ms = 0;
  std::string reason;
};

struct JobView {
  std::string name;
  JobId id;
  JobState state = JobState::kCreated;
  std::string reason;
  int64_t generation = 0;
  int64_t epoch = 0;
  std::string lineage;
  int64_t submitted_ms = 0;
  int parallelism = 0;
  // As of the last published epoch.
  int64_t records_in = 0;
  InsertCounters totals;  // summed over the INSERTs
  EventTime watermark = kMinEventTime;
  int64_t last_checkpoint_ms = 0;  // 0 = none
  int64_t checkpoint_age_ms = 0;
  int64_t checkpoint_failures = 0;  // since the last one
  std::string checkpoint_problem;   // empty = none
  // Live.
  int64_t lag_records = 0;
  int64_t live_records_in = 0;
  int64_t state_bytes = 0;
  int64_t state_keys = 0;
  EventTime live_watermark = kMinEventTime;

  std::vector<SinkView> sinks;
  std::vector<TableHealth> tables;  // as sinks
  std::vector<InsertView> inserts;
  std::vector<RestartView> restarts;
  std::vector<std::string> warnings;
  std::string script;
  JobId from_job;  // whose checkpoint it went on from; empty = none
  int64_t from_epoch = 0;
  std::vector<CarriedState> carried;  // of a submit from that checkpoint
};

struct CheckpointView {
  int64_t epoch = 0;
  int64_t generation = 0;
  int64_t published_ms = 0;
  int64_t duration_ms = 0;  // 0 = of an earlier process
  int64_t state_bytes = 0;
  int64_t state_files = 0;
  int64_t bytes_written = 0;  // data files
  bool committed = false;
  bool savepoint = false;
};

// What the log alone says. `commits` may be nullptr: then the log's COMMITTED records stand in.
JobView ViewOfLog(const JobId& id, const JobLogState& log, const CommitSchedule* commits);
// Adds what the tasks of the current generation report; they count from `base`.
void AddLive(const Plan& plan, const std::map<int, InsertCounters>& base,
             const std::vector<TaskLive>& tasks, JobView* view);
CheckpointView ViewOfCheckpoint(const JobLogState::PublishedCheckpoint& published,
                                const CommitSchedule* commits, const JobLogState& log);

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_VIEW_H_
