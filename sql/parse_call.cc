// Calls, casts and type names of libpg_query's tree.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "nlohmann/json.hpp"
#include "sql/lexer.h"
#include "sql/parse_tree.h"

namespace weir {
namespace {

// INTERVAL '5' MINUTE: the field is a bit mask in the type's modifier (PostgreSQL's timestamp.h).
struct IntervalField {
  int mask;
  std::string_view unit;
};
constexpr IntervalField kIntervalFields[] = {{1 << 2, "year"},    {1 << 1, "month"},
                                             {1 << 3, "day"},     {1 << 10, "hour"},
                                             {1 << 11, "minute"}, {1 << 12, "second"}};

}  // namespace

absl::StatusOr<AstExpr> TreeReader::ReadCall(TreeNode& node) {
  AstExpr call;
  call.kind = AstKind::kFunction;
  call.at = node.Number("location", -1);
  if (node.kind() == "NamedArgExpr") {
    call.kind = AstKind::kNamedArg;
    call.text = node.Text("name");
    node.Field("argnumber");
    WEIR_RETURN_IF_ERROR(ReadArgs({node.Field("arg")}, &call));
    return call;
  }
  const std::vector<const Json*> name = node.List("funcname");
  call.text = StringOf(*name.back());
  if (name.size() > 1 && (name.size() > 2 || StringOf(*name[0]) != "pg_catalog")) {
    return Refuse(call.at, "functions have no schema in front of their name");
  }
  node.Field("funcformat");
  if (const Json* over = node.Field("over")) {
    const int at = PlaceOf(*over);
    return Refuse(at < 0 ? call.at : at,
                  "OVER isn't supported; windows over event time are "
                  "FROM tumble(table, column, INTERVAL '5 minutes')");
  }
  if (const Json* order = node.Field("agg_order")) {
    return Refuse(PlaceOf(*order), "ORDER BY and WITHIN GROUP in an aggregate aren't supported");
  }
  if (node.Flag("agg_within_group")) return Refuse(call.at, "WITHIN GROUP isn't supported");
  if (node.Flag("func_variadic")) return Refuse(call.at, "VARIADIC isn't supported");
  call.star = node.Flag("agg_star");
  call.distinct = node.Flag("agg_distinct");
  if (const Json* filter = node.Field("agg_filter")) {
    WEIR_ASSIGN_OR_RETURN(AstExpr predicate, ReadExpr(*filter));
    call.filter = std::make_shared<AstExpr>(std::move(predicate));
  }
  WEIR_RETURN_IF_ERROR(ReadArgs(node.List("args"), &call));
  return call;
}

absl::StatusOr<AstExpr> TreeReader::ReadSubLink(TreeNode& node) {
  const int at = node.at();
  const std::string kind = node.Text("subLinkType");
  if (kind == "EXISTS_SUBLINK" || kind == "ANY_SUBLINK" || kind == "ALL_SUBLINK") {
    return Refuse(at,
                  "EXISTS, IN and ANY over a subquery aren't supported: they are joins, and "
                  "joins aren't supported yet");
  }
  if (kind != "EXPR_SUBLINK") return Refuse(at, "this kind of subquery isn't supported");
  AstExpr expr;
  expr.kind = AstKind::kSubquery;
  expr.at = at;
  TreeNode query = TreeNode::Wrapped(*node.Field("subselect"));
  WEIR_ASSIGN_OR_RETURN(expr.select, ReadSelect(std::move(query), at));
  return expr;
}

absl::StatusOr<AstExpr> TreeReader::ReadCast(TreeNode& node) {
  AstExpr cast;
  cast.kind = AstKind::kCast;
  cast.at = node.at();
  WEIR_ASSIGN_OR_RETURN(AstExpr arg, ReadExpr(*node.Field("arg")));
  WEIR_ASSIGN_OR_RETURN(cast.type, ReadType(TreeNode("TypeName", *node.Field("typeName"))));
  if (cast.type.name == "interval" && !cast.type.modifiers.empty()) {
    const int mask = cast.type.modifiers[0];
    cast.type.modifiers.clear();
    WEIR_ASSIGN_OR_RETURN(arg, ReadIntervalField(std::move(arg), mask, cast.at));
  }
  // TRUE and FALSE reach us as constants, or, by some spellings, as 't'::bool.
  cast.args.push_back(std::move(arg));
  return cast;
}

absl::StatusOr<AstExpr> TreeReader::ReadIntervalField(AstExpr literal, int mask, int at) {
  const auto field = std::find_if(std::begin(kIntervalFields), std::end(kIntervalFields),
                                  [&](const IntervalField& known) { return known.mask == mask; });
  if (field == std::end(kIntervalFields) || literal.kind != AstKind::kString) {
    return Refuse(at, "this form of interval isn't supported; write INTERVAL '1 day 02:30:00'");
  }
  const bool bare = literal.text.find_first_not_of("+-0123456789. ") == std::string::npos;
  if (!bare) {
    return Refuse(at, "an interval has its units inside the quotes or behind them, not both");
  }
  absl::StrAppend(&literal.text, " ", AbslView(field->unit));
  return literal;
}

absl::StatusOr<TypeName> TreeReader::ReadType(TreeNode node) {
  TypeName type;
  type.at = node.at();
  const std::vector<const Json*> names = node.List("names");
  node.Field("typemod");
  if (node.Flag("setof")) return Refuse(type.at, "SETOF isn't supported");
  if (node.Flag("pct_type")) return Refuse(type.at, "%TYPE isn't supported");
  if (node.Field("arrayBounds") != nullptr) return Refuse(type.at, "arrays aren't supported yet");
  if (names.empty() || names.size() > 2 ||
      (names.size() == 2 && StringOf(*names[0]) != "pg_catalog")) {
    return Refuse(type.at, "types have no schema in front of their name");
  }
  type.name = StringOf(*names.back());
  for (const Json* modifier : node.List("typmods")) {
    TreeNode constant = TreeNode::Wrapped(*modifier);
    const Json* value = constant.Field("ival");
    if (value == nullptr) return Refuse(type.at, "a type's modifiers are whole numbers");
    WEIR_ASSIGN_OR_RETURN(const int number, ReadInteger(*value, constant.at()));
    type.modifiers.push_back(number);
  }
  if (type.at >= 0) {
    Lexer lexer(script_.filled(), type.at);
    type.written = std::string(lexer.TextOf(lexer.Next()));
  }
  if (type.written.empty()) type.written = type.name;
  WEIR_RETURN_IF_ERROR(CheckRead(node, type.at, "the type"));
  return type;
}

}  // namespace weir
