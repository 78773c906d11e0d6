#include "sql/bind_expr.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/functions.h"
#include "model/options.h"
#include "sql/catalog.h"
#include "sql/lexer.h"
#include "sql/literal.h"
#include "sql/overload.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

const DataType kBool = DataType::Of(TypeKind::kBoolean);
constexpr size_t kNodesMax = 100'000;

}  // namespace

absl::StatusOr<Bound> ExprBinder::Bind(const AstExpr& ast) {
  if (grouped_ != nullptr) {
    WEIR_ASSIGN_OR_RETURN(std::optional<Bound> found, grouped_->Find(ast));
    if (found.has_value()) return *std::move(found);
  }
  return BindNode(ast);
}

absl::StatusOr<Bound> ExprBinder::BindNode(const AstExpr& ast) {
  switch (ast.kind) {
    case AstKind::kColumn:
      return BindColumn(ast);
    case AstKind::kStar:
      return script_.Error(ast.at, "* stands for all columns of a select list; it has no value");
    case AstKind::kNumber:
      return BindNumber(ast);
    case AstKind::kString:
      return Bound{LiteralExpr(Value{DataType::Of(TypeKind::kText), ast.text}), ast.at, true};
    case AstKind::kBoolean:
      return Bound{BooleanExpr(ast.text == "true"), ast.at, false};
    case AstKind::kNull:
      return Bound{NullExpr(DataType::Of(TypeKind::kNull)), ast.at, true};
    case AstKind::kOperator:
      return BindOperator(ast);
    case AstKind::kFunction:
      return BindFunction(ast);
    case AstKind::kNamedArg:
      return script_.Error(ast.at, "arguments with names are for window functions only");
    case AstKind::kSubquery:
      return script_.Error(ast.at,
                           "a subquery as a value isn't supported: it is a join, and joins "
                           "aren't supported yet");
    case AstKind::kCast:
      return BindCast(ast);
    case AstKind::kAnd:
    case AstKind::kOr:
    case AstKind::kNot:
      return BindLogic(ast);
    case AstKind::kIsNull:
    case AstKind::kIsTrue:
    case AstKind::kIsFalse:
    case AstKind::kIsUnknown:
      return BindTruth(ast);
    case AstKind::kCase:
      return BindCase(ast);
    case AstKind::kCoalesce:
    case AstKind::kGreatest:
    case AstKind::kLeast:
      return BindCommon(ast);
    case AstKind::kNullIf:
      return BindNullIf(ast);
    case AstKind::kIn:
      return BindIn(ast);
    case AstKind::kBetween:
      return BindBetween(ast);
    case AstKind::kLike:
    case AstKind::kILike:
      return BindLike(ast);
    case AstKind::kDistinct: {
      WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
      WEIR_ASSIGN_OR_RETURN(Bound call,
                            Call("is_distinct_from", "IS DISTINCT FROM", std::move(args), ast.at));
      if (ast.negated) call.expr = NotExpr(std::move(call.expr));
      return call;
    }
  }
  return script_.Error(ast.at, "this expression isn't supported");
}

absl::StatusOr<std::vector<Bound>> ExprBinder::BindArgs(const AstExpr& ast) {
  std::vector<Bound> args;
  for (const AstExpr& arg : ast.args) {
    WEIR_ASSIGN_OR_RETURN(Bound bound, Bind(arg));
    args.push_back(std::move(bound));
  }
  return args;
}

