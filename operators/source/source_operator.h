// The operator at the head of a source vertex: Kafka partitions in, columns and watermarks out.
#ifndef WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_
#define WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "operators/operator.h"
#include "operators/source/partition_reader.h"

namespace weir {

// `spec` holds a SourceOp and outlives the operator, as does `readers`.
//
// Reads its partitions in turn, about a batch each, with these exceptions: one that reached its
// stop offset is done, and one that is further than max_drift ahead of the task's slowest partition
// with lag waits for it. Offsets that are gone, and whatever else waiting can't help, are fatal
// errors.
std::unique_ptr<SourceOperator> MakeSourceOperator(const OperatorSpec& spec,
                                                   PartitionReaderFactory* readers);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_SOURCE_OPERATOR_H_
