// A bound scalar expression: names resolved to columns, functions to signatures, every implicit
// cast written out. A value; evaluated by operators/expr.
#ifndef WEIR_MODEL_EXPR_H_
#define WEIR_MODEL_EXPR_H_

#include <string>
#include <vector>

#include "model/types.h"
#include "model/value.h"

namespace weir {

enum class ExprKind {
  kColumn,    // `column` of the input schema
  kLiteral,   // `literal`
  kCall,      // `function` (FunctionSignature::id) applied to args; all args are evaluated
  kCast,      // args[0] cast to `type`; `explicit_cast` tells CAST from an assignment cast
  kAnd,       // n-ary, args evaluated left to right on the rows that still need them
  kOr,        // likewise
  kNot,       // args[0]
  kIsNull,    // args[0] IS NULL
  kCase,      // when1, then1, when2, then2, ..., else (always present, maybe a NULL literal)
  kCoalesce,  // args evaluated left to right on the rows that are still NULL
};

struct Expr {
  ExprKind kind = ExprKind::kLiteral;
  DataType type;         // of the result
  int column = -1;       // kColumn
  Value literal;         // kLiteral; type equals `type`
  std::string function;  // kCall
  std::vector<Expr> args;
  bool explicit_cast = false;  // kCast
  friend bool operator==(const Expr&, const Expr&) = default;
};

// SQL-like text for EXPLAIN and error messages; columns by their names in `input`.
std::string ToString(const Expr& expr, const Schema& input);

// Calls `visit` with the index of every column that the expression reads (repeats possible).
void VisitColumns(const Expr& expr, void (*visit)(int column, void* arg), void* arg);

}  // namespace weir

#endif  // WEIR_MODEL_EXPR_H_
