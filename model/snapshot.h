// What a task hands over at a barrier and gets back at a restart. Values; the durable form is in
// proto/weir/v1/checkpoint.proto, the conversion in model/wire.h.
#ifndef WEIR_MODEL_SNAPSHOT_H_
#define WEIR_MODEL_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/event_time.h"
#include "model/ids.h"

namespace weir {

// Where one Kafka partition is to be read next, and what its watermark is.
struct PartitionPosition {
  std::string source;  // OperatorSpec::id of the source
  int32_t partition = 0;
  int64_t next_offset = 0;                   // next to read
  int64_t stop_offset = -1;                  // first offset not to read; -1 = unbounded
  EventTime max_event_time = kMinEventTime;  // largest seen; watermark = this − bound
  bool idle = false;
  friend bool operator==(const PartitionPosition&, const PartitionPosition&) = default;
};

// Outcomes of source rows for one INSERT. `read == used + late + bad + filtered` holds over all
// tasks at every checkpoint.
struct InsertCounters {
  int64_t read = 0;
  int64_t used = 0;
  int64_t late = 0;
  int64_t filtered = 0;  // WHERE, tombstones
  std::map<std::string, int64_t>
      bad;  // by reason: syntax, wrong_type, missing_not_null, out_of_range, expression
  int64_t bad_total() const;
  void Add(const InsertCounters& other);
  friend bool operator==(const InsertCounters&, const InsertCounters&) = default;
};

// One SST file in the ordered list that is an operator's durable state. Later files override
// earlier ones. `path` is relative to the job's folder in the blob store.
struct StateFile {
  std::string path;
  int64_t size = 0;
  std::string checksum;      // XXH3-128 of the file, 32 hex digits
  KeyGroupRange key_groups;  // of the task that wrote it
  friend bool operator==(const StateFile&, const StateFile&) = default;
};

// Durable state of one operator in one task.
struct OperatorState {
  std::string state_id;  // AggregateSpec::state_id
  std::string schema;    // what the entries look like; recovery refuses another one
  KeyGroupRange key_groups;
  std::vector<StateFile> files;         // complete list, oldest first
  EventTime watermark = kMinEventTime;  // up to which windows have fired
  friend bool operator==(const OperatorState&, const OperatorState&) = default;
};

// A data file written to a table's directory but not yet visible in its log.
struct StagedFile {
  std::string sink;  // SinkSpec::id
  std::string path;  // file name relative to the table
  int64_t size = 0;
  int64_t rows = 0;
  int64_t modification_time_ms = 0;
  std::string stats;       // Delta statistics, JSON
  CheckpointId closed_by;  // the checkpoint whose barrier closed it
  friend bool operator==(const StagedFile&, const StagedFile&) = default;
};

// Everything one task contributes to a checkpoint.
struct TaskSnapshot {
  TaskId task;
  std::vector<PartitionPosition> positions;
  std::vector<OperatorState> states;
  std::vector<StagedFile> staged;
  // By INSERT (index into Plan::inserts), since the start of this generation.
  std::map<int, InsertCounters> counters;
  EventTime watermark = kMinEventTime;  // lowest of the task's outputs
  bool finished = false;                // every partition of a source task reached its stop
};

// What a task starts from. Built by the coordinator from a manifest: positions of the partitions
// assigned to the task; every OperatorState that overlaps its key groups.
struct TaskRestore {
  std::vector<PartitionPosition> positions;
  std::vector<OperatorState> states;
  KeyGroupRange key_groups;
};

}  // namespace weir

#endif  // WEIR_MODEL_SNAPSHOT_H_
