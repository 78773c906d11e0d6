#include "operators/expr/failed_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/status_macros.h"
#include "operators/input_schema.h"

namespace weir::expr {
namespace {

constexpr size_t kMaxExpressionText = 200;
constexpr int kMaxNamingColumns = 8;

std::string Described(const std::string& message, const Expr& expression, const Schema& input) {
  std::string text = ToString(expression, input);
  if (text.size() > kMaxExpressionText) text = text.substr(0, kMaxExpressionText) + "...";
  return absl::StrCat(message, " in ", text);
}

// The value as CAST(column AS TEXT) has it.
std::string ValueText(const Batch& batch, const Schema& input, int column, int64_t row) {
  const DataType& type = input.columns[column].type;
  Expr cast;
  cast.kind = ExprKind::kCast;
  cast.type = DataType::Of(TypeKind::kText);
  cast.explicit_cast = true;
  cast.args.emplace_back();
  cast.args[0].kind = ExprKind::kColumn;
  cast.args[0].type = type;
  cast.args[0].column = column;
  absl::StatusOr<Evaluator> evaluator = Evaluator::Compile(cast, input);
  if (!evaluator.ok()) return "?";
  const Evaluator::Result result = evaluator->Evaluate(*batch.columns->Slice(row, 1));
  if (result.values->IsNull(0)) return "NULL";
  std::string text = static_cast<const arrow::StringArray&>(*result.values).GetString(0);
  return type.kind == TypeKind::kText ? absl::StrCat("'", text, "'") : text;
}

}  // namespace

FailedRows::FailedRows(const OperatorSpec& spec, const Plan& plan, const Schema& input)
    : spec_(spec), input_(input) {
  if (const AggregateSpec* groups = GroupsBelow(spec, plan)) {
    naming_columns_.push_back(0);  // window_start; window_end says nothing new
    for (int key = 0; key < groups->keys.size(); ++key) naming_columns_.push_back(2 + key);
  } else {
    for (int i = 0; i < std::min(input.size(), kMaxNamingColumns); ++i)
      naming_columns_.push_back(i);
  }
}

void FailedRows::Open(const OperatorContext& context) {
  reporter_ = std::make_unique<BadRowReporter>(spec_, context);
}

absl::Status FailedRows::Report(const Batch& batch, const std::vector<Evaluator::Failed>& failed,
                                const Expr& expression, Output& out) {
  for (const Evaluator::Failed& row : failed) {
    const std::string message = Described(row.message, expression, input_);
    if (batch.raw == nullptr) {
      return FatalError(absl::StrCat(message, ", for ", NameGroup(batch, row.row)));
    }
    WEIR_RETURN_IF_ERROR(
        reporter_->Report(*batch.raw, batch.RawRow(row.row), kBadExpression, message));
  }
  return reporter_->Flush(out);
}

std::string FailedRows::NameGroup(const Batch& batch, int64_t row) const {
  std::string out;
  for (int column : naming_columns_) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", input_.columns[column].name, " = ",
                    ValueText(batch, input_, column, row));
  }
  return out;
}

}  // namespace weir::expr
