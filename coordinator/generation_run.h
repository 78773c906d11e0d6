// What the job machine has under way.
#ifndef WEIR_COORDINATOR_GENERATION_RUN_H_
#define WEIR_COORDINATOR_GENERATION_RUN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/checkpoint_tracker.h"
#include "coordinator/placement.h"
#include "model/ids.h"
#include "model/snapshot.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// The append in flight, or waiting to be repeated with the same record.
struct Appending {
  LogRecord record;
  bool in_flight = false;
  int64_t retry_us = 0;
  int failures = 0;
  std::string trouble;
  int64_t triggered_us = 0;  // of a checkpoint
  bool last = false;         // of a checkpoint: it was the last one
};

// What is known of the generation that runs now. Dropped whole when it is left.
struct GenerationRun {
  // A question asked of a worker, by request number.
  struct Describe {
    std::string source;
    bool discovery = false;  // else for the first checkpoint
    bool resolved = false;   // a second question: where do new partitions begin?
  };
  std::map<int64_t, Describe> describes;
  std::map<std::string, std::vector<PartitionPosition>> described;  // for the first checkpoint
  bool importing = false;  // the start from another job's checkpoint is being made
  bool imported = false;
  int64_t describe_retry_us = 0;  // of an import as well
  int describe_failures = 0;

  std::vector<SlotRef> placement;           // of each task index
  std::set<std::string> awaiting_deployed;  // worker ids
  int64_t deploy_deadline_us = 0;

  // Partitions of each task, those found since the start included.
  std::map<TaskId, std::set<std::pair<std::string, int32_t>>> partitions;
  std::map<int, InsertCounters> base_counters;  // of the manifest restored from
  std::optional<CheckpointTracker> tracker;
  std::set<CheckpointId> savepoints;  // pending ones that were asked for
  int64_t next_trigger_us = 0;
  int64_t next_discovery_us = 0;
  bool last_triggered = false;
  bool last_finishes = false;  // the last checkpoint holds all there was to read
  std::set<TaskId> finished;   // source tasks at their stop
  std::set<int> swept;         // sinks whose tables were rid of what older generations left

  int64_t running_since_us = 0;
  // Since when tasks share slots though others are free.
  std::optional<int64_t> uneven_since_us;
  // Once this one is published, or a later one, the generation is left for a planned successor.
  std::optional<CheckpointId> move_after;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_GENERATION_RUN_H_
