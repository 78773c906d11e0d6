#include "operators/window/partial_format.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/log.h"

namespace weir {
namespace {

constexpr int64_t kBatchBytes = 1 << 20;

// Arrays without NULLs around buffers that are given away.
template <class T>
std::shared_ptr<arrow::Array> FixedColumn(std::shared_ptr<arrow::DataType> type,
                                          std::vector<T> values) {
  const int64_t rows = static_cast<int64_t>(values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      std::move(type), rows, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

std::shared_ptr<arrow::Array> BinaryColumn(std::string bytes, const std::vector<int32_t>& ends) {
  std::vector<int32_t> offsets;
  offsets.reserve(ends.size() + 1);
  offsets.push_back(0);
  offsets.insert(offsets.end(), ends.begin(), ends.end());
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::binary(), static_cast<int64_t>(ends.size()),
                             {nullptr, arrow::Buffer::FromVector(std::move(offsets)),
                              arrow::Buffer::FromString(std::move(bytes))},
                             0));
}

std::shared_ptr<arrow::Array> BooleanColumn(int64_t rows, bool value) {
  std::vector<uint8_t> bits((rows + 7) / 8, value ? 0xff : 0);
  return arrow::MakeArray(arrow::ArrayData::Make(
      arrow::boolean(), rows, {nullptr, arrow::Buffer::FromVector(std::move(bits))}, 0));
}

std::shared_ptr<arrow::Array> NullColumn(const std::shared_ptr<arrow::DataType>& type,
                                         int64_t rows) {
  auto made = arrow::MakeArrayOfNull(type, rows);
  WEIR_CHECK(made.ok(), made.status().ToString());
  return std::move(made).ValueUnsafe();
}

}  // namespace

std::shared_ptr<arrow::Schema> PartialSchema(const AggregateSpec& spec) {
  arrow::FieldVector fields = {
      arrow::field("_key_group", arrow::uint16(), false),
      arrow::field("_pane_end", arrow::int64(), false),
      arrow::field("_key", arrow::binary(), false),
      arrow::field("_rows", arrow::int64(), false),
      arrow::field("_state", arrow::binary(), false),
      arrow::field("_raw", arrow::boolean(), false),
      arrow::field("_event_time", arrow::int64(), true),
  };
  for (const Column& column : spec.late.columns) {
    fields.push_back(arrow::field(column.name, ArrowType(column.type), true));
  }
  return arrow::schema(std::move(fields));
}

PartialBatchBuilder::PartialBatchBuilder(const AggregateSpec& spec)
    : spec_(spec), schema_(PartialSchema(spec)) {}

void PartialBatchBuilder::Add(uint16_t key_group, int64_t pane_end, std::string_view key,
                              int64_t rows) {
  key_groups_.push_back(key_group);
  pane_ends_.push_back(pane_end);
  keys_.append(key);
  key_ends_.push_back(static_cast<int32_t>(keys_.size()));
  rows_.push_back(rows);
  state_ends_.push_back(static_cast<int32_t>(states_.size()));
}

bool PartialBatchBuilder::full() const {
  return num_rows() >= kBatchRows ||
         static_cast<int64_t>(keys_.size() + states_.size()) >= kBatchBytes;
}

std::vector<std::shared_ptr<arrow::Array>> PartialBatchBuilder::TakeFixedColumns(bool raw) {
  const int64_t rows = num_rows();
  std::vector<std::shared_ptr<arrow::Array>> columns = {
      FixedColumn(arrow::uint16(), std::exchange(key_groups_, {})),
      FixedColumn(arrow::int64(), std::exchange(pane_ends_, {})),
      BinaryColumn(std::exchange(keys_, {}), key_ends_),
      FixedColumn(arrow::int64(), std::exchange(rows_, {})),
      BinaryColumn(std::exchange(states_, {}), state_ends_),
      BooleanColumn(rows, raw),
  };
  key_ends_.clear();
  state_ends_.clear();
  return columns;
}

Batch PartialBatchBuilder::Finish() {
  const int64_t rows = num_rows();
  auto columns = TakeFixedColumns(false);
  for (int c = kPartialEventTime; c < schema_->num_fields(); ++c) {
    columns.push_back(NullColumn(schema_->field(c)->type(), rows));
  }
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
  return batch;
}

Batch PartialBatchBuilder::FinishRaw(const arrow::RecordBatch& input,
                                     const std::vector<uint32_t>& rows) {
  const int64_t count = num_rows();
  WEIR_CHECK(static_cast<int64_t>(rows.size()) == count, "rows=", count);
  auto columns = TakeFixedColumns(true);
  const auto& times = static_cast<const arrow::TimestampArray&>(*input.column(spec_.time_column));
  std::vector<int64_t> event_times;
  event_times.reserve(rows.size());
  for (uint32_t row : rows) event_times.push_back(times.Value(row));
  columns.push_back(FixedColumn(arrow::int64(), std::move(event_times)));
  if (!spec_.late_columns.empty()) {
    Batch late;
    arrow::FieldVector fields;
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (size_t c = 0; c < spec_.late_columns.size(); ++c) {
      arrays.push_back(input.column(spec_.late_columns[c]));
      fields.push_back(schema_->field(kPartialLate + static_cast<int>(c)));
    }
    late.columns = arrow::RecordBatch::Make(arrow::schema(fields), input.num_rows(), arrays);
    late = TakeRows(late, rows);
    for (int c = 0; c < late.columns->num_columns(); ++c)
      columns.push_back(late.columns->column(c));
  }
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(schema_, count, std::move(columns));
  return batch;
}

absl::StatusOr<PartialBatchView> PartialBatchView::Make(const arrow::RecordBatch& batch,
                                                        const arrow::Schema& schema) {
  if (batch.num_columns() != schema.num_fields()) {
    return absl::InternalError(absl::StrCat("partials of ", batch.num_columns(),
                                            " columns instead of ", schema.num_fields()));
  }
  for (int c = 0; c < batch.num_columns(); ++c) {
    if (batch.column(c)->type_id() != schema.field(c)->type()->id()) {
      return absl::InternalError(absl::StrCat("column ", schema.field(c)->name(),
                                              " of partials is ",
                                              batch.column(c)->type()->ToString(), " instead of ",
                                              schema.field(c)->type()->ToString()));
    }
  }
  auto column = [&batch]<class T>(PartialColumn c, const T*& out) {
    out = static_cast<const T*>(batch.column(c).get());
  };
  PartialBatchView view;
  view.key_groups =
      static_cast<const arrow::UInt16Array&>(*batch.column(kPartialKeyGroup)).raw_values();
  view.pane_ends =
      static_cast<const arrow::Int64Array&>(*batch.column(kPartialPaneEnd)).raw_values();
  view.rows = static_cast<const arrow::Int64Array&>(*batch.column(kPartialRows)).raw_values();
  view.event_times =
      static_cast<const arrow::Int64Array&>(*batch.column(kPartialEventTime)).raw_values();
  column(kPartialKey, view.keys);
  column(kPartialState, view.states);
  column(kPartialRaw, view.raw);
  return view;
}

}  // namespace weir
