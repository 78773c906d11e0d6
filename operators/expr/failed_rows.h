// What filter and project do with rows whose expression failed.
#ifndef WEIR_OPERATORS_EXPR_FAILED_ROWS_H_
#define WEIR_OPERATORS_EXPR_FAILED_ROWS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/batch.h"
#include "model/expr.h"
#include "model/plan.h"
#include "operators/bad_rows.h"
#include "operators/expr/evaluator.h"
#include "operators/operator.h"

namespace weir::expr {

// Rows that are still source records are bad rows of their source. Above an aggregate there is no
// record to set aside, and leaving a group out would make the table wrong: the job fails.
class FailedRows {
 public:
  FailedRows(const OperatorSpec& spec, const Plan& plan, const Schema& input);
  void Open(const OperatorContext& context);

  // `failed` of `expression`, rows of `batch`.
  absl::Status Report(const Batch& batch, const std::vector<Evaluator::Failed>& failed,
                      const Expr& expression, Output& out);

 private:
  // "window_start = 2024-01-01 00:00:00+00, event_type = 'purchase'".
  std::string NameGroup(const Batch& batch, int64_t row) const;

  const OperatorSpec spec_;
  const Schema input_;
  std::vector<int> naming_columns_;  // of the input, which tell a group from others
  std::unique_ptr<BadRowReporter> reporter_;
};

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_FAILED_ROWS_H_
