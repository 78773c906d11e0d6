// The operator at the end of a plan: its rows become data files of a table, staged at each barrier.
#ifndef WEIR_OPERATORS_SINK_SINK_OPERATOR_H_
#define WEIR_OPERATORS_SINK_SINK_OPERATOR_H_

#include <memory>

#include "operators/operator.h"

namespace weir {

// spec.op is a SinkOp. Takes rows of all its inputs, appends only, columns by position as in the
// table's schema. Blocked while rows that wait to be written fill its share of the worker's memory.
//
// Source side (rows that no aggregate has seen): each row written counts as used by the INSERT of
// its input, and a NULL for a NOT NULL column makes the row bad. Above an aggregate the owner has
// counted; there such a NULL is a fatal error naming the row. Late and dead-letter tables count
// nothing.
//
// A full disk or a missing permission is an error of the task that names the file.
std::unique_ptr<Operator> MakeSinkOperator(const OperatorSpec& spec, const Plan& plan);

}  // namespace weir

#endif  // WEIR_OPERATORS_SINK_SINK_OPERATOR_H_
