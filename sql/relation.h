// What binding works with: the columns in sight, and a query as stages over one source's rows.
#ifndef WEIR_SQL_RELATION_H_
#define WEIR_SQL_RELATION_H_

#include <optional>
#include <string>
#include <vector>

#include "model/expr.h"
#include "model/plan.h"
#include "model/types.h"

namespace weir {

enum class ColumnRole {
  kPlain,
  kEventTime,    // the source's event time, unchanged
  kWindowStart,  // added by tumble and hop; it has a value only above the aggregation
  kWindowEnd,
};

struct RelationColumn {
  std::string name;
  DataType type;
  bool nullable = true;
  ColumnRole role = ColumnRole::kPlain;
  bool hidden = false;   // not part of *
  bool untyped = false;  // a literal 'text' or NULL whose type its use decides
};

// Column i of a relation is column i of the rows beneath it.
struct Relation {
  std::string alias;
  std::vector<RelationColumn> columns;
};

// A step over rows. kFilter keeps rows where every one of `exprs` is TRUE, tested in order;
// kProject makes rows of `exprs`.
struct Stage {
  enum class Kind { kFilter, kProject };
  Kind kind = Kind::kFilter;
  std::vector<Expr> exprs;
  std::vector<std::string> names;  // kProject: of the columns
};

// Stand for the window's bounds in rows below the aggregation. Not functions: the planner takes
// them out.
inline constexpr char kWindowStartMarker[] = "window_start()";
inline constexpr char kWindowEndMarker[] = "window_end()";

struct BoundCall {
  AggregateKind kind = AggregateKind::kCountStar;
  std::optional<Expr> argument;  // over the aggregation's input row
  std::optional<Expr> filter;
  DataType result;
  friend bool operator==(const BoundCall&, const BoundCall&) = default;
};

// Rows above it: window start, window end, keys, calls.
struct BoundAggregate {
  std::vector<Expr> keys;
  std::vector<std::string> key_names;
  std::vector<bool> key_nullable;
  std::vector<BoundCall> calls;
};

// Rows of source `source` through `before`, then, if there is one, the aggregation, and `after`.
// Below the first stage a row has the source's declared columns and then _partition, _offset,
// _timestamp, _key.
struct BoundQuery {
  int source = -1;  // in Catalog::sources()
  std::vector<Stage> before;
  std::optional<WindowSpec> window;
  int window_at = -1;  // where the window function stands in the script
  std::optional<BoundAggregate> aggregate;
  std::vector<Stage> after;
  Relation output;

  std::vector<Stage>& stages() { return aggregate.has_value() ? after : before; }
};

}  // namespace weir

#endif  // WEIR_SQL_RELATION_H_
