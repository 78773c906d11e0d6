// One INSERT as the planner lays it out: stages in the source's vertex, perhaps an aggregation, and
// stages above it.
#ifndef WEIR_SQL_BRANCH_H_
#define WEIR_SQL_BRANCH_H_

#include <optional>
#include <vector>

#include "model/plan.h"
#include "sql/bind_query.h"
#include "sql/catalog.h"
#include "sql/relation.h"

namespace weir {

struct Branch {
  int insert = 0;  // in Plan::inserts
  int source = 0;  // in Catalog::sources()
  int sink = 0;    // in Catalog::sinks()
  int vertex = 0;
  // Over SourceRow(), ending in a projection: to the sink's columns, or to the partial aggregate's
  // input.
  std::vector<Stage> below;
  std::optional<AggregateSpec> aggregate;  // without state_id
  std::vector<Stage> above;                // over AggregateOutput(), to the sink's columns
  Schema late;                             // AggregateSpec::late; empty without late_path
};

Branch MakeBranch(const Catalog& catalog, const BoundInsert& bound, int insert);

// The row that a source can give: its declared columns, then the pseudo-columns.
Schema SourceRow(const SourceTable& source);
// Port 0 of the final aggregate; `input` is that of the partial one, for names.
Schema AggregateOutput(const AggregateSpec& spec, const Schema& input);

}  // namespace weir

#endif  // WEIR_SQL_BRANCH_H_
