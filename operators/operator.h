// The contract between operators and the task that runs them.
//
// An operator is single-threaded: one slot thread makes all calls (the constructor apart), in this
// order:
//
//   Open → { Process | OnWatermark | OnStatus | Drain | Capture | Published }* → destructor
//
// While HasMore(), the task calls only Continue, Published and the destructor.
//
// It never blocks and never does I/O on that thread; what blocks goes into PendingState::finish,
// which runs on the I/O pool. It holds no reference to another operator: rows leave through Output.
//
// Inputs are numbered by the position in OperatorSpec::inputs. The task merges the channels behind
// an input and calls OnWatermark(input, t) with rising t, and OnStatus(input, s) when the merged
// status changes; an operator with several inputs combines them itself. kActive is announced before
// the first watermark that follows it.
//
// A row that fails is the operator's to report (operators/bad_rows.h); a returned error ends the
// task and, by a new generation, restarts the job.
#ifndef WEIR_OPERATORS_OPERATOR_H_
#define WEIR_OPERATORS_OPERATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lake/table_roots.h"
#include "model/element.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;
class Clock;
class IoPool;
class MemoryBudget;
class Random;
class RowSamples;

// Where an operator's rows go. Valid during the call that received it. Port 0 is the result, port 1
// the side output (bad rows, late rows); a port that nothing reads drops what it gets.
class Output {
 public:
  virtual ~Output() = default;
  virtual absl::Status Emit(int port, Batch batch) = 0;
  // Both go to every port's readers, behind the rows emitted before.
  virtual absl::Status EmitWatermark(EventTime time) = 0;
  virtual absl::Status EmitStatus(ChannelStatus status) = 0;
};

// Watermarks of the owners of an edge, echoed to the source task that feeds them. Lateness is the
// owner's to judge: after a start or an idle spell, a source task doesn't know it until every owner
// has answered.
struct OwnerEcho {
  bool complete = true;           // every owner has answered since the last kActive
  EventTime max = kMinEventTime;  // the largest answer
};

// Outside world and identity of one operator instance. Pointers outlive the operator.
struct OperatorContext {
  std::string job;
  Generation generation;
  TaskId task;
  int parallelism = 1;
  std::string topic;  // of the source below, for dead letters
  const Plan* plan = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  IoPool* io = nullptr;
  // Parts of the worker's memory (operators/worker_memory.h).
  MemoryBudget* state_memory = nullptr;
  MemoryBudget* store_memory = nullptr;
  MemoryBudget* partial_memory = nullptr;
  MemoryBudget* sink_memory = nullptr;
  int64_t batch_bytes = int64_t{4} << 20;  // of records that a source reads for one batch, about
  BlobStore* blobs = nullptr;   // the cluster's store; a job's files are under "jobs/<job>/"
  std::string cache_directory;  // local, of this job, generation and task; exists; disposable
  // Local, of this job, kept over generations and restarts of the process; exists. State files that
  // the next deployment's manifest names are found here again, all others are removed.
  std::string state_directory;
  TableRoots table_roots;  // tables lie nowhere else
  // By INSERT. The operator adds to its own INSERT's account; owned by the task.
  std::map<int, InsertCounters>* counters = nullptr;
  RowSamples* samples =
      nullptr;  // of its bad and late rows; owned by the task, may be null (tests)
  const OwnerEcho* echo = nullptr;  // of the edge a partial aggregate feeds; null elsewhere
  // To be called, on any thread, when work on the I/O pool has ended that the operator waits for:
  // Blocked() is asked again. Callable as long as the I/O pool is. May be empty (tests).
  std::function<void()> wake;
};

// The part of a checkpoint that an operator captured at the barrier and still has to make durable.
struct CapturedState {
  std::vector<PartitionPosition> positions;
  std::vector<OperatorState> states;
  std::vector<StagedFile> staged;
};

struct PendingState {
  // Runs once on the I/O pool, after that of the previous checkpoint of this operator; owns copies
  // of everything it needs and never looks at the operator. An error fails the task. Empty when
  // there is nothing to do.
  std::function<absl::StatusOr<CapturedState>()> finish;
};

