// Queries: FROM, WHERE, GROUP BY, HAVING and the select list of a SELECT, and an INSERT's match
// with its table.
#ifndef WEIR_SQL_BIND_QUERY_H_
#define WEIR_SQL_BIND_QUERY_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sql/ast.h"
#include "sql/bind_aggregate.h"
#include "sql/bind_expr.h"
#include "sql/catalog.h"
#include "sql/relation.h"
#include "sql/script.h"

namespace weir {

// One INSERT: its query's output columns are those of the sink's table, in their order and types.
struct BoundInsert {
  BoundQuery query;
  int sink = -1;  // in Catalog::sinks()
};

class QueryBinder {
 public:
  // Both outlive the binder.
  QueryBinder(const Script& script, const Catalog& catalog) : script_(script), catalog_(catalog) {}

  absl::StatusOr<BoundInsert> BindInsert(const Insert& insert);
  // Checks a view that nothing has read yet.
  absl::Status CheckView(const View& view);

  struct Warning {
    int at;
    std::string message;
  };
  const std::vector<Warning>& warnings() const { return warnings_; }

  // Names of the views read so far.
  const std::set<std::string>& views_read() const { return views_read_; }

 private:
  // The WITH tables in sight, innermost last; a table sees those before it.
  using Scope = std::vector<const CommonTable*>;

  absl::StatusOr<BoundQuery> BindSelect(const SelectNode& select, Scope scope);
  absl::StatusOr<BoundQuery> BindFrom(const FromItem& from, const Scope& scope);
  absl::StatusOr<BoundQuery> BindTable(const Name& name, const Scope& scope);
  absl::StatusOr<BoundQuery> BindSource(int index);
  absl::Status CheckWith(const SelectNode& select, const Scope& scope);
  absl::Status Where(const AstExpr& where, BoundQuery* query);
  absl::Status Project(const SelectNode& select, BoundQuery* query);
  absl::Status Aggregate(const SelectNode& select, BoundQuery* query);
  absl::Status CheckGrouping(const SelectNode& select, const BoundQuery& query) const;
  absl::StatusOr<const AstExpr*> GroupKey(const SelectNode& select, const AstExpr& key,
                                          const Relation& input) const;
  // Binds the select list over `query`'s current row and makes it the query's output.
  absl::Status SelectList(const SelectNode& select, const Relation& row, GroupedNames* grouped,
                          BoundQuery* query);
  absl::StatusOr<std::vector<SelectItem>> ExpandStars(const SelectNode& select,
                                                      const Relation& row) const;
  absl::Status Rename(const std::vector<std::string>& names, int at, std::string_view what,
                      BoundQuery* query) const;
  // bind_window.cc: tumble and hop.
  struct WindowArgs {
    const AstExpr* table = nullptr;
    const AstExpr* time = nullptr;
    const AstExpr* slide = nullptr;  // of hop only
    const AstExpr* size = nullptr;
    const AstExpr* origin = nullptr;  // may be left out
  };
  absl::Status ReadWindowArgs(const AstExpr& call, WindowArgs* out) const;
  absl::StatusOr<WindowSpec> ReadWindow(const WindowArgs& args) const;
  absl::Status AddWindowColumns(int at, BoundQuery* query) const;
  absl::StatusOr<BoundQuery> BindWindow(const FromItem& from, const Scope& scope);
  absl::StatusOr<int64_t> WindowDuration(const AstExpr& ast, std::string_view what) const;
  absl::StatusOr<int64_t> WindowOrigin(const AstExpr& ast) const;
  absl::Status CheckEventTime(const AstExpr& ast, const BoundQuery& query) const;
  // bind_insert.cc
  absl::StatusOr<std::vector<int>> InsertTargets(const Insert& insert, const SinkTable& sink,
                                                 int values) const;
  absl::StatusOr<Expr> Assign(const SelectNode& select, const BoundQuery& query, int value,
                              const Column& column);

  const Script& script_;
  const Catalog& catalog_;
  std::set<std::string> views_read_;
  std::vector<Warning> warnings_;
  std::set<const CommonTable*> with_read_;
  int depth_ = 0;
  int columns_bound_ = 0;  // so far, in the whole script
};

// The nullability of a relation's columns, and of what is left of them where every condition holds.
std::vector<bool> Nullability(const Relation& relation);
void Narrow(const std::vector<Expr>& conditions, Relation* relation);

}  // namespace weir

#endif  // WEIR_SQL_BIND_QUERY_H_
