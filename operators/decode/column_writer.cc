#include "operators/decode/column_writer.h"

#include <algorithm>
#include <utility>

#include "arrow/array/data.h"
#include "arrow/buffer.h"
#include "arrow/type.h"
#include "base/log.h"

namespace weir {
namespace {

// Bytes per row as written; booleans are packed at the end. 0 = text.
int WidthOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
      return 1;
    case TypeKind::kSmallint:
      return 2;
    case TypeKind::kInteger:
    case TypeKind::kReal:
    case TypeKind::kDate:
      return 4;
    case TypeKind::kBigint:
    case TypeKind::kDouble:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return 8;
    case TypeKind::kNumeric:
      return 16;
    case TypeKind::kText:
    case TypeKind::kBytea:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return 0;
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  WEIR_CHECK(false, "no column has this type");
}

std::shared_ptr<arrow::ResizableBuffer> Allocate(int64_t bytes) {
  auto buffer = arrow::AllocateResizableBuffer(bytes);
  WEIR_CHECK(buffer.ok(), buffer.status().ToString());
  return std::move(buffer).ValueUnsafe();
}

// A bit per byte (0 or 1) of `bytes`.
std::shared_ptr<arrow::Buffer> Pack(const uint8_t* bytes, int64_t count) {
  std::shared_ptr<arrow::ResizableBuffer> packed = Allocate((count + 7) / 8);
  uint8_t* out = packed->mutable_data();
  for (int64_t i = 0; i < count; i += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes + i, static_cast<size_t>(std::min<int64_t>(count - i, 8)));
    // Gathers the lowest bits of eight bytes into the highest byte, first byte lowest.
    out[i / 8] = static_cast<uint8_t>((eight * 0x0102040810204080ull) >> 56);
  }
  return packed;
}

void Trim(arrow::ResizableBuffer* buffer, int64_t size) {
  // Gives memory back only when much is left over: that costs a copy.
  const bool shrink = size < buffer->capacity() / 2;
  WEIR_CHECK(buffer->Resize(size, shrink).ok());
}

}  // namespace

ColumnWriter::ColumnWriter(const DataType& type)
    : arrow_type_(ArrowType(type)), width_(WidthOf(type.kind)) {}
ColumnWriter::ColumnWriter(ColumnWriter&&) noexcept = default;
ColumnWriter::~ColumnWriter() = default;

void ColumnWriter::Begin(int64_t rows) {
  row_ = 0;
  if (valid_buffer_ == nullptr || valid_buffer_->size() < rows) {
    valid_buffer_ = Allocate(rows);
  }
  valid_ = valid_buffer_->mutable_data();
  if (width_ > 0) {
    fixed_buffer_ = Allocate(rows * width_);
    fixed_ = reinterpret_cast<char*>(fixed_buffer_->mutable_data());
    return;
  }
  offsets_buffer_ = Allocate((rows + 1) * 4);
  offsets_ = reinterpret_cast<int32_t*>(offsets_buffer_->mutable_data());
  offsets_[0] = end_ = 0;
  text_capacity_ = rows * expected_text_per_row_ + 2 * kSlack;
  text_buffer_ = Allocate(text_capacity_);
  text_ = reinterpret_cast<char*>(text_buffer_->mutable_data());
}

void ColumnWriter::GrowText(int64_t needed) {
  text_capacity_ = std::max(needed, text_capacity_ * 3 / 2);
  WEIR_CHECK(text_capacity_ <= INT32_MAX, "text column of ", text_capacity_, " bytes in a batch");
  WEIR_CHECK(text_buffer_->Resize(text_capacity_).ok());
  text_ = reinterpret_cast<char*>(text_buffer_->mutable_data());
}

std::shared_ptr<arrow::ArrayData> ColumnWriter::Finish() {
  int64_t valid = 0;
  for (int64_t i = 0; i < row_; ++i) valid += valid_[i];
  std::shared_ptr<arrow::Buffer> validity = valid == row_ ? nullptr : Pack(valid_, row_);
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {validity};
  if (width_ == 0) {
    const int64_t bytes = offsets_[row_];
    if (row_ > 0) expected_text_per_row_ = bytes / row_ + bytes / row_ / 8 + 2;
    Trim(offsets_buffer_.get(), (row_ + 1) * 4);
    Trim(text_buffer_.get(), bytes);
    buffers.push_back(std::move(offsets_buffer_));
    buffers.push_back(std::move(text_buffer_));
  } else if (arrow_type_->id() == arrow::Type::BOOL) {
    buffers.push_back(Pack(reinterpret_cast<const uint8_t*>(fixed_), row_));
    fixed_buffer_ = nullptr;
  } else {
    Trim(fixed_buffer_.get(), row_ * width_);
    buffers.push_back(std::move(fixed_buffer_));
  }
  return arrow::ArrayData::Make(arrow_type_, row_, std::move(buffers), row_ - valid);
}

}  // namespace weir
