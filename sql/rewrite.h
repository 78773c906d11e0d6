// Questions about bound expressions, and rewriting them.
#ifndef WEIR_SQL_REWRITE_H_
#define WEIR_SQL_REWRITE_H_

#include <functional>
#include <string_view>
#include <vector>

#include "model/expr.h"
#include "model/value.h"

namespace weir {

Expr ColumnExpr(int column, const DataType& type);
Expr LiteralExpr(Value value);
Expr NullExpr(const DataType& type);
Expr BooleanExpr(bool value);
Expr NotExpr(Expr arg);
Expr IsNullExpr(Expr arg);
// kAnd or kOr of booleans: nested ones flattened; a single one is itself.
Expr LogicExpr(ExprKind kind, std::vector<Expr> args);
// A cast written out, or folded when it is exact, or `arg` itself when there is nothing to do.
Expr CastExpr(Expr arg, const DataType& type, bool explicit_cast);

// Whether evaluating it can fail on a row.
bool CanFail(const Expr& expr);
// Whether it may be NULL, given which input columns may.
bool CanBeNull(const Expr& expr, const std::vector<bool>& column_nullable);
// A column or a literal: nothing to compute.
bool IsTrivial(const Expr& expr);
bool IsWindowMarker(const Expr& expr);
int Depth(const Expr& expr);
int Size(const Expr& expr);  // nodes
// Input columns that can't be NULL in a row where every condition is TRUE.
std::vector<int> NotNullWhere(const std::vector<Expr>& conditions);

// How often a column is read: anywhere, and where it is evaluated for every row, that is not in
// branches of CASE, COALESCE, AND, OR.
struct ColumnReads {
  int anywhere = 0;
  int always = 0;
};
// Adds the reads of `expr` to those of each column. REQUIRES: `reads` has all columns it may read.
void CountReads(const Expr& expr, std::vector<ColumnReads>* reads);
// Replaces every kColumn by what `replacement` gives for it.
Expr MapColumns(const Expr& expr, const std::function<Expr(const Expr& column)>& replacement);
// `expr` over rows that `definitions` make, as one over the rows beneath.
Expr Substitute(const Expr& expr, const std::vector<Expr>& definitions);

}  // namespace weir

#endif  // WEIR_SQL_REWRITE_H_
