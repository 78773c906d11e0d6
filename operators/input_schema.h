// What the columns are that an operator gets.
#ifndef WEIR_OPERATORS_INPUT_SCHEMA_H_
#define WEIR_OPERATORS_INPUT_SCHEMA_H_

#include "absl/status/statusor.h"
#include "model/plan.h"

namespace weir {

// The schema of input `input` of the operator `spec`, which is in `plan`. INVALID_ARGUMENT when the
// plan doesn't say.
absl::StatusOr<Schema> InputSchema(const OperatorSpec& spec, const Plan& plan, int input);

// The aggregation whose groups an operator's rows are, looking through filters; nullptr when its
// rows are something else.
const AggregateSpec* GroupsBelow(const OperatorSpec& spec, const Plan& plan);

}  // namespace weir

#endif  // WEIR_OPERATORS_INPUT_SCHEMA_H_
