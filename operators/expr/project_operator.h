// Computes new columns from those of its input.
#ifndef WEIR_OPERATORS_EXPR_PROJECT_OPERATOR_H_
#define WEIR_OPERATORS_EXPR_PROJECT_OPERATOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "operators/operator.h"

namespace weir {

// `spec.op` is a ProjectOp with one expression per column of `spec.output`. Plain columns are
// handed on without a copy. Stateless.
absl::StatusOr<std::unique_ptr<Operator>> MakeProjectOperator(const OperatorSpec& spec,
                                                              const Plan& plan);

}  // namespace weir

#endif  // WEIR_OPERATORS_EXPR_PROJECT_OPERATOR_H_
