#include "operators/expr/project_operator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arrow/record_batch.h"
#include "base/status_macros.h"
#include "operators/expr/evaluator.h"
#include "operators/expr/failed_rows.h"
#include "operators/expr/stateless_operator.h"
#include "operators/input_schema.h"

namespace weir {
namespace {

class ProjectOperator final : public expr::StatelessOperator {
 public:
  ProjectOperator(const OperatorSpec& spec, const Plan& plan, const Schema& input,
                  std::vector<Evaluator> columns)
      : exprs_(std::get<ProjectOp>(spec.op).exprs),
        schema_(ArrowSchema(spec.output)),
        columns_(std::move(columns)),
        failed_rows_(spec, plan, input) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore&) override {
    failed_rows_.Open(context);
    return absl::OkStatus();
  }

  absl::Status Process(int, Batch batch, Output& out) override {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    arrays.reserve(columns_.size());
    std::vector<bool> failed;  // by row; empty while none has
    for (size_t i = 0; i < columns_.size(); ++i) {
      Evaluator::Result result = columns_[i].Evaluate(*batch.columns);
      if (!result.failed.empty()) {
        WEIR_RETURN_IF_ERROR(Report(batch, std::move(result.failed), exprs_[i], &failed, out));
      }
      arrays.push_back(std::move(result.values));
    }
    batch.columns = arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(arrays));
    if (failed.empty()) return out.Emit(0, std::move(batch));
    std::vector<uint32_t> kept;
    for (uint32_t row = 0; row < failed.size(); ++row) {
      if (!failed[row]) kept.push_back(row);
    }
    return kept.empty() ? absl::OkStatus() : out.Emit(0, TakeRows(batch, kept));
  }

 private:
  // A row that fails in two columns is bad once.
  absl::Status Report(const Batch& batch, std::vector<Evaluator::Failed> rows,
                      const Expr& expression, std::vector<bool>* failed, Output& out) {
    failed->resize(batch.num_rows());
    std::erase_if(rows, [&](const Evaluator::Failed& f) { return (*failed)[f.row]; });
    for (const Evaluator::Failed& f : rows) (*failed)[f.row] = true;
    return failed_rows_.Report(batch, rows, expression, out);
  }

  const std::vector<Expr> exprs_;
  const std::shared_ptr<arrow::Schema> schema_;  // shared: every batch refers to it
  const std::vector<Evaluator> columns_;
  expr::FailedRows failed_rows_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> MakeProjectOperator(const OperatorSpec& spec,
                                                              const Plan& plan) {
  const std::vector<Expr>& exprs = std::get<ProjectOp>(spec.op).exprs;
  if (static_cast<int>(exprs.size()) != spec.output.size()) {
    return absl::InvalidArgumentError(absl::StrCat("project ", spec.id, " has ", exprs.size(),
                                                   " expressions for ", spec.output.size(),
                                                   " columns"));
  }
  WEIR_ASSIGN_OR_RETURN(Schema input, InputSchema(spec, plan, 0));
  std::vector<Evaluator> columns;
  for (size_t i = 0; i < exprs.size(); ++i) {
    if (exprs[i].type != spec.output.columns[i].type) {
      return absl::InvalidArgumentError(absl::StrCat("column ", spec.output.columns[i].name, " is ",
                                                     ToString(spec.output.columns[i].type),
                                                     ", its expression ", ToString(exprs[i].type)));
    }
    WEIR_ASSIGN_OR_RETURN(Evaluator evaluator, Evaluator::Compile(exprs[i], input));
    columns.push_back(std::move(evaluator));
  }
  return std::make_unique<ProjectOperator>(spec, plan, input, std::move(columns));
}

}  // namespace weir
