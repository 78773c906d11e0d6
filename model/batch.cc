#include "model/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "arrow/array.h"
#include "arrow/array/concatenate.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/byte_size.h"
#include "base/log.h"

namespace weir {
namespace {

using Rows = std::vector<uint32_t>;

std::shared_ptr<arrow::Buffer> Allocate(int64_t bytes) {
  arrow::Result<std::unique_ptr<arrow::Buffer>> buffer = arrow::AllocateBuffer(bytes);
  WEIR_CHECK(buffer.ok(), buffer.status().ToString());
  return *std::move(buffer);
}

std::shared_ptr<arrow::Buffer> TakeBits(const uint8_t* bits, int64_t offset, const Rows& rows) {
  const int64_t count = static_cast<int64_t>(rows.size());
  std::shared_ptr<arrow::Buffer> out = Allocate(arrow::bit_util::BytesForBits(count));
  std::memset(out->mutable_data(), 0, out->size());
  for (int64_t i = 0; i < count; ++i) {
    if (arrow::bit_util::GetBit(bits, offset + rows[i]))
      arrow::bit_util::SetBit(out->mutable_data(), i);
  }
  return out;
}

template <int kWidth>
void CopyFixed(const uint8_t* values, const Rows& rows, uint8_t* out) {
  for (const uint32_t row : rows) {
    std::memcpy(out, values + int64_t{row} * kWidth, kWidth);
    out += kWidth;
  }
}

std::shared_ptr<arrow::Buffer> TakeFixed(const arrow::ArrayData& data, int width,
                                         const Rows& rows) {
  std::shared_ptr<arrow::Buffer> out = Allocate(static_cast<int64_t>(rows.size()) * width);
  const uint8_t* values = data.buffers[1]->data() + data.offset * width;
  uint8_t* target = out->mutable_data();
  switch (width) {
    case 1:
      CopyFixed<1>(values, rows, target);
      return out;
    case 2:
      CopyFixed<2>(values, rows, target);
      return out;
    case 4:
      CopyFixed<4>(values, rows, target);
      return out;
    case 8:
      CopyFixed<8>(values, rows, target);
      return out;
    case 16:
      CopyFixed<16>(values, rows, target);
      return out;
  }
  CheckFailed(__FILE__, __LINE__, "known width", std::to_string(width));
}

// Offsets and bytes of utf8 and binary. A batch stays far below 2 GiB of text, because queues and
// polls are bounded; past it the 32-bit offsets would wrap.
std::vector<std::shared_ptr<arrow::Buffer>> TakeBinary(const arrow::ArrayData& data,
                                                       const Rows& rows) {
  const int32_t* offsets = data.GetValues<int32_t>(1);
  int64_t bytes = 0;
  for (const uint32_t row : rows) bytes += offsets[row + 1] - offsets[row];
  WEIR_CHECK(bytes <= INT32_MAX, "text of one batch: ", bytes, " bytes");
  auto out_offsets = Allocate((static_cast<int64_t>(rows.size()) + 1) * sizeof(int32_t));
  auto out_bytes = Allocate(bytes);
  auto* next_offset = reinterpret_cast<int32_t*>(out_offsets->mutable_data());
  uint8_t* next_byte = out_bytes->mutable_data();
  const uint8_t* source = data.buffers[2] != nullptr ? data.buffers[2]->data() : nullptr;
  int32_t end = 0;
  *next_offset++ = 0;
  for (const uint32_t row : rows) {
    const int32_t length = offsets[row + 1] - offsets[row];
    if (length > 0) std::memcpy(next_byte + end, source + offsets[row], length);
    end += length;
    *next_offset++ = end;
  }
  return {std::move(out_offsets), std::move(out_bytes)};
}

// Types without a fixed layout here (nested ones): slower, always right.
std::shared_ptr<arrow::Array> TakeSlices(const std::shared_ptr<arrow::Array>& array,
                                         const Rows& rows) {
  if (rows.empty()) return array->Slice(0, 0);
  arrow::ArrayVector slices;
  slices.reserve(rows.size());
  for (const uint32_t row : rows) slices.push_back(array->Slice(row, 1));
  arrow::Result<std::shared_ptr<arrow::Array>> joined = arrow::Concatenate(slices);
  WEIR_CHECK(joined.ok(), joined.status().ToString());
  return *std::move(joined);
}

}  // namespace

std::shared_ptr<arrow::Array> TakeArray(const std::shared_ptr<arrow::Array>& array,
                                        const Rows& rows) {
  const arrow::ArrayData& data = *array->data();
  const int64_t count = static_cast<int64_t>(rows.size());
  const arrow::Type::type id = array->type_id();
  if (id == arrow::Type::NA) return std::make_shared<arrow::NullArray>(count);
  const bool is_binary = id == arrow::Type::STRING || id == arrow::Type::BINARY;
  const bool is_bool = id == arrow::Type::BOOL;
  // Layouts that the type tells by its width alone.
  const int width =
      arrow::is_primitive(id) || arrow::is_decimal(id) ? array->type()->byte_width() : 0;
  const bool is_fixed = width == 1 || width == 2 || width == 4 || width == 8 || width == 16;
  if (!is_binary && !is_bool && !is_fixed) return TakeSlices(array, rows);

  std::vector<std::shared_ptr<arrow::Buffer>> buffers(1);
  if (array->null_count() > 0) buffers[0] = TakeBits(data.buffers[0]->data(), data.offset, rows);
  if (is_bool) {
    buffers.push_back(TakeBits(data.buffers[1]->data(), data.offset, rows));
  } else if (is_binary) {
    for (auto& buffer : TakeBinary(data, rows)) buffers.push_back(std::move(buffer));
  } else {
    buffers.push_back(TakeFixed(data, width, rows));
  }
  const int64_t nulls = buffers[0] == nullptr ? 0 : arrow::kUnknownNullCount;
  return arrow::MakeArray(arrow::ArrayData::Make(array->type(), count, std::move(buffers), nulls));
}

namespace {

bool IsContiguous(const Rows& rows) {
  for (size_t i = 1; i < rows.size(); ++i)
    if (rows[i] != rows[i - 1] + 1) return false;
  return true;
}

// A row range shares its buffers with the batch it was cut from.
Batch SliceRows(const Batch& batch, const Rows& rows) {
  const int64_t begin = rows.empty() ? 0 : rows.front();
  const int64_t count = static_cast<int64_t>(rows.size());
  Batch out;
  out.columns = batch.columns->Slice(begin, count);
  if (batch.row_kinds != nullptr) out.row_kinds = batch.row_kinds->Slice(begin, count);
  return out;
}

Batch GatherRows(const Batch& batch, const Rows& rows) {
  Batch out;
  arrow::ArrayVector columns;
  columns.reserve(batch.columns->num_columns());
  for (const auto& column : batch.columns->columns()) columns.push_back(TakeArray(column, rows));
  out.columns = arrow::RecordBatch::Make(batch.columns->schema(), static_cast<int64_t>(rows.size()),
                                         std::move(columns));
  if (batch.row_kinds != nullptr) out.row_kinds = TakeArray(batch.row_kinds, rows);
  return out;
}

int64_t ReferencedBytes(const arrow::Array& array) {
  arrow::Result<int64_t> bytes = arrow::util::ReferencedBufferSize(array);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(array);
}

}  // namespace

int64_t Batch::num_rows() const { return columns->num_rows(); }

int64_t Batch::ByteSize() const {
  int64_t bytes = row_kinds == nullptr ? 0 : ReferencedBytes(*row_kinds);
  for (const auto& column : columns->columns()) bytes += ReferencedBytes(*column);
  return bytes;
}

Batch TakeRows(const Batch& batch, const std::vector<uint32_t>& rows) {
  Batch out = IsContiguous(rows) ? SliceRows(batch, rows) : GatherRows(batch, rows);
  if (batch.raw == nullptr) return out;
  out.raw = batch.raw;
  out.raw_row.reserve(rows.size());
  for (const uint32_t row : rows) out.raw_row.push_back(static_cast<uint32_t>(batch.RawRow(row)));
  // Empty would mean "row i is record i", which is the same only for a batch without rows.
  return out;
}

}  // namespace weir
