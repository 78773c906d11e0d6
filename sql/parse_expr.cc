// Expressions of libpg_query's tree: operators, tests, logic, CASE, constants, columns.
#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "nlohmann/json.hpp"
#include "sql/lexer.h"
#include "sql/parse.h"
#include "sql/parse_tree.h"

namespace weir {
namespace {

struct Instead {
  std::string_view kind;
  std::string_view message;
};

constexpr Instead kOtherExpressions[] = {
    {"SQLValueFunction",
     "the current time isn't supported: a replay after a failure would compute something else; "
     "use _timestamp, the record's time in Kafka"},
    {"ParamRef",
     "parameters like $1 aren't supported; write ${NAME} and submit with --var NAME=VALUE"},
    {"A_ArrayExpr", "arrays aren't supported yet"},
    {"A_Indirection", "subscripts and fields of nested values aren't supported yet"},
    {"RowExpr", "row values aren't supported"},
    {"CollateClause", "COLLATE isn't supported: text compares byte by byte"},
    {"GroupingFunc", "GROUPING isn't supported"},
    {"XmlExpr", "XML isn't supported"},
    {"XmlSerialize", "XML isn't supported"},
    {"CurrentOfExpr", "cursors aren't supported"},
    {"SetToDefault", "DEFAULT isn't supported as a value; leave the column out of the column list"},
    {"MultiAssignRef", "this isn't supported as an expression"},
};

}  // namespace

absl::StatusOr<AstExpr> TreeReader::ReadExpr(const Json& json) {
  TreeNode node = TreeNode::Wrapped(json);
  if (++depth_ > kNestingMax) {
    return Refuse(node.at(), absl::StrCat("the expression is nested more than ", kNestingMax,
                                          " levels deep; shorten it"));
  }
  WEIR_ASSIGN_OR_RETURN(AstExpr expr, ReadExprNode(node));
  WEIR_RETURN_IF_ERROR(CheckRead(node, expr.at, "the expression"));
  --depth_;
  return expr;
}

absl::StatusOr<AstExpr> TreeReader::ReadExprNode(TreeNode& node) {
  const std::string& kind = node.kind();
  if (kind == "A_Const") return ReadConstant(node);
  if (kind == "ColumnRef") return ReadColumnRef(node);
  if (kind == "A_Expr") return ReadOperator(node);
  if (kind == "NullTest" || kind == "BooleanTest") return ReadTest(node);
  if (kind == "BoolExpr" || kind == "CoalesceExpr" || kind == "MinMaxExpr") return ReadLogic(node);
  if (kind == "CaseExpr") return ReadCase(node);
  if (kind == "FuncCall" || kind == "NamedArgExpr") return ReadCall(node);
  if (kind == "SubLink") return ReadSubLink(node);
  if (kind == "TypeCast") return ReadCast(node);
  for (const Instead& known : kOtherExpressions) {
    if (known.kind == kind) return Refuse(node.at(), known.message);
  }
  return Refuse(node.at(), absl::StrCat("this kind of expression isn't supported (", kind, ")"));
}

absl::Status TreeReader::ReadArgs(const std::vector<const Json*>& list, AstExpr* out) {
  for (const Json* json : list) {
    WEIR_ASSIGN_OR_RETURN(AstExpr arg, ReadExpr(*json));
    out->args.push_back(std::move(arg));
  }
  return absl::OkStatus();
}

absl::StatusOr<AstExpr> TreeReader::ReadConstant(TreeNode& node) {
  AstExpr constant;
  constant.at = node.at();
  if (node.Flag("isnull")) {
    constant.kind = AstKind::kNull;
  } else if (const Json* boolean = node.Field("boolval")) {
    constant.kind = AstKind::kBoolean;
    constant.text = TreeNode("Boolean", *boolean).Flag("boolval") ? "true" : "false";
  } else if (const Json* integer = node.Field("ival")) {
    constant.kind = AstKind::kNumber;
    WEIR_ASSIGN_OR_RETURN(const int value, ReadInteger(*integer, constant.at));
    constant.text = absl::StrCat(value);
  } else if (const Json* number = node.Field("fval")) {
    constant.kind = AstKind::kNumber;
    constant.text = TreeNode("Float", *number).Text("fval");
  } else if (const Json* text = node.Field("sval")) {
    constant.kind = AstKind::kString;
    constant.text = TreeNode("String", *text).Text("sval");
  } else {
    return Refuse(constant.at, "bit strings aren't supported; bytes are written '\\x1f'::bytea");
  }
  return constant;
}

absl::StatusOr<AstExpr> TreeReader::ReadColumnRef(TreeNode& node) {
  AstExpr column;
  column.kind = AstKind::kColumn;
  column.at = node.at();
  Lexer lexer(script_.filled(), column.at);
  for (const Json* field : node.List("fields")) {
    const Token token = lexer.Next();
    lexer.Next();  // the dot
    if (TreeNode::Wrapped(*field).kind() == "A_Star") {
      column.kind = AstKind::kStar;
    } else {
      column.path.push_back(Spelt(token.begin, StringOf(*field)));
    }
  }
  if (column.path.size() > 2) {
    return Refuse(column.at, "a column is named column or table.column");
  }
  return column;
}

absl::StatusOr<AstExpr> TreeReader::ReadOperator(TreeNode& node) {
  AstExpr expr;
  const std::string kind = node.Text("kind");
  const std::vector<const Json*> name = node.List("name");
  const int at = node.Number("location", -1);
  expr.text = StringOf(*name.back());
  const Json* left = node.Field("lexpr");
  const Json* right = node.Field("rexpr");
  // Errors about an operator point at it; what it makes begins with its left side.
  expr.at = at;
  if (left != nullptr) WEIR_RETURN_IF_ERROR(ReadArgs({left}, &expr));
  const bool list = right != nullptr && TreeNode::Wrapped(*right).kind() == "List";
  if (right != nullptr) {
    WEIR_RETURN_IF_ERROR(ReadArgs(
        list ? TreeNode::Wrapped(*right).List("items") : std::vector<const Json*>{right}, &expr));
  }
  const bool exclaims = !expr.text.empty() && expr.text[0] == '!';
  if (kind == "AEXPR_OP") {
    if (name.size() > 1)
      return Refuse(at, "OPERATOR(schema.x) isn't supported; write the operator");
    expr.kind = AstKind::kOperator;
  } else if (kind == "AEXPR_IN") {
    expr.kind = AstKind::kIn;
    expr.negated = expr.text == "<>";
  } else if (kind == "AEXPR_BETWEEN" || kind == "AEXPR_NOT_BETWEEN") {
    expr.kind = AstKind::kBetween;
    expr.negated = kind == "AEXPR_NOT_BETWEEN";
  } else if (kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE") {
    expr.kind = kind == "AEXPR_LIKE" ? AstKind::kLike : AstKind::kILike;
    expr.negated = exclaims;
  } else if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT") {
    expr.kind = AstKind::kDistinct;
    expr.negated = kind == "AEXPR_NOT_DISTINCT";
  } else if (kind == "AEXPR_NULLIF") {
    expr.kind = AstKind::kNullIf;
  } else if (kind == "AEXPR_SIMILAR") {
    return Refuse(at, "SIMILAR TO isn't supported; use LIKE or the regular expression operator ~");
  } else if (kind == "AEXPR_BETWEEN_SYM" || kind == "AEXPR_NOT_BETWEEN_SYM") {
    return Refuse(at,
                  "BETWEEN SYMMETRIC isn't supported; order the bounds with least and greatest");
  } else if (kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") {
    return Refuse(at, "ANY and ALL over arrays aren't supported; use IN (...)");
  } else {
    return Refuse(at, absl::StrCat("this operator isn't supported (", kind, ")"));
  }
  return expr;
}

