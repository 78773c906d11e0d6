// Keeps the rows for which a predicate is TRUE.
#ifndef WEIR_OPERATORS_EXPR_FILTER_OPERATOR_H_
#define WEIR_OPERATORS_EXPR_FILTER_OPERATOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "operators/operator.h"

namespace weir {

// `spec.op` is a FilterOp. The rows that go are counted as filtered while they are source records;
// above an aggregate nothing is counted. Stateless.
absl::StatusOr<std::unique_ptr<Operator>> MakeFilterOperator(const OperatorSpec& spec,
                                                             const Plan& plan);

}  // namespace weir

#endif  // WEIR_OPERATORS_EXPR_FILTER_OPERATOR_H_
