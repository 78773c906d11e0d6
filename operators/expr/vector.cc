#include "operators/expr/vector.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/buffer.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "base/log.h"
#include "model/batch.h"
#include "operators/expr/vector_output.h"

namespace weir::expr {
namespace {

std::shared_ptr<arrow::Buffer> Allocate(int64_t bytes) {
  arrow::Result<std::unique_ptr<arrow::Buffer>> buffer = arrow::AllocateBuffer(bytes);
  WEIR_CHECK(buffer.ok(), buffer.status().ToString());
  return *std::move(buffer);
}

constexpr int64_t Words(int64_t bits) { return (bits + 63) / 64; }

Vector FromBuffers(const DataType& type, int64_t rows, Bitmap validity,
                   std::vector<std::shared_ptr<arrow::Buffer>> buffers) {
  buffers.insert(buffers.begin(), validity.buffer());
  const int64_t nulls = validity.present() ? arrow::kUnknownNullCount : 0;
  return Vector::Of(
      arrow::MakeArray(arrow::ArrayData::Make(ArrowType(type), rows, std::move(buffers), nulls)));
}

template <class T>
Vector FixedConstant(const DataType& type, T value) {
  FixedOutput<T> out(1);
  std::memcpy(out.data(), &value, sizeof value);
  return std::move(out).Finish(type, 1, Bitmap());
}

Vector TextConstant(const DataType& type, std::string_view value) {
  TextOutput out(1);
  out.Append(value);
  WEIR_CHECK(out.EndRow(0));
  return std::move(out).Finish(type, 1, Bitmap());
}

Vector OneRow(const Value& value) {
  const DataType& type = value.type;
  switch (type.kind) {
    case TypeKind::kBoolean: {
      Bitmap bits(1, std::get<bool>(value.data));
      return FinishBooleans(std::move(bits), 1, Bitmap());
    }
    case TypeKind::kSmallint:
      return FixedConstant<int16_t>(type, static_cast<int16_t>(std::get<int64_t>(value.data)));
    case TypeKind::kInteger:
    case TypeKind::kDate:
      return FixedConstant<int32_t>(type, static_cast<int32_t>(std::get<int64_t>(value.data)));
    case TypeKind::kBigint:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return FixedConstant<int64_t>(type, std::get<int64_t>(value.data));
    case TypeKind::kReal:
      return FixedConstant<float>(type, static_cast<float>(std::get<double>(value.data)));
    case TypeKind::kDouble:
      return FixedConstant<double>(type, std::get<double>(value.data));
    case TypeKind::kNumeric:
      return FixedConstant<Int128>(type, static_cast<Int128>(std::get<absl::int128>(value.data)));
    case TypeKind::kText:
    case TypeKind::kBytea:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return TextConstant(type, std::get<std::string>(value.data));
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  return Vector();
}

}  // namespace

Vector Vector::Of(std::shared_ptr<arrow::Array> array, bool constant) {
  Vector v;
  v.constant = constant;
  const arrow::ArrayData& data = *array->data();
  v.bit_offset = data.offset;
  if (data.buffers[0] != nullptr && array->null_count() > 0) v.validity = data.buffers[0]->data();
  switch (array->type_id()) {
    case arrow::Type::NA: {
      static const uint8_t kNoBits = 0;
      v.validity = &kNoBits;
      v.constant = true;
      v.bit_offset = 0;
      break;
    }
    case arrow::Type::BOOL:
      v.values = data.buffers[1]->data();
      break;
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      // An array without rows may come without offsets.
      static const int32_t kNoOffsets[2] = {0, 0};
      v.offsets = data.buffers[1] == nullptr || data.buffers[1]->size() == 0
                      ? kNoOffsets
                      : data.GetValues<int32_t>(1);
      v.bytes =
          data.buffers[2] == nullptr ? "" : reinterpret_cast<const char*>(data.buffers[2]->data());
      break;
    }
    default:
      v.values = data.buffers[1]->data() + data.offset * array->type()->byte_width();
  }
  v.array = std::move(array);
  return v;
}

Vector Vector::Constant(const Value& value) {
  if (value.is_null()) return Null(value.type);
  Vector v = OneRow(value);
  v.constant = true;
  return v;
}

Vector Vector::Null(const DataType& type) {
  if (type.kind == TypeKind::kInterval) return Null(DataType::Of(TypeKind::kNull));
  arrow::Result<std::shared_ptr<arrow::Array>> array = arrow::MakeArrayOfNull(ArrowType(type), 1);
  WEIR_CHECK(array.ok(), array.status().ToString());
  return Of(*std::move(array), /*constant=*/true);
}

Bitmap::Bitmap(int64_t bits, bool ones) : buffer_(Allocate(Words(bits) * 8)), bits_(bits) {
  words_ = reinterpret_cast<uint64_t*>(buffer_->mutable_data());
  data_ = buffer_->data();
  std::memset(words_, ones ? 0xff : 0, Words(bits) * 8);
}

Bitmap Bitmap::Shared(std::shared_ptr<arrow::Buffer> buffer, int64_t bits) {
  Bitmap out;
  out.data_ = buffer->data();
  out.buffer_ = std::move(buffer);
  out.bits_ = bits;
  return out;
}

void Bitmap::Clear(int64_t bit) {
  if (words_ == nullptr) {
    Bitmap own(bits_, true);
    std::memcpy(own.words_, data_, (bits_ + 7) / 8);
    *this = std::move(own);
  }
  words_[bit >> 6] &= ~(uint64_t{1} << (bit & 63));
}

uint64_t LoadWord(const uint8_t* data, int64_t offset, int64_t index, int64_t bits) {
  const int64_t count = std::min<int64_t>(64, bits - index * 64);
  const uint64_t mask = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  if (data == nullptr) return mask;
  const int64_t first = offset + index * 64;
  const int shift = static_cast<int>(first & 7);
  const uint8_t* at = data + (first >> 3);
  const int64_t bytes = (shift + count + 7) / 8;  // up to 9
  uint64_t word = 0;
  std::memcpy(&word, at, std::min<int64_t>(bytes, 8));
  word >>= shift;
  if (bytes == 9) word |= uint64_t{at[8]} << (64 - shift);
  return word & mask;
}

Bitmap CombineValidity(std::span<const Vector> args, int64_t rows) {
  Bitmap out;
  const Vector* only = nullptr;
  int nullable = 0;
  for (const Vector& arg : args) {
    if (arg.validity == nullptr) continue;
    ++nullable;
    only = &arg;
  }
  if (nullable == 0) return out;
  if (nullable == 1 && !only->constant && only->bit_offset == 0) {
    return Bitmap::Shared(only->array->data()->buffers[0], rows);
  }
  out = Bitmap(rows, true);
  for (const Vector& arg : args) {
    if (arg.validity == nullptr) continue;
    for (int64_t w = 0; w < Words(rows); ++w) {
      uint64_t word = arg.constant ? (arg.IsNull(0) ? 0 : ~uint64_t{0})
                                   : LoadWord(arg.validity, arg.bit_offset, w, rows);
      out.words()[w] &= word;
    }
  }
  return out;
}

template <class T>
FixedOutput<T>::FixedOutput(int64_t rows) : buffer_(Allocate(rows * sizeof(T))) {
  data_ = reinterpret_cast<T*>(buffer_->mutable_data());
}

template <class T>
Vector FixedOutput<T>::Finish(const DataType& type, int64_t rows, Bitmap validity) && {
  return FromBuffers(type, rows, std::move(validity), {std::move(buffer_)});
}

template class FixedOutput<int16_t>;
template class FixedOutput<int32_t>;
template class FixedOutput<int64_t>;
template class FixedOutput<float>;
template class FixedOutput<double>;
template class FixedOutput<Int128>;

Vector FinishBooleans(Bitmap values, int64_t rows, Bitmap validity) {
  return FromBuffers(DataType::Of(TypeKind::kBoolean), rows, std::move(validity),
                     {values.buffer()});
}

TextOutput::TextOutput(int64_t rows) : offsets_buffer_(Allocate((rows + 1) * sizeof(int32_t))) {
  offsets_ = reinterpret_cast<int32_t*>(offsets_buffer_->mutable_data());
  offsets_[0] = 0;
}

bool TextOutput::EndRow(int64_t row) {
  const bool fits = bytes_.size() <= std::numeric_limits<int32_t>::max();
  if (!fits) bytes_.resize(offsets_[row]);
  offsets_[row + 1] = static_cast<int32_t>(bytes_.size());
  return fits;
}

Vector TextOutput::Finish(const DataType& type, int64_t rows, Bitmap validity) && {
  return FromBuffers(type, rows, std::move(validity),
                     {std::move(offsets_buffer_), arrow::Buffer::FromString(std::move(bytes_))});
}

std::shared_ptr<arrow::Array> Materialise(const Vector& vector, int64_t rows) {
  if (!vector.constant) return vector.array;
  return TakeArray(vector.array, std::vector<uint32_t>(rows, 0));
}

std::shared_ptr<arrow::Array> WithNulls(const std::shared_ptr<arrow::Array>& array,
                                        std::span<const uint32_t> rows) {
  if (rows.empty() || array->type_id() == arrow::Type::NA) return array;
  const Vector vector = Vector::Of(array);
  Bitmap validity(array->length(), true);
  for (int64_t w = 0; w < Words(array->length()); ++w) {
    validity.SetWord(w, LoadWord(vector.validity, vector.bit_offset, w, array->length()));
  }
  for (uint32_t row : rows) validity.Clear(row);
  std::shared_ptr<arrow::ArrayData> data = array->data()->Copy();
  // The bitmap starts at bit 0, the values at the array's offset: bring them together.
  if (data->offset != 0) {
    std::vector<uint32_t> all(array->length());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
    data = TakeArray(array, all)->data()->Copy();
  }
  data->buffers[0] = validity.buffer();
  data->null_count = arrow::kUnknownNullCount;
  return arrow::MakeArray(std::move(data));
}

}  // namespace weir::expr
