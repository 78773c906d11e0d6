#include "state/keyed/key_encoding.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/util/decimal.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "state/keyed/key_layout.h"

// Hashing short keys inline is twice as fast as through the library.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir {
namespace {

using Int128 = __int128;

constexpr int32_t kTagSize = 1;
constexpr int32_t kNumericSize = kTagSize + 1 + 16;

int32_t VarintSize(uint32_t v) {
  int32_t size = 1;
  for (; v >= 0x80; v >>= 7) ++size;
  return size;
}

uint8_t* PutVarint(uint8_t* out, uint32_t v) {
  for (; v >= 0x80; v >>= 7) *out++ = static_cast<uint8_t>(v | 0x80);
  *out++ = static_cast<uint8_t>(v);
  return out;
}

// The value of equal keys must have equal bits.
template <class T>
T Canonical(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    if (v == 0) return 0;
    if (std::isnan(v)) return std::numeric_limits<T>::quiet_NaN();
  }
  return v;
}

struct Numeric {
  Int128 unscaled;
  uint8_t scale;
};

Numeric CanonicalNumeric(Int128 v, int scale) {
  if (v == 0) return {0, 0};
  while (scale > 0 && v != static_cast<int64_t>(v) && v % 10 == 0) v /= 10, --scale;
  if (v == static_cast<int64_t>(v)) {
    int64_t small = static_cast<int64_t>(v);
    while (scale > 0 && small % 10 == 0) small /= 10, --scale;
    v = small;
  }
  return {v, static_cast<uint8_t>(scale)};
}

// Adds the encoded sizes of a column to sizes[i].
void AddSizes(const DataType& type, const arrow::Array& column, int32_t* sizes) {
  const int64_t rows = column.length();
  const bool nulls = column.null_count() > 0;
  if (IsVariable(type.kind)) {
    const auto& values = static_cast<const arrow::BinaryArray&>(column);
    const int32_t* offsets = values.raw_value_offsets();
    for (int64_t i = 0; i < rows; ++i) {
      if (nulls && column.IsNull(i)) {
        sizes[i] += 1;
      } else {
        int32_t size = offsets[i + 1] - offsets[i];
        sizes[i] += VarintSize(static_cast<uint32_t>(size) + 1) + size;
      }
    }
    return;
  }
  const int32_t width = FixedKeySize(type.kind);
  for (int64_t i = 0; i < rows; ++i) sizes[i] += nulls && column.IsNull(i) ? 1 : width;
}

template <class ArrayType>
void WriteFixed(const ArrayType& column, uint8_t* bytes, int32_t* cursors) {
  using T = typename ArrayType::value_type;
  const T* values = column.raw_values();
  const bool nulls = column.null_count() > 0;
  for (int64_t i = 0; i < column.length(); ++i) {
    uint8_t* out = bytes + cursors[i];
    if (nulls && column.IsNull(i)) {
      *out = 0;
      cursors[i] += 1;
      continue;
    }
    *out = 1;
    T v = Canonical(values[i]);
    std::memcpy(out + 1, &v, sizeof(T));
    cursors[i] += 1 + sizeof(T);
  }
}

void WriteBooleans(const arrow::BooleanArray& column, uint8_t* bytes, int32_t* cursors) {
  for (int64_t i = 0; i < column.length(); ++i) {
    uint8_t* out = bytes + cursors[i];
    if (column.IsNull(i)) {
      *out = 0;
      cursors[i] += 1;
    } else {
      out[0] = 1;
      out[1] = column.Value(i) ? 1 : 0;
      cursors[i] += 2;
    }
  }
}

void WriteNumerics(const arrow::Decimal128Array& column, int scale, uint8_t* bytes,
                   int32_t* cursors) {
  for (int64_t i = 0; i < column.length(); ++i) {
    uint8_t* out = bytes + cursors[i];
    if (column.IsNull(i)) {
      *out = 0;
      cursors[i] += 1;
      continue;
    }
    Int128 unscaled;
    std::memcpy(&unscaled, column.GetValue(i), sizeof(unscaled));
    Numeric v = CanonicalNumeric(unscaled, scale);
    out[0] = 1;
    out[1] = v.scale;
    std::memcpy(out + 2, &v.unscaled, sizeof(v.unscaled));
    cursors[i] += kNumericSize;
  }
}

