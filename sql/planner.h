// From bound INSERTs to the physical plan (model/plan.h): one vertex per source that is read, with
// all that is done to its rows before keys move, and one per aggregation.
#ifndef WEIR_SQL_PLANNER_H_
#define WEIR_SQL_PLANNER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/plan.h"
#include "sql/bind_query.h"
#include "sql/catalog.h"
#include "sql/script.h"

namespace weir {

struct PlannedInsert {
  BoundInsert bound;
  int at = -1;  // of the statement
};

// INVALID_ARGUMENT when INSERTs don't fit together. Settings are left at their defaults.
absl::StatusOr<Plan> MakePlan(const Script& script, const Catalog& catalog,
                              std::vector<PlannedInsert> inserts);

}  // namespace weir

#endif  // WEIR_SQL_PLANNER_H_
