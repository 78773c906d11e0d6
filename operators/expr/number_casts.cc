// Casts among numbers, and between integer and boolean.
#include <cmath>
#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "operators/expr/casts.h"

namespace weir::expr {
namespace {

using enum TypeKind;

template <class T>
T OutOfRange(Failure& fail) {
  fail(std::is_same_v<T, int16_t>   ? "smallint out of range"
       : std::is_same_v<T, int32_t> ? "integer out of range"
                                    : "bigint out of range");
  return 0;
}

// Half to even; NaN is out of every range.
template <class T, class Float>
T FloatToInteger(Float value, Failure& fail) {
  const Float rounded = std::rint(value);
  // The smallest value is a power of two, so exact; the largest isn't.
  constexpr Float kMin = static_cast<Float>(std::numeric_limits<T>::min());
  if (!(rounded >= kMin && rounded < -kMin)) return OutOfRange<T>(fail);
  return static_cast<T>(rounded);
}

float DoubleToReal(double value, Failure& fail) {
  const float result = static_cast<float>(value);
  if (std::isinf(result) && !std::isinf(value)) fail("value out of range: overflow");
  if (result == 0 && value != 0) fail("value out of range: underflow");
  return result;
}

template <class To, class From>
To Convert(From value, Failure& fail) {
  if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) {
    if (value < std::numeric_limits<To>::min() || value > std::numeric_limits<To>::max()) {
      return OutOfRange<To>(fail);
    }
    return static_cast<To>(value);
  } else if constexpr (std::is_integral_v<To>) {
    return FloatToInteger<To>(value, fail);
  } else if constexpr (std::is_same_v<To, float> && std::is_same_v<From, double>) {
    return DoubleToReal(value, fail);
  } else {
    return static_cast<To>(value);
  }
}

template <class From>
Int128 ToNumeric(From value, const DataType& to, Failure& fail) {
  Int128 out = 0;
  if constexpr (std::is_floating_point_v<From>) {
    NumberParse parsed{};
    if constexpr (std::is_same_v<From, float>) {
      parsed = RealToNumeric(value, to, &out);
    } else {
      parsed = DoubleToNumeric(value, to, &out);
    }
    if (parsed == NumberParse::kSyntax) fail("cannot convert NaN or infinity to numeric");
    if (parsed == NumberParse::kRange) fail(NumericOverflow(to));
  } else {
    if (!Rescale(value, to.scale, &out) || !FitsPrecision(out, to.precision)) {
      fail(NumericOverflow(to));
    }
  }
  return out;
}

template <class To>
To FromNumeric(Int128 value, int scale, Failure& fail) {
  if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(NumericToDouble(value, scale));
  } else {
    Int128 whole = 0;
    Rescale(value, -scale, &whole);
    if (whole < std::numeric_limits<To>::min() || whole > std::numeric_limits<To>::max()) {
      return OutOfRange<To>(fail);
    }
    return static_cast<To>(whole);
  }
}

template <TypeKind kFrom, TypeKind kTo>
std::unique_ptr<Kernel> MakePair(const DataType& from, const DataType& to) {
  using From = CppType<kFrom>;
  using To = CppType<kTo>;
  // By [=], since not every pair of types uses both.
  auto convert = [=](From value, Failure& fail) -> To {
    if constexpr (kFrom == kNumeric && kTo == kNumeric) {
      Int128 out = 0;
      if (!Rescale(value, to.scale - from.scale, &out) || !FitsPrecision(out, to.precision)) {
        fail(NumericOverflow(to));
      }
      return out;
    } else if constexpr (kFrom == kNumeric) {
      return FromNumeric<To>(value, from.scale, fail);
    } else if constexpr (kTo == kNumeric) {
      return ToNumeric(value, to, fail);
    } else {
      return Convert<To>(value, fail);
    }
  };
  return MakeRowKernel<kTo, kFrom>(to, convert);
}

template <TypeKind kFrom>
std::unique_ptr<Kernel> MakeFrom(const DataType& from, const DataType& to) {
  switch (to.kind) {
    case kSmallint:
      return MakePair<kFrom, kSmallint>(from, to);
    case kInteger:
      return MakePair<kFrom, kInteger>(from, to);
    case kBigint:
      return MakePair<kFrom, kBigint>(from, to);
    case kReal:
      return MakePair<kFrom, kReal>(from, to);
    case kDouble:
      return MakePair<kFrom, kDouble>(from, to);
    case kNumeric:
      return MakePair<kFrom, kNumeric>(from, to);
    default:  // Not a number.
      return nullptr;
  }
}

}  // namespace

std::string NumericOverflow(const DataType& type) {
  return absl::StrCat("numeric field overflow: a field with precision ", type.precision, ", scale ",
                      type.scale, " must round to an absolute value less than 10^",
                      type.precision - type.scale);
}

std::unique_ptr<Kernel> MakeNumberCast(const DataType& from, const DataType& to) {
  if (from.kind == kInteger && to.kind == kBoolean) {
    return MakeRowKernel<kBoolean, kInteger>(to, [](int32_t value) { return value != 0; });
  }
  switch (from.kind) {
    case kBoolean:
      if (to.kind != kInteger) return nullptr;
      return MakeRowKernel<kInteger, kBoolean>(to, [](bool value) { return int32_t{value}; });
    case kSmallint:
      return MakeFrom<kSmallint>(from, to);
    case kInteger:
      return MakeFrom<kInteger>(from, to);
    case kBigint:
      return MakeFrom<kBigint>(from, to);
    case kReal:
      return MakeFrom<kReal>(from, to);
    case kDouble:
      return MakeFrom<kDouble>(from, to);
    case kNumeric:
      return MakeFrom<kNumeric>(from, to);
    default:  // Not a number.
      return nullptr;
  }
}

}  // namespace weir::expr