// `last_writer`: this column is the only one, so bytes behind a row belong to rows not written yet
// and short values may be copied as 16 bytes at once.
void WriteVariable(const arrow::BinaryArray& column, bool last_writer, uint8_t* bytes,
                   int32_t* cursors) {
  const int32_t* offsets = column.raw_value_offsets();
  const uint8_t* data = column.value_data() ? column.value_data()->data() : nullptr;
  const int64_t data_size = column.value_data() ? column.value_data()->size() : 0;
  const bool nulls = column.null_count() > 0;
  for (int64_t i = 0; i < column.length(); ++i) {
    uint8_t* out = bytes + cursors[i];
    if (nulls && column.IsNull(i)) {
      *out = 0;
      cursors[i] += 1;
      continue;
    }
    const int32_t begin = offsets[i];
    const int32_t size = offsets[i + 1] - begin;
    uint8_t* value = PutVarint(out, static_cast<uint32_t>(size) + 1);
    if (last_writer && size <= EncodedKeys::kSlack && begin + EncodedKeys::kSlack <= data_size) {
      std::memcpy(value, data + begin, EncodedKeys::kSlack);
    } else if (size > 0) {
      std::memcpy(value, data + begin, size);
    }
    cursors[i] += static_cast<int32_t>(value - out) + size;
  }
}

void WriteColumn(const DataType& type, const arrow::Array& column, bool only, uint8_t* bytes,
                 int32_t* cursors) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return WriteBooleans(static_cast<const arrow::BooleanArray&>(column), bytes, cursors);
    case TypeKind::kSmallint:
      return WriteFixed(static_cast<const arrow::Int16Array&>(column), bytes, cursors);
    case TypeKind::kInteger:
      return WriteFixed(static_cast<const arrow::Int32Array&>(column), bytes, cursors);
    case TypeKind::kDate:
      return WriteFixed(static_cast<const arrow::Date32Array&>(column), bytes, cursors);
    case TypeKind::kBigint:
      return WriteFixed(static_cast<const arrow::Int64Array&>(column), bytes, cursors);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return WriteFixed(static_cast<const arrow::TimestampArray&>(column), bytes, cursors);
    case TypeKind::kReal:
      return WriteFixed(static_cast<const arrow::FloatArray&>(column), bytes, cursors);
    case TypeKind::kDouble:
      return WriteFixed(static_cast<const arrow::DoubleArray&>(column), bytes, cursors);
    case TypeKind::kNumeric:
      return WriteNumerics(static_cast<const arrow::Decimal128Array&>(column), type.scale, bytes,
                           cursors);
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
    case TypeKind::kBytea:
      return WriteVariable(static_cast<const arrow::BinaryArray&>(column), only, bytes, cursors);
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "type of a column", ToString(type));
}

}  // namespace

uint64_t HashKey(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

absl::Status EncodeKeys(const std::vector<DataType>& types,
                        const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows,
                        EncodedKeys* out) {
  WEIR_CHECK(types.size() == columns.size(), "key columns=", columns.size());
  // offsets[i + 1] first holds the size of key i, then its end; while columns are written,
  // offsets[i] is the cursor of row i, which leaves it at the end of key i: shifted by one at last.
  out->offsets.assign(rows + 1, 0);
  int32_t* sizes = out->offsets.data() + 1;
  for (size_t c = 0; c < columns.size(); ++c) AddSizes(types[c], *columns[c], sizes);
  int64_t total = 0;
  for (int64_t i = 0; i < rows; ++i) {
    int64_t size = sizes[i];
    sizes[i] = static_cast<int32_t>(total);
    total += size;
    if (total > std::numeric_limits<int32_t>::max() - EncodedKeys::kSlack) {
      return absl::OutOfRangeError(
          absl::StrCat("the group keys of one batch of ", rows, " rows take more than 2 GiB"));
    }
  }
  if (static_cast<int64_t>(out->bytes.size()) < total + EncodedKeys::kSlack) {
    out->bytes.resize(std::max<size_t>(total + EncodedKeys::kSlack, out->bytes.size() * 2));
  }
  // sizes[i] is now the begin of key i and ends as its end.
  for (size_t c = 0; c < columns.size(); ++c) {
    WriteColumn(types[c], *columns[c], columns.size() == 1, out->bytes.data(), sizes);
  }
  out->hashes.resize(rows);
  for (int64_t i = 0; i < rows; ++i) {
    out->hashes[i] =
        XXH3_64bits(out->bytes.data() + out->offsets[i], out->offsets[i + 1] - out->offsets[i]);
  }
  return absl::OkStatus();
}

}  // namespace weir
