// What the two halves of a windowed aggregation say to each other: one row per group and pane, or,
// where a row may be late, one per source row with what the late side table needs ("raw").
//
//   _key_group   uint16        of _key; the exchange routes by column 0
//   _pane_end    int64         microseconds; names the pane
//   _key         binary        state/keyed/key_encoding.h
//   _rows        int64         source rows behind the state
//   _state       binary        operators/window/accumulators.h
//   _raw         bool          the row stands for one source row
//   _event_time  int64, null   microseconds; raw rows only
//   late...      null          AggregateSpec::late; filled in raw rows only
//
// No column but the late ones and _event_time holds NULLs.
#ifndef WEIR_OPERATORS_WINDOW_PARTIAL_FORMAT_H_
#define WEIR_OPERATORS_WINDOW_PARTIAL_FORMAT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/batch.h"
#include "model/plan.h"

namespace weir {

enum PartialColumn {
  kPartialKeyGroup,
  kPartialPaneEnd,
  kPartialKey,
  kPartialRows,
  kPartialState,
  kPartialRaw,
  kPartialEventTime,
  kPartialLate,  // the first late column
};

std::shared_ptr<arrow::Schema> PartialSchema(const AggregateSpec& spec);

// Collects rows of one kind (raw or not) and makes batches of them. Reusable.
class PartialBatchBuilder {
 public:
  explicit PartialBatchBuilder(const AggregateSpec& spec);

  // To be encoded into: the state of the row that is added next.
  std::string* states() { return &states_; }
  // Adds a row; its state is what states() has grown by.
  void Add(uint16_t key_group, int64_t pane_end, std::string_view key, int64_t rows);

  int64_t num_rows() const { return static_cast<int64_t>(pane_ends_.size()); }
  // A batch's worth: kBatchRows rows or about 1 MiB.
  bool full() const;
  // The rows since the last call, none of them raw.
  Batch Finish();
  // As Finish, all rows raw: row i came from row rows[i] of `input`.
  Batch FinishRaw(const arrow::RecordBatch& input, const std::vector<uint32_t>& rows);

 private:
  std::vector<std::shared_ptr<arrow::Array>> TakeFixedColumns(bool raw);

  const AggregateSpec& spec_;
  const std::shared_ptr<arrow::Schema> schema_;
  std::vector<uint16_t> key_groups_;
  std::vector<int64_t> pane_ends_, rows_;
  std::string keys_, states_;
  std::vector<int32_t> key_ends_, state_ends_;
};

// A received batch, its columns in their types.
class PartialBatchView {
 public:
  // INTERNAL when `batch` doesn't have the layout.
  static absl::StatusOr<PartialBatchView> Make(const arrow::RecordBatch& batch,
                                               const arrow::Schema& schema);
  const uint16_t* key_groups = nullptr;
  const int64_t* pane_ends = nullptr;
  const int64_t* rows = nullptr;
  const int64_t* event_times = nullptr;
  const arrow::BinaryArray* keys = nullptr;
  const arrow::BinaryArray* states = nullptr;
  const arrow::BooleanArray* raw = nullptr;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_PARTIAL_FORMAT_H_
