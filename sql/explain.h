// EXPLAIN: the physical plan as text, for people and for golden tests.
#ifndef WEIR_SQL_EXPLAIN_H_
#define WEIR_SQL_EXPLAIN_H_

#include <string>

#include "model/plan.h"

namespace weir {

// One paragraph per vertex: its operators in order with what they compute, what their input is when
// it isn't the one before, and the edges that leave it; then the tables that are written. Ends with
// a newline.
std::string ExplainPlan(const Plan& plan);

}  // namespace weir

#endif  // WEIR_SQL_EXPLAIN_H_
