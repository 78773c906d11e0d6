// SQL names of aggregates, as people read them in plans and errors.
#ifndef WEIR_MODEL_AGGREGATE_NAME_H_
#define WEIR_MODEL_AGGREGATE_NAME_H_

#include "model/plan.h"

namespace weir {

// "count" for count(*), count(x) and count(DISTINCT x) alike; "unknown aggregate" for a number that
// a plan of another version may hold.
const char* AggregateName(AggregateKind kind);

}  // namespace weir

#endif  // WEIR_MODEL_AGGREGATE_NAME_H_