class Operator {
 public:
  virtual ~Operator() = default;

  // Restores from `restore` (what belongs to this operator, by id; may hold nothing). May block:
  // it runs on the I/O pool before the task starts. FAILED_PRECONDITION when the stored state isn't
  // understood.
  virtual absl::Status Open(const OperatorContext& context, const TaskRestore& restore) = 0;

  virtual absl::Status Process(int input, Batch batch, Output& out) = 0;
  virtual absl::Status OnWatermark(int input, EventTime time, Output& out) = 0;
  virtual absl::Status OnStatus(int input, ChannelStatus status, Output& out) = 0;

  // True while rows of an OnWatermark are still to come: a step emits about a batch, closing many
  // windows takes many steps, and the sink's Blocked() counts in between. The watermark leaves
  // behind its last row.
  virtual bool HasMore() const { return false; }
  // Emits about one batch of them. REQUIRES: HasMore(), and no operator of the task is Blocked().
  virtual absl::Status Continue(Output&) { return absl::OkStatus(); }

  // Emit everything that is only buffered for speed (partials). Called before Capture and before
  // the task reports itself idle.
  virtual absl::Status Drain(Output& out) = 0;

  // At the aligned barrier: hand over what changed since the last Capture. Quick: copies only what
  // is dirty.
  virtual absl::StatusOr<PendingState> Capture(const Barrier& barrier) = 0;

  // The checkpoint is published: local copies of older ones may go.
  virtual void Published(CheckpointId id) = 0;

  // State held, for status and metrics.
  struct Footprint {
    int64_t bytes = 0;  // in memory
    int64_t keys = 0;   // in memory
    int64_t files = 0;  // in the list of state files
    int64_t file_bytes = 0;
    int64_t spilled_bytes = 0;    // written since the start because memory was short
    int64_t rewritten_bytes = 0;  // written since the start to keep the list short
  };
  virtual Footprint StateFootprint() const = 0;

  // True while the operator can't go on (its writes or reads of disk lag behind): the task stops
  // feeding and continuing it, and back-pressure reaches Kafka.
  virtual bool Blocked() const = 0;
};

// The operator at the head of a source vertex. Instead of Process, the task calls Poll whenever it
// has nothing else to do.
class SourceOperator : public Operator {
 public:
  enum class PollResult {
    kBusy,      // emitted rows; call again
    kIdle,      // nothing to read now
    kFinished,  // every partition reached its stop offset (by position), final watermark emitted
  };
  // Reads and emits about one batch.
  virtual absl::StatusOr<PollResult> Poll(Output& out) = 0;
  // Partitions that appeared after the start. Ignores known ones.
  virtual absl::Status AddPartitions(const std::vector<PartitionPosition>& positions) = 0;
  // Calls `wake` from any thread whenever Poll may have something to do again.
  virtual void SetWake(std::function<void()> wake) = 0;

  struct SourceStats {
    int64_t records = 0;      // since start
    int64_t bytes = 0;        // payload bytes since start
    int64_t lag_records = 0;  // to the high watermarks last seen
    std::map<int32_t, int64_t> lag_by_partition;
    struct Partition {
      int64_t next_offset = 0;
      int64_t end_offset = -1;  // last heard; -1 = never
      EventTime watermark = kMinEventTime;
      ChannelStatus status = ChannelStatus::kActive;
    };
    std::map<int32_t, Partition> partitions;
    EventTime watermark = kMinEventTime;
    std::string waiting_for;  // "brokers localhost:9092 unreachable"; empty = fine
  };
  // Slot thread only.
  virtual SourceStats Stats() const = 0;
};

// Makes the operator of `spec` (operators/factory.cc). INVALID_ARGUMENT on a plan that names a
// function or option this binary doesn't know.
absl::StatusOr<std::unique_ptr<Operator>> MakeOperator(const OperatorSpec& spec, const Plan& plan,
                                                       class PartitionReaderFactory* readers);

}  // namespace weir

#endif  // WEIR_OPERATORS_OPERATOR_H_
