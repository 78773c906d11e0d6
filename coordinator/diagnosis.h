// Is each table of a job fresh, and if not, who is to blame? Decided from what the coordinator
// knows anyway. Pure.
//
// A table is fresh when its last commit is young enough and nothing keeps what the sources hold
// from reaching the next ones. The suspects of a table that isn't are named from the outside in:
// the job, its sources, partitions and tasks, checkpoints, commits.
#ifndef WEIR_COORDINATOR_DIAGNOSIS_H_
#define WEIR_COORDINATOR_DIAGNOSIS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/job_machine.h"
#include "coordinator/job_progress.h"
#include "model/event_time.h"
#include "model/plan.h"

namespace weir {

enum class TableStatus {
  kStarting,  // nothing was committed yet, and it isn't time to worry
  kFresh,
  kStale,
  kEnded,  // the job has ended in order: the table stays as it is
};

struct Suspect {
  enum class Kind { kJob, kSource, kPartition, kTask, kCheckpoint, kCommit };
  Kind kind = Kind::kJob;
  std::string name;     // "user_transactions", "user_transactions/2", "activity/0"
  std::string message;  // one clause, for people
};

struct TableHealth {
  std::string sink;
  std::string path;
  SinkRole role = SinkRole::kMain;
  TableStatus status = TableStatus::kStarting;
  std::string summary;            // one sentence
  int64_t age_ms = -1;            // since the last commit; -1 = none known
  int64_t limit_ms = 0;           // an age above it is stale
  std::vector<Suspect> suspects;  // the likeliest first; none unless stale; at most kSuspectsMax
};
inline constexpr size_t kSuspectsMax = 8;

struct TableFacts {
  std::string sink;
  std::string path;
  SinkRole role = SinkRole::kMain;
  bool committed = false;   // ever
  int64_t age_us = 0;       // since the last commit, or since the job is watched
  int64_t interval_us = 0;  // longest time between two commits that the job asks for
  int64_t version = -1;
  std::string trouble;  // of the last commit, when it failed
};

struct PartitionFacts {
  int32_t partition = 0;
  int64_t lag_records = 0;
  EventTime watermark = kMinEventTime;
  ChannelStatus status = ChannelStatus::kActive;
  JobProgress::PartitionPace pace;
};

struct TaskFacts {
  std::string name;      // "user_transactions/0"
  std::string vertex;    // "user_transactions"
  std::string worker;    // address
  bool reported = true;  // lately
  JobProgress::TaskPace pace;
  std::vector<std::string> waiting_for;
  // Of a source task:
  std::string source;  // its table; empty = no source
  bool event_time = false;
  int64_t idle_timeout_us = 0;
  std::vector<PartitionFacts> partitions;
};

struct JobHealthFacts {
  JobState state = JobState::kCreated;
  int64_t down_us = 0;  // since when its tasks don't run; 0 = they do
  std::string reason;
  std::string checkpoint_problem;
  int64_t checkpoint_interval_us = 0;
  std::vector<TableFacts> tables;
  std::vector<TaskFacts> tasks;
};

// One for each of `facts.tables`, in their order.
std::vector<TableHealth> Diagnose(const JobHealthFacts& facts);

}  // namespace weir

#endif  // WEIR_COORDINATOR_DIAGNOSIS_H_
