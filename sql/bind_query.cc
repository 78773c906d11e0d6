#include "sql/bind_query.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "sql/parse.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

// Each is looked up among those beneath, and a view is bound wherever it is read.
constexpr int kColumnsBoundMax = 200'000;

bool IsWindowColumn(const RelationColumn& column) {
  return column.role == ColumnRole::kWindowStart || column.role == ColumnRole::kWindowEnd;
}

// Splits a condition at its ANDs and drops TRUE.
std::vector<Expr> Conjuncts(Expr condition) {
  std::vector<Expr> all;
  if (condition.kind == ExprKind::kAnd) {
    all = std::move(condition.args);
  } else {
    all.push_back(std::move(condition));
  }
  std::erase_if(all, [](const Expr& expr) { return expr == BooleanExpr(true); });
  return all;
}

bool HasAggregates(const SelectNode& select) {
  const bool in_list =
      std::any_of(select.items.begin(), select.items.end(),
                  [](const SelectItem& item) { return ContainsAggregate(item.expr); });
  return in_list || !select.group_by.empty() || select.having.has_value();
}

// Literals of a subquery's select list are text when nothing in it says otherwise.
void ResolveUntyped(BoundQuery* query) {
  const DataType text = DataType::Of(TypeKind::kText);
  for (size_t i = 0; i < query->output.columns.size(); ++i) {
    RelationColumn& column = query->output.columns[i];
    if (!column.untyped) continue;
    column.untyped = false;
    column.type = text;
    Expr& expr = query->stages().back().exprs[i];
    if (expr.literal.is_null()) expr = NullExpr(text);
  }
}

}  // namespace

std::vector<bool> Nullability(const Relation& relation) {
  std::vector<bool> nullable;
  for (const RelationColumn& column : relation.columns) nullable.push_back(column.nullable);
  return nullable;
}

void Narrow(const std::vector<Expr>& conditions, Relation* relation) {
  for (int column : NotNullWhere(conditions)) relation->columns[column].nullable = false;
}

absl::StatusOr<BoundQuery> QueryBinder::BindSelect(const SelectNode& select, Scope scope) {
  if (++depth_ > kNestingMax) {
    return script_.Error(select.at, absl::StrCat("views and subqueries are nested more than ",
                                                 kNestingMax, " levels deep"));
  }
  for (const CommonTable& table : select.with) {
    for (const CommonTable& other : select.with) {
      if (&other == &table) break;
      if (!Matches(table.name, other.name.text)) continue;
      return script_.Error(table.name.at, absl::StrCat("WITH names ", table.name.text, " twice"));
    }
    scope.push_back(&table);
  }
  WEIR_ASSIGN_OR_RETURN(BoundQuery query, BindFrom(select.from, scope));
  if (select.where.has_value()) WEIR_RETURN_IF_ERROR(Where(*select.where, &query));
  if (HasAggregates(select)) {
    WEIR_RETURN_IF_ERROR(Aggregate(select, &query));
  } else {
    const Relation row = query.output;
    WEIR_RETURN_IF_ERROR(SelectList(select, row, nullptr, &query));
  }
  WEIR_RETURN_IF_ERROR(CheckWith(select, scope));
  if (--depth_ > 0) ResolveUntyped(&query);
  return query;
}

