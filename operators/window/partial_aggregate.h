// The source side of a windowed aggregation: aggregates what arrives per pane and group, so that
// the exchange carries groups instead of rows (notes/internals.md §1).
//
// Partials leave when the watermark passes their pane, when the tables pass their share of memory,
// and at Drain, so no checkpoint ever holds them. Rows that the owner might find late (their pane
// ends at or before a watermark that this side knows, or the owners' watermarks aren't known yet)
// leave one by one, raw, because only single rows can be judged and recorded. When nearly every key
// of a pane is new, its rows leave one by one too, without a table.
#ifndef WEIR_OPERATORS_WINDOW_PARTIAL_AGGREGATE_H_
#define WEIR_OPERATORS_WINDOW_PARTIAL_AGGREGATE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/plan.h"
#include "operators/operator.h"

namespace weir {

// Of a PartialAggregateOp. INVALID_ARGUMENT when the plan names an aggregate that doesn't exist or
// a window that can't be.
absl::StatusOr<std::unique_ptr<Operator>> MakePartialAggregate(const OperatorSpec& spec);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PARTIAL_AGGREGATE_H_