absl::StatusOr<AstExpr> TreeReader::ReadTest(TreeNode& node) {
  AstExpr expr;
  expr.at = node.Number("location", -1);
  WEIR_RETURN_IF_ERROR(ReadArgs({node.Field("arg")}, &expr));
  const std::string test =
      node.kind() == "NullTest" ? node.Text("nulltesttype") : node.Text("booltesttype");
  struct Test {
    std::string_view name;
    AstKind kind;
    bool negated;
  };
  constexpr Test kTests[] = {
      {"IS_NULL", AstKind::kIsNull, false},       {"IS_NOT_NULL", AstKind::kIsNull, true},
      {"IS_TRUE", AstKind::kIsTrue, false},       {"IS_NOT_TRUE", AstKind::kIsTrue, true},
      {"IS_FALSE", AstKind::kIsFalse, false},     {"IS_NOT_FALSE", AstKind::kIsFalse, true},
      {"IS_UNKNOWN", AstKind::kIsUnknown, false}, {"IS_NOT_UNKNOWN", AstKind::kIsUnknown, true},
  };
  const auto found = std::find_if(std::begin(kTests), std::end(kTests),
                                  [&](const Test& known) { return known.name == test; });
  if (found == std::end(kTests)) return Refuse(expr.at, "this test isn't supported");
  expr.kind = found->kind;
  expr.negated = found->negated;
  return expr;
}

absl::StatusOr<AstExpr> TreeReader::ReadLogic(TreeNode& node) {
  AstExpr expr;
  expr.at = node.Number("location", -1);
  WEIR_RETURN_IF_ERROR(ReadArgs(node.List("args"), &expr));
  if (node.kind() == "CoalesceExpr") {
    expr.kind = AstKind::kCoalesce;
  } else if (node.kind() == "MinMaxExpr") {
    expr.kind = node.Text("op") == "IS_GREATEST" ? AstKind::kGreatest : AstKind::kLeast;
  } else {
    const std::string op = node.Text("boolop");
    expr.kind = op == "AND_EXPR" ? AstKind::kAnd : op == "OR_EXPR" ? AstKind::kOr : AstKind::kNot;
  }
  return expr;
}

absl::StatusOr<AstExpr> TreeReader::ReadCase(TreeNode& node) {
  AstExpr expr;
  expr.kind = AstKind::kCase;
  expr.at = node.Number("location", -1);
  if (const Json* operand = node.Field("arg")) {
    expr.has_operand = true;
    WEIR_RETURN_IF_ERROR(ReadArgs({operand}, &expr));
  }
  for (const Json* json : node.List("args")) {
    TreeNode when = TreeNode::Wrapped(*json);
    WEIR_RETURN_IF_ERROR(ReadArgs({when.Field("expr"), when.Field("result")}, &expr));
    WEIR_RETURN_IF_ERROR(CheckRead(when, expr.at, "CASE"));
  }
  if (const Json* otherwise = node.Field("defresult")) {
    WEIR_RETURN_IF_ERROR(ReadArgs({otherwise}, &expr));
  } else {
    AstExpr null;
    null.at = expr.at;
    expr.args.push_back(std::move(null));
  }
  return expr;
}

}  // namespace weir
