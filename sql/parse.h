// Text to syntax tree, by PostgreSQL's own grammar (libpg_query).
#ifndef WEIR_SQL_PARSE_H_
#define WEIR_SQL_PARSE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "sql/ast.h"
#include "sql/script.h"

namespace weir {

// Deeper expressions and subqueries are refused: every later step, and the plan's wire form,
// recurses over them.
inline constexpr int kNestingMax = 200;

// The statements of `script`. INVALID_ARGUMENT with the place for the first thing that isn't
// PostgreSQL's grammar or that Weir doesn't do: nothing of a statement is ignored. Recurses as
// deep as the script nests: call it on a large stack (sql/large_stack.h).
absl::StatusOr<std::vector<Statement>> ParseScript(const Script& script);

}  // namespace weir

#endif  // WEIR_SQL_PARSE_H_
