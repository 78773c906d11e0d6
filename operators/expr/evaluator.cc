#include "operators/expr/evaluator.h"

#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "operators/expr/node.h"
#include "operators/expr/vector_output.h"

namespace weir {
namespace {

// A row may have failed in several places; the first in the order of evaluation speaks for it.
void KeepFirstOfEachRow(std::vector<Evaluator::Failed>* failed) {
  std::stable_sort(failed->begin(), failed->end(),
                   [](const auto& a, const auto& b) { return a.row < b.row; });
  failed->erase(std::unique(failed->begin(), failed->end(),
                            [](const auto& a, const auto& b) { return a.row == b.row; }),
                failed->end());
}

std::shared_ptr<arrow::Array> EmptyArray(const DataType& type) {
  arrow::Result<std::shared_ptr<arrow::Array>> array = arrow::MakeEmptyArray(ArrowType(type));
  WEIR_CHECK(array.ok(), array.status().ToString());
  return *std::move(array);
}

}  // namespace

absl::StatusOr<Evaluator> Evaluator::Compile(const Expr& expr, const Schema& input) {
  if (expr.type.kind == TypeKind::kInterval) {
    return absl::InvalidArgumentError("an interval can't be the value of a column");
  }
  WEIR_ASSIGN_OR_RETURN(expr::NodePtr root, expr::CompileExpr(expr, input));
  return Evaluator(std::move(root), expr.kind == ExprKind::kColumn ? expr.column : -1);
}

Evaluator::Evaluator(std::unique_ptr<expr::Node> root, int plain_column)
    : root_(std::move(root)), plain_column_(plain_column) {}
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;
Evaluator::~Evaluator() = default;

Evaluator::Result Evaluator::Evaluate(const arrow::RecordBatch& batch) const {
  Result result;
  if (plain_column_ >= 0) {
    result.values = batch.column(plain_column_);
    return result;
  }
  if (batch.num_rows() == 0) {
    result.values = EmptyArray(root_->type());
    return result;
  }
  expr::Frame frame(batch, &result.failed);
  const expr::Vector values = root_->Evaluate(frame);
  result.values = expr::Materialise(values, batch.num_rows());
  if (!result.failed.empty()) {
    KeepFirstOfEachRow(&result.failed);
    // Something above the place of failure may have made a value again: COALESCE(1/0, 2).
    std::vector<uint32_t> rows;
    for (const Failed& failed : result.failed) rows.push_back(failed.row);
    result.values = expr::WithNulls(result.values, rows);
  }
  return result;
}

}  // namespace weir
