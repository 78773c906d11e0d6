// Names above an aggregation: keys and aggregate calls become columns of its output.
#ifndef WEIR_SQL_BIND_AGGREGATE_H_
#define WEIR_SQL_BIND_AGGREGATE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sql/ast.h"
#include "sql/bind_expr.h"
#include "sql/relation.h"
#include "sql/script.h"

namespace weir {

// Rows above: window start, window end, keys, calls.
inline constexpr int kWindowStartColumn = 0;
inline constexpr int kWindowEndColumn = 1;
inline constexpr int kFirstKeyColumn = 2;

class AggregateNames : public GroupedNames {
 public:
  // `input` is what is aggregated. Both outlive the object.
  AggregateNames(const Script& script, const Relation& input)
      : script_(script), input_(input), rows_(script, input, "an aggregate") {}

  // Adds the key `ast` of GROUP BY: a window column, or an expression over the input row.
  absl::Status AddKey(const AstExpr& ast);
  bool has_window_key() const { return has_window_key_; }

  absl::StatusOr<std::optional<Bound>> Find(const AstExpr& ast) override;

  // The aggregation with all keys and the calls found so far.
  const BoundAggregate& aggregate() const { return aggregate_; }
  // The relation of its output; for names and NULLs in what is above.
  Relation Output() const;

 private:
  absl::StatusOr<Bound> BindCall(const AstExpr& ast);
  absl::StatusOr<BoundCall> MakeCall(const AstExpr& ast);
  absl::StatusOr<BoundCall> CheckArgument(const AstExpr& ast, BoundCall call) const;

  const Script& script_;
  const Relation& input_;
  ExprBinder rows_;
  BoundAggregate aggregate_;
  bool has_window_key_ = false;
};

}  // namespace weir

#endif  // WEIR_SQL_BIND_AGGREGATE_H_
