#include "operators/expr/filter_operator.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "operators/expr/evaluator.h"
#include "operators/expr/failed_rows.h"
#include "operators/expr/stateless_operator.h"
#include "operators/expr/vector_output.h"
#include "operators/input_schema.h"

namespace weir {
namespace {

class FilterOperator final : public expr::StatelessOperator {
 public:
  FilterOperator(const OperatorSpec& spec, const Plan& plan, const Schema& input,
                 Evaluator predicate)
      : spec_(spec),
        text_(std::get<FilterOp>(spec.op).predicate),
        predicate_(std::move(predicate)),
        failed_rows_(spec, plan, input) {}

  absl::Status Open(const OperatorContext& context, const TaskRestore&) override {
    accounts_ = AccountsOf(spec_, context);
    failed_rows_.Open(context);
    return absl::OkStatus();
  }

  absl::Status Process(int, Batch batch, Output& out) override {
    const Evaluator::Result result = predicate_.Evaluate(*batch.columns);
    if (!result.failed.empty()) {
      WEIR_RETURN_IF_ERROR(failed_rows_.Report(batch, result.failed, text_, out));
    }
    std::vector<uint32_t> kept = TrueRows(result.values, batch.num_rows());
    const int64_t dropped = batch.num_rows() - static_cast<int64_t>(kept.size());
    if (batch.raw != nullptr) {
      const auto failed = static_cast<int64_t>(result.failed.size());
      for (InsertCounters* account : accounts_) account->filtered += dropped - failed;
    }
    if (kept.empty()) return absl::OkStatus();
    return out.Emit(0, dropped == 0 ? std::move(batch) : TakeRows(batch, kept));
  }

 private:
  static std::vector<uint32_t> TrueRows(const std::shared_ptr<arrow::Array>& values, int64_t rows);

  const OperatorSpec spec_;
  const Expr text_;
  const Evaluator predicate_;
  expr::FailedRows failed_rows_;
  std::vector<InsertCounters*> accounts_;
};

std::vector<uint32_t> FilterOperator::TrueRows(const std::shared_ptr<arrow::Array>& values,
                                               int64_t rows) {
  const expr::Vector v = expr::Vector::Of(values);
  std::vector<uint32_t> kept;
  if (v.values == nullptr) return kept;  // a bare NULL
  kept.reserve(rows);
  for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
    uint64_t word = expr::LoadWord(static_cast<const uint8_t*>(v.values), v.bit_offset, w, rows) &
                    expr::LoadWord(v.validity, v.bit_offset, w, rows);
    for (; word != 0; word &= word - 1) {
      kept.push_back(static_cast<uint32_t>(w * 64 + __builtin_ctzll(word)));
    }
  }
  return kept;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> MakeFilterOperator(const OperatorSpec& spec,
                                                             const Plan& plan) {
  const Expr& predicate = std::get<FilterOp>(spec.op).predicate;
  const TypeKind kind = predicate.type.kind;
  if (kind != TypeKind::kBoolean && kind != TypeKind::kNull) {
    return absl::InvalidArgumentError("a filter's predicate has to be boolean, not " +
                                      ToString(predicate.type));
  }
  WEIR_ASSIGN_OR_RETURN(Schema input, InputSchema(spec, plan, 0));
  WEIR_ASSIGN_OR_RETURN(Evaluator evaluator, Evaluator::Compile(predicate, input));
  return std::make_unique<FilterOperator>(spec, plan, input, std::move(evaluator));
}

}  // namespace weir
