// Evaluates a bound expression over batches.
#ifndef WEIR_OPERATORS_EXPR_EVALUATOR_H_
#define WEIR_OPERATORS_EXPR_EVALUATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/expr.h"
#include "model/types.h"

namespace weir {

namespace expr {
class Node;
}

// Compiled once, used for every batch of one operator; one thread.
class Evaluator {
 public:
  struct Failed {
    uint32_t row = 0;     // of the batch
    std::string message;  // as PostgreSQL words it: "division by zero"
  };
  struct Result {
    // As many rows as the batch, of ArrowType(expr.type). A plain column is the batch's own array.
    std::shared_ptr<arrow::Array> values;  // shared: columns pass through without a copy
    // Rows whose value couldn't be computed: NULL in `values`, here once each, in ascending order.
    std::vector<Failed> failed;
  };

  // INVALID_ARGUMENT when the expression doesn't fit `input`, names a function this binary doesn't
  // know, or holds a literal that can't work on any row (a broken regular expression).
  static absl::StatusOr<Evaluator> Compile(const Expr& expr, const Schema& input);

  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;
  ~Evaluator();

  // `batch` has the columns of `input`.
  Result Evaluate(const arrow::RecordBatch& batch) const;

  // The column that the expression is, or -1 when it computes something.
  int plain_column() const { return plain_column_; }

 private:
  Evaluator(std::unique_ptr<expr::Node> root, int plain_column);

  std::unique_ptr<expr::Node> root_;
  int plain_column_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_EXPR_EVALUATOR_H_
