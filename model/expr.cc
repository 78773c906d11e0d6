#include "model/expr.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/log.h"
#include "base/string_view.h"

namespace weir {
namespace {

// Functions that SQL writes between their arguments; names as in model/functions.h.
constexpr std::pair<std::string_view, std::string_view> kInfix[] = {
    {"add", "+"},        {"subtract", "-"}, {"multiply", "*"},
    {"divide", "/"},     {"modulo", "%"},   {"eq", "="},
    {"ne", "<>"},        {"lt", "<"},       {"le", "<="},
    {"gt", ">"},         {"ge", ">="},      {"is_distinct_from", "IS DISTINCT FROM"},
    {"concat_op", "||"}, {"like", "LIKE"},  {"ilike", "ILIKE"},
};

std::string_view InfixOf(std::string_view name) {
  for (const auto& [function, symbol] : kInfix)
    if (function == name) return symbol;
  return {};
}

const Expr& OnlyArgument(const Expr& expr) {
  WEIR_CHECK(expr.args.size() == 1, "kind=", static_cast<int>(expr.kind));
  return expr.args[0];
}

std::string_view NameOf(std::string_view function_id) {
  return function_id.substr(0, function_id.find('('));
}

bool IsPlainIdentifier(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c >= 128;
  });
}

std::string ColumnText(int column, const Schema& input) {
  if (column < 0 || column >= input.size()) return absl::StrCat("$", column);
  const std::string& name = input.columns[column].name;
  if (IsPlainIdentifier(name)) return name;
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

bool NeedsParentheses(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kColumn:
    case ExprKind::kLiteral:
    case ExprKind::kCast:
    case ExprKind::kCase:
    case ExprKind::kCoalesce:
      return false;
    case ExprKind::kCall: {
      const std::string_view name = NameOf(expr.function);
      return name == "negate" || !InfixOf(name).empty();
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kNot:
    case ExprKind::kIsNull:
      return true;
  }
  return true;
}

std::string Operand(const Expr& expr, const Schema& input) {
  std::string text = ToString(expr, input);
  return NeedsParentheses(expr) ? absl::StrCat("(", text, ")") : text;
}

std::string Joined(const std::vector<Expr>& args, const std::string& separator,
                   const Schema& input) {
  return absl::StrJoin(args, separator, [&](std::string* out, const Expr& arg) {
    absl::StrAppend(out, Operand(arg, input));
  });
}

std::string ArgumentList(std::string_view function, const std::vector<Expr>& args,
                         const Schema& input) {
  return absl::StrCat(AbslView(function), "(",
                      absl::StrJoin(args, ", ",
                                    [&](std::string* out, const Expr& arg) {
                                      absl::StrAppend(out, ToString(arg, input));
                                    }),
                      ")");
}

std::string CallText(const Expr& expr, const Schema& input) {
  const std::string_view name = NameOf(expr.function);
  if (name == "negate" && expr.args.size() == 1)
    return absl::StrCat("-", Operand(expr.args[0], input));
  const std::string_view infix = InfixOf(name);
  if (!infix.empty() && expr.args.size() == 2)
    return Joined(expr.args, absl::StrCat(" ", AbslView(infix), " "), input);
  return ArgumentList(name, expr.args, input);
}

std::string CaseText(const Expr& expr, const Schema& input) {
  std::string text = "CASE";
  size_t i = 0;
  for (; i + 1 < expr.args.size(); i += 2) {
    absl::StrAppend(&text, " WHEN ", ToString(expr.args[i], input), " THEN ",
                    ToString(expr.args[i + 1], input));
  }
  if (i < expr.args.size()) absl::StrAppend(&text, " ELSE ", ToString(expr.args[i], input));
  return absl::StrCat(text, " END");
}

std::string CastText(const Expr& expr, const Schema& input) {
  const Expr& from = OnlyArgument(expr);
  if (expr.explicit_cast)
    return absl::StrCat("CAST(", ToString(from, input), " AS ", ToString(expr.type), ")");
  return absl::StrCat(Operand(from, input), "::", ToString(expr.type));
}

std::string NotText(const Expr& expr, const Schema& input) {
  const Expr& arg = OnlyArgument(expr);
  if (arg.kind == ExprKind::kIsNull)
    return absl::StrCat(Operand(OnlyArgument(arg), input), " IS NOT NULL");
  return absl::StrCat("NOT ", Operand(arg, input));
}

}  // namespace

std::string ToString(const Expr& expr, const Schema& input) {
  switch (expr.kind) {
    case ExprKind::kColumn:
      return ColumnText(expr.column, input);
    case ExprKind::kLiteral:
      return ToString(expr.literal);
    case ExprKind::kCall:
      return CallText(expr, input);
    case ExprKind::kCast:
      return CastText(expr, input);
    case ExprKind::kAnd:
      return Joined(expr.args, " AND ", input);
    case ExprKind::kOr:
      return Joined(expr.args, " OR ", input);
    case ExprKind::kNot:
      return NotText(expr, input);
    case ExprKind::kIsNull:
      return absl::StrCat(Operand(OnlyArgument(expr), input), " IS NULL");
    case ExprKind::kCase:
      return CaseText(expr, input);
    case ExprKind::kCoalesce:
      return ArgumentList("COALESCE", expr.args, input);
  }
  return "?";
}

void VisitColumns(const Expr& expr, void (*visit)(int column, void* arg), void* arg) {
  if (expr.kind == ExprKind::kColumn) visit(expr.column, arg);
  for (const Expr& child : expr.args) VisitColumns(child, visit, arg);
}

}  // namespace weir
