#include "operators/window/window_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/columns.h"

namespace weir {
namespace {

bool IsTimestamp(const Column& column) {
  return column.type.kind == TypeKind::kTimestamptz || column.type.kind == TypeKind::kTimestamp;
}

}  // namespace

absl::StatusOr<WindowRows> WindowRows::Make(const AggregateSpec& spec, const Schema& output,
                                            const AggregateStates* states) {
  const int keys = spec.keys.size();
  bool matches = output.size() == 2 + keys + static_cast<int>(spec.aggregates.size()) &&
                 IsTimestamp(output.columns[0]) && IsTimestamp(output.columns[1]);
  for (int c = 0; matches && c < keys; ++c) {
    matches = output.columns[2 + c].type == spec.keys.columns[c].type;
  }
  for (size_t a = 0; matches && a < spec.aggregates.size(); ++a) {
    matches = output.columns[2 + keys + a].type == spec.aggregates[a].result_type;
  }
  if (!matches) {
    return absl::InvalidArgumentError(absl::StrCat(
        "aggregation ", spec.state_id,
        ": its output columns must be window_start, window_end, the keys and the aggregates"));
  }
  return WindowRows(spec, output, states);
}

WindowRows::WindowRows(const AggregateSpec& spec, const Schema& output,
                       const AggregateStates* states)
    : schema_(ArrowSchema(output)), states_(states), keys_(KeyTypes(spec)) {
  for (const AggregateCall& call : spec.aggregates) {
    auto builder = arrow::MakeBuilder(ArrowType(call.result_type));
    WEIR_CHECK(builder.ok(), builder.status().ToString());
    aggregates_.push_back(std::move(builder).ValueUnsafe());
  }
}

WindowRows::~WindowRows() = default;
WindowRows::WindowRows(WindowRows&&) noexcept = default;

absl::Status WindowRows::Add(int64_t window_start, int64_t window_end, std::string_view key,
                             const uint8_t* group_states, Output& out) {
  WEIR_RETURN_IF_ERROR(states_->Append(group_states, aggregates_));
  WEIR_RETURN_IF_ERROR(keys_.Append(key));
  starts_.push_back(window_start);
  ends_.push_back(window_end);
  return starts_.size() >= kBatchRows ? Flush(out) : absl::OkStatus();
}

absl::Status WindowRows::Flush(Output& out) {
  if (starts_.empty()) return absl::OkStatus();
  const int64_t rows = static_cast<int64_t>(starts_.size());
  std::vector<std::shared_ptr<arrow::Array>> columns;
  columns.push_back(Int64Column(schema_->field(0)->type(), std::exchange(starts_, {})));
  columns.push_back(Int64Column(schema_->field(1)->type(), std::exchange(ends_, {})));
  WEIR_ASSIGN_OR_RETURN(auto keys, keys_.Finish());
  columns.insert(columns.end(), keys.begin(), keys.end());
  for (auto& builder : aggregates_) {
    auto column = builder->Finish();
    if (!column.ok()) return absl::ResourceExhaustedError(column.status().ToString());
    columns.push_back(std::move(column).ValueUnsafe());
  }
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
  return out.Emit(0, std::move(batch));
}

}  // namespace weir
