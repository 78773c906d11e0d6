// The values of an expression over some rows, as kernels see and make them: raw pointers into Arrow
// buffers, so that inner loops are plain loops.
#ifndef WEIR_OPERATORS_EXPR_VECTOR_H_
#define WEIR_OPERATORS_EXPR_VECTOR_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "arrow/type_fwd.h"
#include "model/types.h"
#include "model/value.h"
#include "operators/expr/numeric.h"

namespace weir::expr {

// A column of values, or one value that stands for every row (`constant`). Keeps its array alive;
// the pointers already include the array's offset, except where said.
struct Vector {
  std::shared_ptr<arrow::Array> array;  // shared: columns pass through without a copy
  bool constant = false;
  const uint8_t* validity = nullptr;  // bitmap, from bit `bit_offset` on; null = no NULLs
  int64_t bit_offset = 0;
  const void* values = nullptr;      // fixed width; of booleans a bitmap, from `bit_offset` on
  const int32_t* offsets = nullptr;  // text and bytes
  const char* bytes = nullptr;

  static Vector Of(std::shared_ptr<arrow::Array> array, bool constant = false);
  // A constant. An interval has no array; kernels read it from the expression.
  static Vector Constant(const Value& value);
  // A constant NULL.
  static Vector Null(const DataType& type);

  bool IsNull(int64_t row) const {
    if (validity == nullptr) return false;
    int64_t bit = bit_offset + (constant ? 0 : row);
    return (validity[bit >> 3] >> (bit & 7) & 1) == 0;
  }
  bool is_null_constant() const { return constant && IsNull(0); }
};

// Reads values of one C++ type; a constant answers every row.
template <class T>
class View {
 public:
  using value_type = T;
  explicit View(const Vector& v)
      : values_(static_cast<const char*>(v.values)), step_(v.constant ? 0 : sizeof(T)) {}
  T operator[](int64_t row) const {
    T value;
    std::memcpy(&value, values_ + row * step_, sizeof value);  // 16-byte values may lie unaligned
    return value;
  }

 private:
  const char* values_;
  int64_t step_;
};

template <>
class View<bool> {
 public:
  using value_type = bool;
  explicit View(const Vector& v)
      : bits_(static_cast<const uint8_t*>(v.values)), offset_(v.bit_offset), step_(!v.constant) {}
  bool operator[](int64_t row) const {
    int64_t bit = offset_ + row * step_;
    return bits_[bit >> 3] >> (bit & 7) & 1;
  }

 private:
  const uint8_t* bits_;
  int64_t offset_;
  int64_t step_;
};

template <>
class View<std::string_view> {
 public:
  using value_type = std::string_view;
  explicit View(const Vector& v) : offsets_(v.offsets), bytes_(v.bytes), step_(!v.constant) {}
  std::string_view operator[](int64_t row) const {
    const int32_t* at = offsets_ + row * step_;
    return {bytes_ + at[0], static_cast<size_t>(at[1] - at[0])};
  }

 private:
  const int32_t* offsets_;
  const char* bytes_;
  int64_t step_;
};

// Views whose step is known to the compiler, for the hottest loops.
template <class T>
class Dense {
 public:
  explicit Dense(const Vector& v) : values_(static_cast<const char*>(v.values)) {}
  T operator[](int64_t row) const {
    T value;
    std::memcpy(&value, values_ + row * sizeof(T), sizeof value);
    return value;
  }

 private:
  const char* values_;
};

template <>
class Dense<std::string_view> {
 public:
  explicit Dense(const Vector& v) : offsets_(v.offsets), bytes_(v.bytes) {}
  std::string_view operator[](int64_t row) const {
    return {bytes_ + offsets_[row], static_cast<size_t>(offsets_[row + 1] - offsets_[row])};
  }

 private:
  const int32_t* offsets_;
  const char* bytes_;
};

template <>
class Dense<bool> : public View<bool> {
 public:
  using View<bool>::View;
};

template <class T>
class Scalar {
 public:
  explicit Scalar(const Vector& v) : value_(View<T>(v)[0]) {}
  T operator[](int64_t) const { return value_; }

 private:
  T value_;
};

// Calls `fn` with the narrowest view of `v`.
template <class T, class Fn>
void WithView(const Vector& v, Fn&& fn) {
  if (v.constant) {
    fn(Scalar<T>(v));
  } else {
    fn(Dense<T>(v));
  }
}

// The C++ type behind a SQL type in a batch.
template <TypeKind kKind>
struct CppTypeOf;
template <TypeKind kKind>
using CppType = typename CppTypeOf<kKind>::type;

#define WEIR_CPP_TYPE(kind, cpp)     \
  template <>                        \
  struct CppTypeOf<TypeKind::kind> { \
    using type = cpp;                \
  }
WEIR_CPP_TYPE(kBoolean, bool);
WEIR_CPP_TYPE(kSmallint, int16_t);
WEIR_CPP_TYPE(kInteger, int32_t);
WEIR_CPP_TYPE(kBigint, int64_t);
WEIR_CPP_TYPE(kReal, float);
WEIR_CPP_TYPE(kDouble, double);
WEIR_CPP_TYPE(kNumeric, Int128);
WEIR_CPP_TYPE(kText, std::string_view);
WEIR_CPP_TYPE(kBytea, std::string_view);
WEIR_CPP_TYPE(kDate, int32_t);
WEIR_CPP_TYPE(kTimestamp, int64_t);
WEIR_CPP_TYPE(kTimestamptz, int64_t);
WEIR_CPP_TYPE(kUuid, std::string_view);
WEIR_CPP_TYPE(kJsonb, std::string_view);
#undef WEIR_CPP_TYPE

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_VECTOR_H_
