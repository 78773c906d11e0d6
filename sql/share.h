// Computes once what a step would compute several times: lower(x) IN ('a', 'b') is two comparisons
// of one lower(x).
#ifndef WEIR_SQL_SHARE_H_
#define WEIR_SQL_SHARE_H_

#include <vector>

#include "sql/relation.h"

namespace weir {

// Puts a projection in front of a stage for expressions that it, or the filter and what follows it,
// would evaluate more than once. Expressions that can fail move only when the first evaluation
// happens for every row anyway: a row fails exactly when it would have. REQUIRES: fused stages,
// the last a projection.
void ShareSubexpressions(std::vector<Stage>* stages);

}  // namespace weir

#endif  // WEIR_SQL_SHARE_H_