absl::StatusOr<int> ExprBinder::FindColumn(const AstExpr& ast) const {
  const Name& name = ast.path.back();
  if (ast.path.size() == 2 && !Matches(ast.path[0], input_.alias)) {
    return script_.Error(
        ast.at, absl::StrCat("table ", ast.path[0].text, " isn't in FROM; FROM has ",
                             input_.alias.empty() ? "a subquery without a name" : input_.alias));
  }
  // The exact spelling comes before one that differs in case.
  int exact = 0, similar = 0, first_exact = -1, first_similar = -1;
  for (size_t i = 0; i < input_.columns.size(); ++i) {
    const std::string& spelling = input_.columns[i].name;
    if (spelling == name.text) {
      if (exact++ == 0) first_exact = static_cast<int>(i);
    } else if (Matches(name, spelling)) {
      if (similar++ == 0) first_similar = static_cast<int>(i);
    }
  }
  if (exact == 1) return first_exact;
  if (exact == 0 && similar == 1) return first_similar;
  if (exact + similar > 0) {
    return script_.Error(name.at,
                         absl::StrCat("column ", name.text, " is ambiguous: several columns of ",
                                      input_.alias.empty() ? "FROM" : input_.alias,
                                      " match; give them different names"));
  }
  std::vector<std::string> spellings;
  for (const RelationColumn& column : input_.columns) spellings.push_back(column.name);
  std::vector<std::string> visible;
  for (const RelationColumn& column : input_.columns) {
    if (!column.hidden) visible.push_back(column.name);
  }
  const std::string near = NearestSpelling(name.text, spellings);
  return script_.Error(
      name.at,
      absl::StrCat(
          "column ", name.quoted ? absl::StrCat("\"", name.text, "\"") : name.text,
          " doesn't exist", input_.alias.empty() ? "" : absl::StrCat(" in ", input_.alias), "; ",
          !near.empty()     ? absl::StrCat("did you mean ", near, "?")
          : visible.empty() ? "there are no columns here"
                            : absl::StrCat("its columns are ", absl::StrJoin(visible, ", "))));
}

