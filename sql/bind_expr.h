// Scalar expressions: names to columns, operators and calls to signatures, implicit casts written
// out, syntax that is only short for something else replaced by it.
#ifndef WEIR_SQL_BIND_EXPR_H_
#define WEIR_SQL_BIND_EXPR_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sql/ast.h"
#include "sql/relation.h"
#include "sql/script.h"

namespace weir {

struct Bound {
  Expr expr;
  int at = -1;
  bool untyped = false;  // a literal 'text' or NULL whose type its use decides
};

// What a name means above an aggregation: asked before a node is bound as an ordinary one.
class GroupedNames {
 public:
  virtual ~GroupedNames() = default;
  // A column of the aggregation's output, or nothing: then the node's parts are tried.
  virtual absl::StatusOr<std::optional<Bound>> Find(const AstExpr& ast) = 0;
};

struct FunctionSignature;

class ExprBinder {
 public:
  // Binds over rows of `input`. `clause` is where the expressions stand ("WHERE"), for errors. All
  // arguments outlive the binder; `grouped` may be null.
  ExprBinder(const Script& script, const Relation& input, std::string_view clause,
             GroupedNames* grouped = nullptr)
      : script_(script), input_(input), clause_(clause), grouped_(grouped) {}

  absl::StatusOr<Bound> Bind(const AstExpr& ast);
  // A condition: boolean, or an untyped literal that reads as one.
  absl::StatusOr<Expr> BindCondition(const AstExpr& ast);
  // The input column that a kColumn names; window columns too.
  absl::StatusOr<int> FindColumn(const AstExpr& ast) const;

  // `bound` as a value of `type`; casts that need no CAST only. `what` names it in errors:
  // "argument 2 of lower".
  absl::StatusOr<Expr> Coerce(Bound bound, const DataType& type, std::string_view what) const;

 private:
  absl::StatusOr<Bound> BindNode(const AstExpr& ast);
  absl::StatusOr<std::vector<Bound>> BindArgs(const AstExpr& ast);
  absl::StatusOr<Bound> BindColumn(const AstExpr& ast);
  absl::StatusOr<Bound> BindNumber(const AstExpr& ast);
  absl::StatusOr<Bound> BindLogic(const AstExpr& ast);
  absl::StatusOr<Bound> BindTruth(const AstExpr& ast);
  absl::StatusOr<Bound> BindCast(const AstExpr& ast);
  absl::StatusOr<Bound> BindCase(const AstExpr& ast);
  absl::StatusOr<Bound> BindCommon(const AstExpr& ast);
  absl::StatusOr<Bound> BindIn(const AstExpr& ast);
  absl::StatusOr<Bound> BindBetween(const AstExpr& ast);
  absl::StatusOr<Bound> BindLike(const AstExpr& ast);
  absl::StatusOr<Bound> BindOperator(const AstExpr& ast);
  absl::StatusOr<Bound> BindFunction(const AstExpr& ast);
  absl::StatusOr<Bound> BindNullIf(const AstExpr& ast);

  // What is written once and evaluated several times (x BETWEEN, x IN, CASE x, NULLIF) doubles with
  // every level of nesting: refused before it takes all memory.
  absl::Status CheckCopies(const Bound& copied, size_t copies) const;
  // The values brought to one type, all of them.
  absl::StatusOr<std::vector<Expr>> Unify(std::vector<Bound> values, std::string_view what) const;
  // A call of `name` by PostgreSQL's overload rules. `symbol` is the operator as written, "" for a
  // function.
  absl::StatusOr<Bound> Call(std::string_view name, std::string_view symbol,
                             std::vector<Bound> args, int at) const;
  absl::Status NoSuchCall(std::string_view name, std::string_view symbol,
                          const std::vector<Bound>& args, int at, bool ambiguous) const;
  absl::Status UnknownFunction(const AstExpr& ast) const;
  // The places that only literals with a known list of words may have: date_trunc('hour', ...).
  absl::Status CheckField(std::string_view function, const std::vector<Bound>& args) const;
  // Of a call with a regular expression: whether a literal one is one.
  absl::Status CheckPattern(const FunctionSignature& signature, const Expr& call, int at) const;

  const Script& script_;
  const Relation& input_;
  const std::string_view clause_;
  GroupedNames* const grouped_;
};

bool IsAggregateName(std::string_view name);
bool ContainsAggregate(const AstExpr& ast);
// The name an output column has without an alias.
std::string DefaultName(const AstExpr& ast);

}  // namespace weir

#endif  // WEIR_SQL_BIND_EXPR_H_