// Nothing of a script goes unchecked, not even what nothing reads.
absl::Status QueryBinder::CheckWith(const SelectNode& select, const Scope& scope) {
  const size_t outer = scope.size() - select.with.size();
  // The last first: it may read those before it.
  for (size_t i = select.with.size(); i-- > 0;) {
    if (with_read_.count(&select.with[i]) > 0) continue;
    const Scope before(scope.begin(), scope.begin() + static_cast<int>(outer + i));
    WEIR_RETURN_IF_ERROR(BindSelect(*select.with[i].select, before).status());
    warnings_.push_back(
        {select.with[i].name.at, absl::StrCat("nothing reads ", select.with[i].name.text)});
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundQuery> QueryBinder::BindFrom(const FromItem& from, const Scope& scope) {
  BoundQuery query;
  std::string name;
  switch (from.kind) {
    case FromItem::Kind::kTable: {
      WEIR_ASSIGN_OR_RETURN(query, BindTable(from.table, scope));
      name = from.table.text;
      break;
    }
    case FromItem::Kind::kSubquery: {
      WEIR_ASSIGN_OR_RETURN(query, BindSelect(*from.select, scope));
      break;
    }
    case FromItem::Kind::kFunction: {
      WEIR_ASSIGN_OR_RETURN(query, BindWindow(from, scope));
      name = query.output.alias;
      break;
    }
  }
  query.output.alias = from.alias.empty() ? name : from.alias;
  if (!from.column_aliases.empty()) {
    WEIR_RETURN_IF_ERROR(Rename(from.column_aliases, from.at, query.output.alias, &query));
  }
  return query;
}

absl::StatusOr<BoundQuery> QueryBinder::BindTable(const Name& name, const Scope& scope) {
  for (size_t i = scope.size(); i-- > 0;) {
    if (!Matches(name, scope[i]->name.text)) continue;
    with_read_.insert(scope[i]);
    const Scope outer(scope.begin(), scope.begin() + static_cast<int>(i));
    WEIR_ASSIGN_OR_RETURN(BoundQuery query, BindSelect(*scope[i]->select, outer));
    if (!scope[i]->columns.empty()) {
      WEIR_RETURN_IF_ERROR(Rename(scope[i]->columns, name.at, name.text, &query));
    }
    return query;
  }
  WEIR_ASSIGN_OR_RETURN(const CatalogEntry entry, catalog_.Find(name));
  switch (entry.kind) {
    case CatalogEntry::Kind::kSource:
      return BindSource(entry.index);
    case CatalogEntry::Kind::kView: {
      const View& view = catalog_.views()[entry.index];
      views_read_.insert(view.name.text);
      WEIR_ASSIGN_OR_RETURN(BoundQuery query, BindSelect(*view.select, {}));
      if (!view.columns.empty()) {
        WEIR_RETURN_IF_ERROR(Rename(view.columns, view.name.at, view.name.text, &query));
      }
      return query;
    }
    case CatalogEntry::Kind::kSink:
      break;
  }
  return script_.Error(name.at,
                       absl::StrCat("table ", name.text,
                                    " is a sink: it can be written, not "
                                    "read; to compute once and use it twice, CREATE VIEW"));
}

absl::StatusOr<BoundQuery> QueryBinder::BindSource(int index) {
  const SourceTable& source = catalog_.sources()[index];
  BoundQuery query;
  query.source = index;
  query.output.alias = source.name.text;
  for (const Column& column : source.op.declared.columns) {
    query.output.columns.push_back({column.name, column.type, column.nullable});
  }
  if (source.op.event_time_column >= 0) {
    RelationColumn& column = query.output.columns[source.op.event_time_column];
    column.role = ColumnRole::kEventTime;
    column.nullable = false;  // a row without event time is bad
  }
  const auto pseudo = [&](const char* name, TypeKind kind, bool nullable) {
    query.output.columns.push_back(
        {name, DataType::Of(kind), nullable, ColumnRole::kPlain, /*hidden=*/true});
  };
  pseudo(kPartitionColumn, TypeKind::kInteger, false);
  pseudo(kOffsetColumn, TypeKind::kBigint, false);
  pseudo(kTimestampColumn, TypeKind::kTimestamptz, true);
  pseudo(kKeyColumn, TypeKind::kBytea, true);
  return query;
}

absl::Status QueryBinder::Where(const AstExpr& where, BoundQuery* query) {
  if (ContainsAggregate(where)) {
    return script_.Error(where.at,
                         "aggregate functions are not allowed in WHERE; filter groups with "
                         "HAVING");
  }
  ExprBinder binder(script_, query->output, "WHERE");
  WEIR_ASSIGN_OR_RETURN(Expr condition, binder.BindCondition(where));
  std::vector<Expr> conjuncts = Conjuncts(std::move(condition));
  Narrow(conjuncts, &query->output);
  if (!conjuncts.empty()) {
    query->stages().push_back({Stage::Kind::kFilter, std::move(conjuncts), {}});
  }
  return absl::OkStatus();
}

absl::Status QueryBinder::CheckGrouping(const SelectNode& select, const BoundQuery& query) const {
  if (query.aggregate.has_value()) {
    return script_.Error(select.at,
                         "an aggregation over an aggregation isn't supported yet; compute "
                         "both in one GROUP BY, or read the first one's table with another "
                         "job");
  }
  if (query.window.has_value()) return absl::OkStatus();
  const SourceTable& source = catalog_.sources()[query.source];
  const int event_time = source.op.event_time_column;
  const std::string time =
      event_time < 0 ? "<event time>" : source.op.declared.columns[event_time].name;
  return script_.Error(
      select.at, absl::StrCat("grouping without a window isn't supported yet: write FROM tumble(",
                              source.name.text, ", ", time,
                              ", INTERVAL '5 minutes') and GROUP BY "
                              "window_start",
                              event_time < 0 ? absl::StrCat("; ", source.name.text,
                                                            " needs the option event_time for that")
                                             : ""));
}

absl::Status QueryBinder::Aggregate(const SelectNode& select, BoundQuery* query) {
  WEIR_RETURN_IF_ERROR(CheckGrouping(select, *query));
  const Relation input = query->output;
  AggregateNames names(script_, input);
  for (const AstExpr& key : select.group_by) {
    WEIR_ASSIGN_OR_RETURN(const AstExpr* meant, GroupKey(select, key, input));
    WEIR_RETURN_IF_ERROR(names.AddKey(*meant));
  }
  if (!names.has_window_key()) {
    return script_.Error(select.group_by.empty() ? select.at : select.group_by[0].at,
                         "a query over a window needs window_start or window_end in GROUP BY: its "
                         "groups are those of one window");
  }
  // Calls of HAVING come before those of the select list: what has a place keeps it.
  std::optional<Expr> having;
  if (select.having.has_value()) {
    ExprBinder binder(script_, input, "HAVING", &names);
    WEIR_ASSIGN_OR_RETURN(having, binder.BindCondition(*select.having));
  }
  BoundQuery above;
  above.aggregate.emplace();  // so that stages go above
  WEIR_RETURN_IF_ERROR(SelectList(select, input, &names, &above));
  query->aggregate = names.aggregate();
  if (having.has_value()) {
    std::vector<Expr> conjuncts = Conjuncts(*std::move(having));
    if (!conjuncts.empty()) {
      query->after.push_back({Stage::Kind::kFilter, std::move(conjuncts), {}});
    }
  }
  query->after.push_back(std::move(above.after.back()));
  // NULLs of what the select list computes are known only now that all calls are.
  Relation row = names.Output();
  if (query->after.size() > 1) Narrow(query->after.front().exprs, &row);
  const std::vector<bool> nullable = Nullability(row);
  query->output = std::move(above.output);
  for (size_t i = 0; i < query->output.columns.size(); ++i) {
    query->output.columns[i].nullable = CanBeNull(query->after.back().exprs[i], nullable);
  }
  return absl::OkStatus();
}

// PostgreSQL's rule: an integer is a position in the select list; a name is an input column before
// it is an output column.
absl::StatusOr<const AstExpr*> QueryBinder::GroupKey(const SelectNode& select, const AstExpr& key,
                                                     const Relation& input) const {
  const AstExpr* meant = &key;
  if (key.kind == AstKind::kNumber) {
    int position = 0;
    if (!absl::SimpleAtoi(key.text, &position) || position < 1 ||
        position > static_cast<int>(select.items.size())) {
      return script_.Error(key.at,
                           absl::StrCat("GROUP BY position ", key.text, " is not in select list"));
    }
    meant = &select.items[position - 1].expr;
  } else if (key.kind == AstKind::kColumn && key.path.size() == 1) {
    const bool in_input = std::any_of(
        input.columns.begin(), input.columns.end(),
        [&](const RelationColumn& column) { return Matches(key.path[0], column.name); });
    for (const SelectItem& item : select.items) {
      if (!in_input && !item.alias.empty() && Matches(key.path[0], item.alias)) meant = &item.expr;
    }
  }
  if (meant->kind == AstKind::kStar) {
    return script_.Error(key.at, "GROUP BY takes columns and expressions, not *");
  }
  if (ContainsAggregate(*meant)) {
    return script_.Error(key.at, "aggregate functions are not allowed in GROUP BY");
  }
  return meant;
}

absl::StatusOr<std::vector<SelectItem>> QueryBinder::ExpandStars(const SelectNode& select,
                                                                 const Relation& row) const {
  std::vector<SelectItem> items;
  for (const SelectItem& item : select.items) {
    if (items.size() >= kColumnsMax) {
      return script_.Error(item.expr.at, absl::StrCat("the select list has more than ", kColumnsMax,
                                                      " columns; at most as many are accepted"));
    }
    if (item.expr.kind != AstKind::kStar) {
      items.push_back(item);
      continue;
    }
    if (!item.expr.path.empty() && !Matches(item.expr.path[0], row.alias)) {
      return script_.Error(item.expr.at,
                           absl::StrCat("table ", item.expr.path[0].text, " isn't in FROM"));
    }
    for (const RelationColumn& column : row.columns) {
      if (column.hidden) continue;
      SelectItem expanded;
      expanded.expr.kind = AstKind::kColumn;
      expanded.expr.at = item.expr.at;
      expanded.expr.path.push_back({column.name, /*quoted=*/true, item.expr.at});
      items.push_back(std::move(expanded));
    }
  }
  return items;
}

absl::Status QueryBinder::SelectList(const SelectNode& select, const Relation& row,
                                     GroupedNames* grouped, BoundQuery* query) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<SelectItem> items, ExpandStars(select, row));
  columns_bound_ += static_cast<int>(items.size());
  if (columns_bound_ > kColumnsBoundMax) {
    return script_.Error(select.at,
                         absl::StrCat("the script is too large: with its views filled "
                                      "in, its SELECT lists come to more than ",
                                      kColumnsBoundMax, " columns; split it into several jobs"));
  }
  ExprBinder binder(script_, row, "the select list", grouped);
  const std::vector<bool> nullable = Nullability(row);
  Stage project{Stage::Kind::kProject, {}, {}};
  Relation output;
  output.alias = row.alias;
  for (const SelectItem& item : items) {
    RelationColumn column;
    Bound bound;
    bool is_window = false;
    if (grouped == nullptr && item.expr.kind == AstKind::kColumn) {
      WEIR_ASSIGN_OR_RETURN(const int index, binder.FindColumn(item.expr));
      column = row.columns[index];
      column.hidden = false;
      is_window = IsWindowColumn(column);
      // By itself a window column may pass, for the GROUP BY of a query above.
      if (is_window) bound = {ColumnExpr(index, column.type), item.expr.at};
    }
    if (!is_window) {
      WEIR_ASSIGN_OR_RETURN(bound, binder.Bind(item.expr));
    }
    column.type = bound.expr.type;
    column.untyped = column.untyped || bound.untyped;
    if (!item.alias.empty()) {
      column.name = item.alias;
    } else if (column.name.empty()) {
      column.name = DefaultName(item.expr);
    }
    if (column.type.kind == TypeKind::kInterval) {
      return script_.Error(item.expr.at,
                           "an INTERVAL isn't a value of columns: it is for windows and "
                           "for computing with times");
    }
    if (grouped == nullptr) column.nullable = CanBeNull(bound.expr, nullable);
    project.exprs.push_back(std::move(bound.expr));
    project.names.push_back(column.name);
    output.columns.push_back(std::move(column));
  }
  query->stages().push_back(std::move(project));
  query->output = std::move(output);
  return absl::OkStatus();
}

absl::Status QueryBinder::Rename(const std::vector<std::string>& names, int at,
                                 std::string_view what, BoundQuery* query) const {
  std::vector<RelationColumn*> visible;
  for (RelationColumn& column : query->output.columns) {
    if (!column.hidden) visible.push_back(&column);
  }
  if (names.size() > visible.size()) {
    return script_.Error(at, absl::StrCat(AbslView(what), " names ", names.size(),
                                          " columns, but its query has ", visible.size()));
  }
  for (size_t i = 0; i < names.size(); ++i) visible[i]->name = names[i];
  return absl::OkStatus();
}

absl::Status QueryBinder::CheckView(const View& view) {
  depth_ = 0;
  return BindSelect(*view.select, {}).status();
}

}  // namespace weir