absl::StatusOr<Bound> ExprBinder::BindColumn(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(const int index, FindColumn(ast));
  const RelationColumn& column = input_.columns[index];
  if (column.role == ColumnRole::kWindowStart || column.role == ColumnRole::kWindowEnd) {
    return script_.Error(
        ast.at, absl::StrCat(column.name, " has no value in ", AbslView(clause_),
                             ": windows are known only once rows are grouped by them; GROUP BY ",
                             column.name,
                             " by itself and compute with it in the select list or "
                             "in HAVING"));
  }
  return Bound{ColumnExpr(index, column.type), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindNumber(const AstExpr& ast) {
  absl::StatusOr<Value> value = NumberLiteral(ast.text);
  if (!value.ok()) return script_.Error(ast.at, StdView(value.status().message()));
  return Bound{LiteralExpr(*std::move(value)), ast.at, false};
}

absl::StatusOr<Expr> ExprBinder::BindCondition(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(Bound bound, Bind(ast));
  return Coerce(std::move(bound), kBool, absl::StrCat("argument of ", AbslView(clause_)));
}

absl::StatusOr<Expr> ExprBinder::Coerce(Bound bound, const DataType& type,
                                        std::string_view what) const {
  if (bound.untyped && bound.expr.literal.is_null()) return NullExpr(type);
  if (bound.untyped) {
    absl::StatusOr<Value> value = TextAs(std::get<std::string>(bound.expr.literal.data), type);
    if (!value.ok()) return script_.Error(bound.at, StdView(value.status().message()));
    return LiteralExpr(*std::move(value));
  }
  if (CastAllowed(bound.expr.type, type) == CastContext::kImplicit) {
    return CastExpr(std::move(bound.expr), type, /*explicit_cast=*/false);
  }
  return script_.Error(bound.at, absl::StrCat(AbslView(what), " must be of type ", ToString(type),
                                              ", not ", ToString(bound.expr.type)));
}

absl::StatusOr<Bound> ExprBinder::BindLogic(const AstExpr& ast) {
  const char* word = ast.kind == AstKind::kAnd  ? "argument of AND"
                     : ast.kind == AstKind::kOr ? "argument of OR"
                                                : "argument of NOT";
  std::vector<Expr> args;
  for (const AstExpr& arg : ast.args) {
    WEIR_ASSIGN_OR_RETURN(Bound bound, Bind(arg));
    WEIR_ASSIGN_OR_RETURN(Expr expr, Coerce(std::move(bound), kBool, word));
    args.push_back(std::move(expr));
  }
  if (ast.kind == AstKind::kNot) return Bound{NotExpr(std::move(args[0])), ast.at, false};
  const ExprKind kind = ast.kind == AstKind::kAnd ? ExprKind::kAnd : ExprKind::kOr;
  return Bound{LogicExpr(kind, std::move(args)), ast.at, false};
}

// x IS TRUE is COALESCE(x, FALSE); x IS FALSE is NOT COALESCE(x, TRUE).
absl::StatusOr<Bound> ExprBinder::BindTruth(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(Bound arg, Bind(ast.args[0]));
  Expr expr;
  if (ast.kind == AstKind::kIsNull) {
    if (arg.untyped) {
      WEIR_ASSIGN_OR_RETURN(arg.expr, Coerce(arg, DataType::Of(TypeKind::kText), "argument"));
    }
    expr = IsNullExpr(std::move(arg.expr));
  } else {
    WEIR_ASSIGN_OR_RETURN(Expr value, Coerce(std::move(arg), kBool, "argument of IS"));
    if (ast.kind == AstKind::kIsUnknown) {
      expr = IsNullExpr(std::move(value));
    } else {
      const bool is_false = ast.kind == AstKind::kIsFalse;
      expr.kind = ExprKind::kCoalesce;
      expr.type = kBool;
      expr.args = {std::move(value), BooleanExpr(is_false)};
      if (is_false) expr = NotExpr(std::move(expr));
    }
  }
  if (ast.negated) {
    // NOT NOT x is x.
    expr = expr.kind == ExprKind::kNot ? Expr(expr.args[0]) : NotExpr(std::move(expr));
  }
  return Bound{std::move(expr), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindCast(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(Bound arg, Bind(ast.args[0]));
  absl::StatusOr<DataType> type = ResolveType(ast.type);
  if (!type.ok()) return script_.Error(ast.type.at, StdView(type.status().message()));
  if (arg.untyped) {
    WEIR_ASSIGN_OR_RETURN(Expr literal, Coerce(std::move(arg), *type, "argument of CAST"));
    return Bound{std::move(literal), ast.at, false};
  }
  if (CastAllowed(arg.expr.type, *type) == CastContext::kNone) {
    return script_.Error(ast.at, absl::StrCat("cannot cast type ", ToString(arg.expr.type), " to ",
                                              ToString(*type)));
  }
  return Bound{CastExpr(std::move(arg.expr), *type, /*explicit_cast=*/true), ast.at, false};
}

absl::StatusOr<std::vector<Expr>> ExprBinder::Unify(std::vector<Bound> values,
                                                    std::string_view what) const {
  std::vector<ArgumentType> types;
  for (const Bound& value : values) types.push_back({value.expr.type, value.untyped});
  const std::optional<DataType> common = CommonType(types);
  if (!common.has_value() || common->kind == TypeKind::kInterval) {
    const Bound* first = nullptr;
    for (const Bound& value : values) {
      if (value.untyped) continue;
      if (first == nullptr) first = &value;
      const ArgumentType pair[] = {{first->expr.type, false}, {value.expr.type, false}};
      if (CommonType(pair).has_value()) continue;
      return script_.Error(
          value.at,
          absl::StrCat(AbslView(what), " types ", ToString(first->expr.type), " and ",
                       ToString(value.expr.type), " cannot be matched; cast one of them"));
    }
    return script_.Error(values[0].at,
                         absl::StrCat("intervals aren't supported in ", AbslView(what)));
  }
  std::vector<Expr> exprs;
  for (Bound& value : values) {
    WEIR_ASSIGN_OR_RETURN(Expr expr, Coerce(std::move(value), *common, what));
    exprs.push_back(std::move(expr));
  }
  return exprs;
}

absl::Status ExprBinder::CheckCopies(const Bound& copied, size_t copies) const {
  if (copies * Size(copied.expr) <= kNodesMax) return absl::OkStatus();
  return script_.Error(copied.at,
                       absl::StrCat("the expression becomes too large, more than ", kNodesMax,
                                    " operations; compute parts of it in a "
                                    "view"));
}

absl::StatusOr<Bound> ExprBinder::BindCase(const AstExpr& ast) {
  size_t next = 0;
  std::optional<Bound> operand;
  if (ast.has_operand) {
    WEIR_ASSIGN_OR_RETURN(operand, Bind(ast.args[next++]));
    WEIR_RETURN_IF_ERROR(CheckCopies(*operand, ast.args.size() / 2));
  }
  std::vector<Expr> conditions;
  std::vector<Bound> results;
  for (; next + 1 < ast.args.size(); next += 2) {
    WEIR_ASSIGN_OR_RETURN(Bound when, Bind(ast.args[next]));
    if (operand.has_value()) {
      const int at = when.at;
      WEIR_ASSIGN_OR_RETURN(when, Call("eq", "=", {*operand, std::move(when)}, at));
    }
    WEIR_ASSIGN_OR_RETURN(Expr condition, Coerce(std::move(when), kBool, "condition of WHEN"));
    conditions.push_back(std::move(condition));
    WEIR_ASSIGN_OR_RETURN(Bound result, Bind(ast.args[next + 1]));
    results.push_back(std::move(result));
  }
  WEIR_ASSIGN_OR_RETURN(Bound otherwise, Bind(ast.args[next]));
  results.push_back(std::move(otherwise));
  WEIR_ASSIGN_OR_RETURN(std::vector<Expr> values, Unify(std::move(results), "CASE"));
  Expr expr;
  expr.kind = ExprKind::kCase;
  expr.type = values[0].type;
  for (size_t i = 0; i < conditions.size(); ++i) {
    expr.args.push_back(std::move(conditions[i]));
    expr.args.push_back(std::move(values[i]));
  }
  expr.args.push_back(std::move(values.back()));
  return Bound{std::move(expr), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindCommon(const AstExpr& ast) {
  const char* word = ast.kind == AstKind::kCoalesce   ? "COALESCE"
                     : ast.kind == AstKind::kGreatest ? "GREATEST"
                                                      : "LEAST";
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  WEIR_ASSIGN_OR_RETURN(std::vector<Expr> values, Unify(std::move(args), word));
  if (ast.kind == AstKind::kCoalesce) {
    Expr expr;
    expr.kind = ExprKind::kCoalesce;
    expr.type = values[0].type;
    expr.args = std::move(values);
    return Bound{std::move(expr), ast.at, false};
  }
  std::vector<Bound> unified;
  for (Expr& value : values) unified.push_back({std::move(value), ast.at, false});
  return Call(ast.kind == AstKind::kGreatest ? "greatest" : "least", "", std::move(unified),
              ast.at);
}

// NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END.
absl::StatusOr<Bound> ExprBinder::BindNullIf(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  if (args[0].untyped) {
    WEIR_ASSIGN_OR_RETURN(args[0].expr,
                          Coerce(args[0], DataType::Of(TypeKind::kText), "argument of NULLIF"));
    args[0].untyped = false;
  }
  WEIR_RETURN_IF_ERROR(CheckCopies(args[0], 2));
  Expr value = args[0].expr;
  WEIR_ASSIGN_OR_RETURN(Bound equal, Call("eq", "=", std::move(args), ast.at));
  Expr expr;
  expr.kind = ExprKind::kCase;
  expr.type = value.type;
  expr.args = {std::move(equal.expr), NullExpr(value.type), std::move(value)};
  return Bound{std::move(expr), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindIn(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  WEIR_RETURN_IF_ERROR(CheckCopies(args[0], args.size() - 1));
  std::vector<Expr> tests;
  for (size_t i = 1; i < args.size(); ++i) {
    WEIR_ASSIGN_OR_RETURN(Bound test, Call("eq", "=", {args[0], args[i]}, args[i].at));
    tests.push_back(std::move(test.expr));
  }
  Expr expr = LogicExpr(ExprKind::kOr, std::move(tests));
  if (ast.negated) expr = NotExpr(std::move(expr));
  return Bound{std::move(expr), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindBetween(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  WEIR_RETURN_IF_ERROR(CheckCopies(args[0], 2));
  WEIR_ASSIGN_OR_RETURN(Bound low, Call("ge", ">=", {args[0], args[1]}, ast.at));
  WEIR_ASSIGN_OR_RETURN(Bound high, Call("le", "<=", {args[0], args[2]}, ast.at));
  Expr expr = LogicExpr(ExprKind::kAnd, {std::move(low.expr), std::move(high.expr)});
  if (ast.negated) expr = NotExpr(std::move(expr));
  return Bound{std::move(expr), ast.at, false};
}

absl::StatusOr<Bound> ExprBinder::BindLike(const AstExpr& ast) {
  const bool any_case = ast.kind == AstKind::kILike;
  AstExpr flat = ast;
  const AstExpr pattern = ast.args[1];
  if (pattern.kind == AstKind::kFunction && pattern.text == "like_escape") {  // LIKE ... ESCAPE
    flat.args = {ast.args[0], pattern.args[0], pattern.args[1]};
  }
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(flat));
  WEIR_ASSIGN_OR_RETURN(Bound call, Call(any_case ? "ilike" : "like", any_case ? "ILIKE" : "LIKE",
                                         std::move(args), ast.at));
  if (ast.negated) call.expr = NotExpr(std::move(call.expr));
  return call;
}

}  // namespace weir
