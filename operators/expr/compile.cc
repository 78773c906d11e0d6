// From a bound expression to nodes, checking that it is one this binary can run.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/functions.h"
#include "operators/expr/kernel_registry.h"
#include "operators/expr/node.h"

namespace weir::expr {
namespace {

absl::Status Malformed(const Expr& expr, const Schema& input, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("expression ", ToString(expr, input), ": ", AbslView(why)));
}

absl::StatusOr<NodePtr> CompileColumn(const Expr& expr, const Schema& input) {
  if (expr.column < 0 || expr.column >= input.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expression reads column ", expr.column, " of ", input.size()));
  }
  const DataType& actual = input.columns[expr.column].type;
  if (actual != expr.type) {
    return Malformed(
        expr, input,
        absl::StrCat("the column is ", ToString(actual), ", not ", ToString(expr.type)));
  }
  return MakeColumnNode(expr.type, expr.column);
}

bool FitsSignature(const Expr& call, const FunctionSignature& signature) {
  const size_t declared = signature.args.size();
  if (signature.variadic ? call.args.size() < declared : call.args.size() != declared) return false;
  for (size_t i = 0; i < call.args.size(); ++i) {
    const TypeKind kind = call.args[i].type.kind;
    if (kind != signature.args[std::min(i, declared - 1)] && kind != TypeKind::kNull) return false;
  }
  return true;
}

absl::StatusOr<NodePtr> CompileCall(const Expr& expr, const Schema& input,
                                    std::vector<NodePtr> args) {
  const FunctionSignature* signature = FindFunction(expr.function);
  const KernelFactory* factory = AllKernels().Find(expr.function);
  if (signature == nullptr || factory == nullptr) {
    return Malformed(expr, input, absl::StrCat("this version has no function ", expr.function));
  }
  if (!FitsSignature(expr, *signature)) {
    return Malformed(expr, input, absl::StrCat("arguments don't fit ", expr.function));
  }
  for (const Expr& arg : expr.args) {
    if (arg.type.kind == TypeKind::kInterval && arg.kind != ExprKind::kLiteral) {
      return Malformed(expr, input, "an interval has to be a literal");
    }
  }
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, (*factory)(expr));
  return MakeCallNode(expr.type, signature->fallible, signature->strict, std::move(kernel),
                      std::move(args));
}

// Whether a cast between two types may fail on some row.
bool CastMayFail(const DataType& from, const DataType& to) {
  if (to.kind == TypeKind::kText) return false;
  return CastAllowed(from, to) != CastContext::kImplicit || to.kind == TypeKind::kNumeric ||
         to.kind == TypeKind::kTimestamp || to.kind == TypeKind::kTimestamptz;
}

absl::StatusOr<NodePtr> CompileCast(const Expr& expr, const Schema& input,
                                    std::vector<NodePtr> args) {
  const DataType& from = expr.args[0].type;
  if (from.kind == TypeKind::kNull) return MakeConstantNode(expr.type, Vector::Null(expr.type));
  if (CastAllowed(from, expr.type) == CastContext::kNone) {
    return Malformed(expr, input,
                     absl::StrCat("can't cast ", ToString(from), " to ", ToString(expr.type)));
  }
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, MakeCastKernel(from, expr.type));
  if (kernel == nullptr) return std::move(args[0]);
  return MakeCallNode(expr.type, CastMayFail(from, expr.type), /*strict=*/true, std::move(kernel),
                      std::move(args));
}

bool HasArity(const Expr& expr) {
  const size_t n = expr.args.size();
  switch (expr.kind) {
    case ExprKind::kColumn:
    case ExprKind::kLiteral:
      return n == 0;
    case ExprKind::kCall:
      return true;
    case ExprKind::kCast:
    case ExprKind::kNot:
    case ExprKind::kIsNull:
      return n == 1;
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kCoalesce:
      return n >= 1;
    case ExprKind::kCase:
      return n >= 3 && n % 2 == 1;
  }
  return false;
}

// AND, OR, NOT and the conditions of CASE take booleans; the values of CASE and COALESCE are all of
// the result's type. A NULL literal is of any.
bool HasArgumentTypes(const Expr& expr) {
  auto is = [](const Expr& arg, const DataType& type) {
    return arg.type == type || arg.type.kind == TypeKind::kNull;
  };
  const DataType boolean = DataType::Of(TypeKind::kBoolean);
  for (size_t i = 0; i < expr.args.size(); ++i) {
    const Expr& arg = expr.args[i];
    const bool logic =
        expr.kind == ExprKind::kAnd || expr.kind == ExprKind::kOr || expr.kind == ExprKind::kNot;
    const bool condition =
        logic || (expr.kind == ExprKind::kCase && i % 2 == 0 && i + 1 < expr.args.size());
    if (condition && !is(arg, boolean)) return false;
    const bool value = expr.kind == ExprKind::kCase || expr.kind == ExprKind::kCoalesce;
    if (!condition && value && !is(arg, expr.type)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<NodePtr> CompileExpr(const Expr& expr, const Schema& input) {
  if (!HasArity(expr)) return absl::InvalidArgumentError("expression with a wrong argument count");
  std::vector<NodePtr> args;
  for (const Expr& arg : expr.args) {
    WEIR_ASSIGN_OR_RETURN(NodePtr node, CompileExpr(arg, input));
    args.push_back(std::move(node));
  }
  if (!HasArgumentTypes(expr)) {
    return Malformed(expr, input, "arguments don't fit the type of the whole");
  }
  switch (expr.kind) {
    case ExprKind::kColumn:
      return CompileColumn(expr, input);
    case ExprKind::kLiteral:
      return MakeConstantNode(expr.type, expr.literal.is_null() ? Vector::Null(expr.type)
                                                                : Vector::Constant(expr.literal));
    case ExprKind::kCall:
      return CompileCall(expr, input, std::move(args));
    case ExprKind::kCast:
      return CompileCast(expr, input, std::move(args));
    case ExprKind::kAnd:
      return MakeLogicNode(/*conjunction=*/true, std::move(args));
    case ExprKind::kOr:
      return MakeLogicNode(/*conjunction=*/false, std::move(args));
    case ExprKind::kNot:
      return MakeNotNode(std::move(args[0]));
    case ExprKind::kIsNull:
      return MakeIsNullNode(std::move(args[0]));
    case ExprKind::kCase:
      return MakeCaseNode(expr.type, std::move(args));
    case ExprKind::kCoalesce:
      return MakeCoalesceNode(expr.type, std::move(args));
  }
  return absl::InvalidArgumentError("expression of an unknown kind");
}

}  // namespace weir::expr
