// INSERT: which value goes to which column, and its assignment casts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/functions.h"
#include "model/options.h"
#include "sql/bind_query.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

std::vector<std::string> ColumnNames(const Schema& schema) {
  std::vector<std::string> names;
  for (const Column& column : schema.columns) names.push_back(column.name);
  return names;
}

// Where value `i` stands in the script, as near as it is known: an item of the list, or the *.
int ItemPlace(const SelectNode& select, int i) {
  const int items = static_cast<int>(select.items.size());
  return select.items[std::min(i, items - 1)].expr.at;
}

}  // namespace

absl::StatusOr<BoundInsert> QueryBinder::BindInsert(const Insert& insert) {
  BoundInsert bound;
  WEIR_ASSIGN_OR_RETURN(const CatalogEntry entry, catalog_.Find(insert.table));
  if (entry.kind != CatalogEntry::Kind::kSink) {
    return script_.Error(insert.table.at,
                         absl::StrCat(insert.table.text, " is a ",
                                      entry.kind == CatalogEntry::Kind::kView ? "view" : "source",
                                      "; INSERT writes into a sink, a table with "
                                      "connector = 'delta'"));
  }
  bound.sink = entry.index;
  const SinkTable& sink = catalog_.sinks()[entry.index];
  depth_ = 0;
  WEIR_ASSIGN_OR_RETURN(bound.query, BindSelect(*insert.select, {}));
  BoundQuery& query = bound.query;
  if (query.window.has_value() && !query.aggregate.has_value()) {
    return script_.Error(
        query.window_at,
        "a query over a window needs GROUP BY window_start or window_end; to write "
        "rows as they are, read the table itself");
  }
  WEIR_ASSIGN_OR_RETURN(const std::vector<int> values,
                        InsertTargets(insert, sink, static_cast<int>(query.output.columns.size())));
  Stage assign{Stage::Kind::kProject, {}, {}};
  for (int i = 0; i < sink.schema.size(); ++i) {
    const Column& column = sink.schema.columns[i];
    assign.names.push_back(column.name);
    if (values[i] >= 0) {
      WEIR_ASSIGN_OR_RETURN(Expr value, Assign(*insert.select, query, values[i], column));
      assign.exprs.push_back(std::move(value));
      continue;
    }
    if (!column.nullable) {
      return script_.Error(insert.table.at,
                           absl::StrCat("column ", column.name, " of ", sink.name.text,
                                        " is NOT NULL, but the INSERT "
                                        "doesn't give it a value"));
    }
    assign.exprs.push_back(NullExpr(column.type));
  }
  query.stages().push_back(std::move(assign));
  return bound;
}

// For each column of the table the value that goes there, -1 = none.
absl::StatusOr<std::vector<int>> QueryBinder::InsertTargets(const Insert& insert,
                                                            const SinkTable& sink,
                                                            int values) const {
  const std::vector<std::string> names = ColumnNames(sink.schema);
  std::vector<int> targets(names.size(), -1);
  const int expected =
      static_cast<int>(insert.columns.empty() ? names.size() : insert.columns.size());
  if (values > expected) {
    return script_.Error(ItemPlace(*insert.select, expected),
                         absl::StrCat("INSERT has more values than columns: ", values, " for the ",
                                      expected, " of ", sink.name.text));
  }
  const bool fewer = values < expected;
  if (fewer && !insert.columns.empty()) {
    return script_.Error(insert.columns[values].at,
                         absl::StrCat("INSERT has more columns than values: ", expected,
                                      " for the ", values, " of the SELECT"));
  }
  if (fewer) {
    return script_.Error(
        insert.table.at,
        absl::StrCat("the SELECT gives ", values, values == 1 ? " value" : " values", " for the ",
                     expected, " columns of ", sink.name.text, " (", absl::StrJoin(names, ", "),
                     "); to leave columns NULL, list "
                     "the others: INSERT INTO ",
                     sink.name.text, " (...) SELECT"));
  }
  for (int i = 0; i < values; ++i) {
    int target = i;
    if (!insert.columns.empty()) {
      const Name& name = insert.columns[i];
      target = MatchName(name, names);
      if (target < 0) {
        const std::string near = NearestSpelling(name.text, names);
        return script_.Error(
            name.at,
            absl::StrCat("column ", name.text, " of ", sink.name.text, " doesn't exist; ",
                         near.empty() ? absl::StrCat("its columns are ", absl::StrJoin(names, ", "))
                                      : absl::StrCat("did you mean ", near, "?")));
      }
      if (targets[target] >= 0) {
        return script_.Error(name.at, absl::StrCat("column ", name.text, " is listed twice"));
      }
    }
    targets[target] = i;
  }
  return targets;
}

absl::StatusOr<Expr> QueryBinder::Assign(const SelectNode& select, const BoundQuery& query,
                                         int value, const Column& column) {
  const RelationColumn& from = query.output.columns[value];
  const int at = ItemPlace(select, value);
  const std::vector<Stage>& stages = query.aggregate.has_value() ? query.after : query.before;
  const Expr& item = stages.back().exprs[value];
  if (!column.nullable && item.kind == ExprKind::kLiteral && item.literal.is_null()) {
    return script_.Error(at,
                         absl::StrCat("column ", column.name, " is NOT NULL, but this is NULL"));
  }
  // NOT NULL is an expectation: a row from the source that breaks it is bad. Above an aggregation
  // there is no such row to skip.
  if (!column.nullable && from.nullable && query.aggregate.has_value()) {
    warnings_.push_back(
        {at, absl::StrCat("column ", column.name,
                          " is NOT NULL, but this value may be "
                          "NULL, and then the job fails; write coalesce(",
                          from.name, ", ...), or leave such rows out with WHERE ... IS NOT NULL")});
  }
  if (from.untyped && item.kind == ExprKind::kLiteral) {
    ExprBinder binder(script_, query.output, "INSERT");
    return binder.Coerce({item, at, /*untyped=*/true}, column.type, column.name);
  }
  const CastContext allowed = CastAllowed(from.type, column.type);
  if (allowed != CastContext::kImplicit && allowed != CastContext::kAssignment) {
    return script_.Error(at,
                         absl::StrCat("column ", column.name, " is of type ", ToString(column.type),
                                      " but expression is of type ", ToString(from.type),
                                      "; cast it: CAST(... AS ", ToString(column.type), ")"));
  }
  return CastExpr(ColumnExpr(value, from.type), column.type, /*explicit_cast=*/false);
}

}  // namespace weir
