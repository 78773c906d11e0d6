// Queries of libpg_query's tree: SELECT, WITH, FROM, GROUP BY.
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "sql/parse.h"
#include "sql/parse_tree.h"

namespace weir {
namespace {

struct Clause {
  const char* field;
  const char* message;
};

constexpr Clause kRefusedClauses[] = {
    {"distinctClause",
     "DISTINCT isn't supported yet; over a window, GROUP BY window_start and the columns instead"},
    {"intoClause", "SELECT INTO isn't supported; write INSERT INTO <table> SELECT ..."},
    {"windowClause",
     "WINDOW isn't supported; windows over event time are "
     "FROM tumble(table, column, INTERVAL '5 minutes')"},
    {"valuesLists", "VALUES isn't supported: a job reads its rows from a source table"},
    {"sortClause", "ORDER BY isn't supported: a lake table has no order; sort when reading it"},
    {"limitOffset", "OFFSET isn't supported: a stream has no first row"},
    {"limitCount", "LIMIT isn't supported: a stream has no end"},
    {"lockingClause", "FOR UPDATE and the like aren't supported; leave it out"},
};

}  // namespace

absl::StatusOr<TreeReader::Select> TreeReader::ReadSelect(TreeNode node, int at) {
  if (node.at() >= 0) at = node.at();
  if (node.kind() != "SelectStmt") return Refuse(at, "only SELECT is supported as a query");
  if (++depth_ > kNestingMax) {
    return Refuse(at, absl::StrCat("queries are nested more than ", kNestingMax, " levels deep"));
  }
  WEIR_RETURN_IF_ERROR(RefuseClauses(node, at));
  auto select = std::make_shared<SelectNode>();
  select->at = at;
  if (const Json* with = node.Field("withClause")) {
    WEIR_RETURN_IF_ERROR(ReadWith(TreeNode("WithClause", *with), &select->with));
  }
  for (const Json* target : node.List("targetList")) {
    TreeNode item = TreeNode::Wrapped(*target);
    SelectItem read;
    read.alias = item.Text("name");
    WEIR_ASSIGN_OR_RETURN(read.expr, ReadExpr(*item.Field("val")));
    WEIR_RETURN_IF_ERROR(CheckRead(item, read.expr.at, "the select list"));
    select->items.push_back(std::move(read));
  }
  if (select->items.empty()) return Refuse(at, "the select list is empty");
  const std::vector<const Json*> from = node.List("fromClause");
  if (from.empty()) return Refuse(at, "the SELECT has no FROM: a job reads a source table");
  if (from.size() > 1) {
    return Refuse(PlaceOf(*from[1]), "joins aren't supported yet: FROM takes one table");
  }
  WEIR_ASSIGN_OR_RETURN(select->from, ReadFrom(*from[0]));
  if (const Json* where = node.Field("whereClause")) {
    WEIR_ASSIGN_OR_RETURN(select->where, ReadExpr(*where));
  }
  WEIR_ASSIGN_OR_RETURN(select->group_by, ReadGroupBy(node));
  if (const Json* having = node.Field("havingClause")) {
    WEIR_ASSIGN_OR_RETURN(select->having, ReadExpr(*having));
  }
  WEIR_RETURN_IF_ERROR(CheckRead(node, at, "SELECT"));
  --depth_;
  return select;
}

absl::Status TreeReader::RefuseClauses(TreeNode& node, int at) {
  if (node.Text("op") != "SETOP_NONE") {
    return Refuse(at,
                  "UNION, INTERSECT and EXCEPT aren't supported; to put several queries into "
                  "one table write an INSERT for each");
  }
  for (const Clause& clause : kRefusedClauses) {
    const Json* found = node.Field(clause.field);
    if (found == nullptr) continue;
    const int place = PlaceOf(*found);
    return Refuse(place < 0 ? at : place, clause.message);
  }
  if (node.Text("limitOption") != "LIMIT_OPTION_DEFAULT") {
    return Refuse(at, "LIMIT isn't supported: a stream has no end");
  }
  if (node.Flag("groupDistinct")) return Refuse(at, "GROUP BY DISTINCT isn't supported");
  return absl::OkStatus();
}

absl::Status TreeReader::ReadWith(TreeNode node, std::vector<CommonTable>* out) {
  const int at = node.at();
  if (node.Flag("recursive")) return Refuse(at, "WITH RECURSIVE isn't supported");
  for (const Json* json : node.List("ctes")) {
    TreeNode cte = TreeNode::Wrapped(*json);
    CommonTable table;
    const int cte_at = cte.Number("location", -1);
    table.name = Spelt(cte_at, cte.Text("ctename"));
    if (cte.Text("ctematerialized") != "CTEMaterializeDefault") {
      return Refuse(cte_at, "MATERIALIZED isn't supported: leave it out");
    }
    for (const Json* column : cte.List("aliascolnames")) table.columns.push_back(StringOf(*column));
    WEIR_ASSIGN_OR_RETURN(table.select,
                          ReadSelect(TreeNode::Wrapped(*cte.Field("ctequery")), cte_at));
    WEIR_RETURN_IF_ERROR(CheckRead(cte, cte_at, "WITH"));
    out->push_back(std::move(table));
  }
  return CheckRead(node, at, "WITH");
}

absl::StatusOr<FromItem> TreeReader::ReadFrom(const Json& json) {
  TreeNode node = TreeNode::Wrapped(json);
  FromItem item;
  item.at = node.at();
  if (node.kind() == "RangeVar") {
    WEIR_RETURN_IF_ERROR(ReadAlias(node, &item));
    WEIR_ASSIGN_OR_RETURN(item.table, ReadTableName(node));
    return item;
  }
  if (node.kind() == "RangeSubselect") {
    item.kind = FromItem::Kind::kSubquery;
    if (node.Flag("lateral")) return Refuse(item.at, "LATERAL isn't supported");
    WEIR_RETURN_IF_ERROR(ReadAlias(node, &item));
    TreeNode query = TreeNode::Wrapped(*node.Field("subquery"));
    WEIR_ASSIGN_OR_RETURN(item.select, ReadSelect(std::move(query), item.at));
    WEIR_RETURN_IF_ERROR(CheckRead(node, item.at, "the subquery"));
    return item;
  }
  if (node.kind() == "RangeFunction") {
    WEIR_ASSIGN_OR_RETURN(item, ReadTableFunction(node));
    WEIR_RETURN_IF_ERROR(CheckRead(node, item.at, "the function in FROM"));
    return item;
  }
  if (node.kind() == "JoinExpr") {
    return Refuse(item.at, "joins aren't supported yet: FROM takes one table, view or subquery");
  }
  if (node.kind() == "RangeTableSample") return Refuse(item.at, "TABLESAMPLE isn't supported");
  return Refuse(item.at,
                "this isn't supported in FROM; it takes a table, view, subquery or "
                "window function");
}

absl::StatusOr<FromItem> TreeReader::ReadTableFunction(TreeNode& node) {
  FromItem item;
  item.kind = FromItem::Kind::kFunction;
  item.at = node.at();
  if (node.Flag("lateral")) return Refuse(item.at, "LATERAL isn't supported");
  if (node.Flag("ordinality")) return Refuse(item.at, "WITH ORDINALITY isn't supported");
  const std::vector<const Json*> functions = node.List("functions");
  if (node.Flag("is_rowsfrom") || functions.size() != 1) {
    return Refuse(item.at, "ROWS FROM isn't supported");
  }
  if (node.Field("coldeflist") != nullptr) {
    return Refuse(item.at, "a column definition list isn't supported behind a window function");
  }
  WEIR_RETURN_IF_ERROR(ReadAlias(node, &item));
  // A list of the call and its (absent) column definitions.
  TreeNode pair = TreeNode::Wrapped(*functions[0]);
  WEIR_ASSIGN_OR_RETURN(item.function, ReadExpr(*pair.List("items")[0]));
  if (item.function.kind != AstKind::kFunction) {
    return Refuse(item.at, "FROM takes a table, view, subquery or window function");
  }
  return item;
}

absl::Status TreeReader::ReadAlias(TreeNode& node, FromItem* item) {
  const Json* json = node.Field("alias");
  if (json == nullptr) return absl::OkStatus();
  TreeNode alias("Alias", *json);
  item->alias = alias.Text("aliasname");
  for (const Json* column : alias.List("colnames")) {
    item->column_aliases.push_back(StringOf(*column));
  }
  return CheckRead(alias, item->at, "the alias");
}

absl::StatusOr<std::vector<AstExpr>> TreeReader::ReadGroupBy(TreeNode& select) {
  std::vector<AstExpr> keys;
  for (const Json* json : select.List("groupClause")) {
    if (TreeNode::Wrapped(*json).kind() == "GroupingSet") {
      return Refuse(PlaceOf(*json),
                    "ROLLUP, CUBE and GROUPING SETS aren't supported; write an INSERT for each");
    }
    WEIR_ASSIGN_OR_RETURN(AstExpr key, ReadExpr(*json));
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace weir
