// Result rows of closed windows: window_start, window_end, keys..., aggregates...
#ifndef WEIR_OPERATORS_WINDOW_WINDOW_ROWS_H_
#define WEIR_OPERATORS_WINDOW_WINDOW_ROWS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/batch.h"
#include "model/plan.h"
#include "operators/operator.h"
#include "operators/window/accumulators.h"
#include "state/keyed/key_encoding.h"

namespace weir {

// Collects rows and emits them on port 0 in batches of kBatchRows.
class WindowRows {
 public:
  // `output`: the columns, named and typed by the plan; `states` outlives this.
  // INVALID_ARGUMENT when the columns aren't the aggregation's.
  static absl::StatusOr<WindowRows> Make(const AggregateSpec& spec, const Schema& output,
                                         const AggregateStates* states);
  ~WindowRows();
  WindowRows(WindowRows&&) noexcept;

  absl::Status Add(int64_t window_start, int64_t window_end, std::string_view key,
                   const uint8_t* group_states, Output& out);
  absl::Status Flush(Output& out);

 private:
  WindowRows(const AggregateSpec& spec, const Schema& output, const AggregateStates* states);

  std::shared_ptr<arrow::Schema> schema_;
  const AggregateStates* states_;
  std::vector<int64_t> starts_, ends_;
  KeyDecoder keys_;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> aggregates_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_WINDOW_ROWS_H_
