// The head of a source vertex: reads partitions, decodes, tells the time.
#ifndef WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_
#define WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "operators/operator.h"
#include "operators/source/partition_reader.h"

namespace weir {

// `spec.op` is a SourceOp. `readers` outlives the operator. The result is a SourceOperator.
//
//   * Partitions take turns; one Poll reads one batch of one of them.
//   * Port 0 emits decoded rows with their records attached, then what follows from them for the
//     watermark; a turn to kActive goes before the rows. Port 1 emits dead letters.
//   * Counts `read` for every INSERT that reads the vertex, `bad` for records that don't decode,
//     `filtered` for tombstones.
//   * A partition ends at its stop offset by position: records from there on are not emitted even
//     if they were read. When all have ended the watermark is kMaxEventTime and Poll says
//     kFinished; a bounded source without partitions is finished at once.
//   * Unbounded and without partitions: kIdle.
//   * A partition further ahead in event time than max_drift of the slowest with lag waits. The
//     task's own partitions are compared, not the job's.
//   * Idleness: WatermarkTracker; its clock stops while brokers are away, and counts at most 100 ms
//     between two Polls, so that it nearly stops while the task is held up.
//   * Behind the barrier of the last checkpoint Poll emits nothing and says kIdle.
//   * A position that is gone from the broker fails the job (FatalError): a restart can't help.
absl::StatusOr<std::unique_ptr<Operator>> MakeSourceOperator(const OperatorSpec& spec,
                                                             const Plan& plan,
                                                             PartitionReaderFactory* readers);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_
