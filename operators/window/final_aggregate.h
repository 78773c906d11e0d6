// The owner side of a windowed aggregation: merges partials, judges which rows are late, fires
// windows once the watermark has passed their end, keeps open panes as durable state.
//
// A window is closed when its end is at or before the watermark. A row is late when every window
// that holds it is closed; then it is counted and, if asked for, handed to port 1.
//
// Open panes live in memory; a barrier copies what changed since the one before. Fired panes go by
// one range delete.
#ifndef WEIR_OPERATORS_WINDOW_FINAL_AGGREGATE_H_
#define WEIR_OPERATORS_WINDOW_FINAL_AGGREGATE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/plan.h"
#include "operators/operator.h"

namespace weir {

// Of a FinalAggregateOp. INVALID_ARGUMENT when the plan names an aggregate that doesn't exist, a
// window that can't be, or an output that isn't the aggregation's.
//
// The task must echo to the sources the larger of its merged watermark and the watermarks of the
// states it restored: up to there rows are judged one by one.
absl::StatusOr<std::unique_ptr<Operator>> MakeFinalAggregate(const OperatorSpec& spec);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_FINAL_AGGREGATE_H_
