#include "sql/rewrite.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "base/string_view.h"
#include "model/functions.h"
#include "sql/literal.h"
#include "sql/relation.h"

namespace weir {
namespace {

int NumberRank(TypeKind kind) {
  switch (kind) {
    case TypeKind::kSmallint:
      return 1;
    case TypeKind::kInteger:
      return 2;
    case TypeKind::kBigint:
      return 3;
    case TypeKind::kReal:
      return 4;
    case TypeKind::kDouble:
      return 5;
    default:
      return 0;
  }
}

bool CastCanFail(const DataType& from, const DataType& to) {
  if (from.kind == TypeKind::kNull || to.kind == TypeKind::kText) return false;
  const int from_rank = NumberRank(from.kind);
  const int to_rank = NumberRank(to.kind);
  if (from_rank > 0 && to_rank >= from_rank) return false;
  if (from.kind == TypeKind::kNumeric && to.kind == TypeKind::kDouble) return false;
  if (to.kind != TypeKind::kNumeric) return true;
  const bool exact = from.kind == TypeKind::kNumeric || (from_rank > 0 && from_rank <= 3);
  if (!exact) return true;
  const DataType numeric = from.kind == TypeKind::kNumeric ? from : NumericOfInteger(from.kind);
  return numeric.scale > to.scale || numeric.precision - numeric.scale > to.precision - to.scale;
}

bool CallCanBeNull(const Expr& call, const std::vector<bool>& column_nullable) {
  const auto can_be_null = [&](const Expr& arg) { return CanBeNull(arg, column_nullable); };
  const FunctionSignature* signature = FindFunction(call.function);
  if (signature == nullptr) return !IsWindowMarker(call);
  if (signature->strict) return std::any_of(call.args.begin(), call.args.end(), can_be_null);
  if (signature->name == "is_distinct_from" || signature->name == "concat") return false;
  if (signature->name == "concat_ws") return can_be_null(call.args[0]);
  if (signature->name == "greatest" || signature->name == "least") {
    return std::all_of(call.args.begin(), call.args.end(), can_be_null);
  }
  return true;
}

// The first argument of these is evaluated for every row, the others for some.
bool HasBranches(ExprKind kind) {
  return kind == ExprKind::kCase || kind == ExprKind::kCoalesce || kind == ExprKind::kAnd ||
         kind == ExprKind::kOr;
}

void CountReadsIn(const Expr& expr, bool always, std::vector<ColumnReads>* reads) {
  if (expr.kind == ExprKind::kColumn) {
    ++(*reads)[expr.column].anywhere;
    if (always) ++(*reads)[expr.column].always;
  }
  for (size_t i = 0; i < expr.args.size(); ++i) {
    CountReadsIn(expr.args[i], always && (i == 0 || !HasBranches(expr.kind)), reads);
  }
}

}  // namespace

Expr ColumnExpr(int column, const DataType& type) {
  Expr expr;
  expr.kind = ExprKind::kColumn;
  expr.type = type;
  expr.column = column;
  return expr;
}

Expr LiteralExpr(Value value) {
  Expr expr;
  expr.kind = ExprKind::kLiteral;
  expr.type = value.type;
  expr.literal = std::move(value);
  return expr;
}

Expr NullExpr(const DataType& type) { return LiteralExpr(Value{type, std::monostate()}); }

Expr BooleanExpr(bool value) { return LiteralExpr(Value{DataType::Of(TypeKind::kBoolean), value}); }

Expr NotExpr(Expr arg) {
  Expr expr;
  expr.kind = ExprKind::kNot;
  expr.type = DataType::Of(TypeKind::kBoolean);
  expr.args.push_back(std::move(arg));
  return expr;
}

Expr IsNullExpr(Expr arg) {
  Expr expr;
  expr.kind = ExprKind::kIsNull;
  expr.type = DataType::Of(TypeKind::kBoolean);
  expr.args.push_back(std::move(arg));
  return expr;
}

Expr LogicExpr(ExprKind kind, std::vector<Expr> args) {
  Expr expr;
  expr.kind = kind;
  expr.type = DataType::Of(TypeKind::kBoolean);
  for (Expr& arg : args) {
    if (arg.kind == kind) {
      for (Expr& inner : arg.args) expr.args.push_back(std::move(inner));
    } else {
      expr.args.push_back(std::move(arg));
    }
  }
  if (expr.args.size() == 1) {
    Expr only = std::move(expr.args[0]);
    return only;
  }
  return expr;
}

Expr CastExpr(Expr arg, const DataType& type, bool explicit_cast) {
  if (arg.type == type) return arg;
  if (arg.kind == ExprKind::kLiteral) {
    if (arg.literal.is_null()) return NullExpr(type);
    if (std::optional<Value> folded = FoldNumberCast(arg.literal, type)) {
      return LiteralExpr(*std::move(folded));
    }
  }
  Expr expr;
  expr.kind = ExprKind::kCast;
  expr.type = type;
  expr.explicit_cast = explicit_cast;
  expr.args.push_back(std::move(arg));
  return expr;
}

bool CanFail(const Expr& expr) {
  if (expr.kind == ExprKind::kCall) {
    const FunctionSignature* signature = FindFunction(expr.function);
    if (signature != nullptr && signature->fallible) return true;
  }
  if (expr.kind == ExprKind::kCast && CastCanFail(expr.args[0].type, expr.type)) return true;
  return std::any_of(expr.args.begin(), expr.args.end(), CanFail);
}

bool CanBeNull(const Expr& expr, const std::vector<bool>& column_nullable) {
  const auto can_be_null = [&](const Expr& arg) { return CanBeNull(arg, column_nullable); };
  switch (expr.kind) {
    case ExprKind::kColumn:
      return column_nullable[expr.column];
    case ExprKind::kLiteral:
      return expr.literal.is_null();
    case ExprKind::kCall:
      return CallCanBeNull(expr, column_nullable);
    case ExprKind::kIsNull:
      return false;
    case ExprKind::kCast:
    case ExprKind::kNot:
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return std::any_of(expr.args.begin(), expr.args.end(), can_be_null);
    case ExprKind::kCoalesce:
      return std::all_of(expr.args.begin(), expr.args.end(), can_be_null);
    case ExprKind::kCase:
      for (size_t i = 1; i < expr.args.size(); i += 2) {
        if (can_be_null(expr.args[i])) return true;
      }
      return can_be_null(expr.args.back());
  }
  return true;
}

bool IsTrivial(const Expr& expr) {
  return expr.kind == ExprKind::kColumn || expr.kind == ExprKind::kLiteral || IsWindowMarker(expr);
}

bool IsWindowMarker(const Expr& expr) {
  return expr.kind == ExprKind::kCall &&
         (expr.function == kWindowStartMarker || expr.function == kWindowEndMarker);
}

int Depth(const Expr& expr) {
  int depth = 0;
  for (const Expr& arg : expr.args) depth = std::max(depth, Depth(arg));
  return depth + 1;
}

int Size(const Expr& expr) {
  int size = 1;
  for (const Expr& arg : expr.args) size += Size(arg);
  return size;
}

std::vector<int> NotNullWhere(const std::vector<Expr>& conditions) {
  std::vector<int> columns;
  const auto add = [&](const Expr& expr) {
    if (expr.kind == ExprKind::kColumn) columns.push_back(expr.column);
  };
  for (const Expr& condition : conditions) {
    const bool is_not_null =
        condition.kind == ExprKind::kNot && condition.args[0].kind == ExprKind::kIsNull;
    if (is_not_null) add(condition.args[0].args[0]);
    add(condition);
    if (condition.kind != ExprKind::kCall) continue;
    const FunctionSignature* signature = FindFunction(condition.function);
    if (signature == nullptr || !signature->strict) continue;
    for (const Expr& arg : condition.args) add(arg);
  }
  return columns;
}

void CountReads(const Expr& expr, std::vector<ColumnReads>* reads) {
  CountReadsIn(expr, /*always=*/true, reads);
}

Expr MapColumns(const Expr& expr, const std::function<Expr(const Expr& column)>& replacement) {
  if (expr.kind == ExprKind::kColumn) return replacement(expr);
  Expr mapped = expr;
  for (Expr& arg : mapped.args) arg = MapColumns(arg, replacement);
  return mapped;
}

Expr Substitute(const Expr& expr, const std::vector<Expr>& definitions) {
  return MapColumns(expr, [&](const Expr& column) { return definitions[column.column]; });
}

}  // namespace weir
