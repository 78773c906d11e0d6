// JSON numbers: scanned once, then converted exactly to the type of a column.
#ifndef WEIR_OPERATORS_DECODE_JSON_NUMBER_H_
#define WEIR_OPERATORS_DECODE_JSON_NUMBER_H_

#include <cstdint>
#include <string_view>

#include "absl/numeric/int128.h"

namespace weir {

struct JsonNumber {
  std::string_view text;
  bool negative = false;
  bool integer = false;  // neither a point nor an exponent
  // The value is ±mantissa · 10^exponent, if all significant digits fit.
  bool exact = false;
  uint64_t mantissa = 0;
  int32_t exponent = 0;
};

// Scans -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? as far as it goes; false when it doesn't
// begin with that. REQUIRES: some byte that can't continue a number follows.
inline bool ScanJsonNumber(const char* begin, JsonNumber* out) {
  auto is_digit = [](char c) { return static_cast<unsigned char>(c - '0') <= 9; };
  const char* p = begin;
  out->negative = *p == '-';
  if (out->negative) ++p;
  if (!is_digit(*p)) return false;
  const char* digits = p;
  uint64_t mantissa = 0;
  while (is_digit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
  int64_t count = p - digits;
  if (*digits == '0' && count > 1) return false;
  out->integer = true;
  int32_t exponent = 0;
  if (*p == '.') {
    out->integer = false;
    const char* fraction = ++p;
    while (is_digit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
    if (p == fraction) return false;
    exponent = static_cast<int32_t>(fraction - p);
    count += p - fraction;
  }
  if (*p == 'e' || *p == 'E') {
    out->integer = false;
    ++p;
    const bool minus = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    if (!is_digit(*p)) return false;
    int32_t e = 0;
    // Capped where no type reaches.
    for (; is_digit(*p); ++p) e = e < 100'000'000 ? e * 10 + (*p - '0') : e;
    exponent += minus ? -e : e;
  }
  out->text = std::string_view(begin, static_cast<size_t>(p - begin));
  out->exact = count <= 19;  // 10^19 < 2^64
  out->mantissa = mantissa;
  out->exponent = exponent;
  return true;
}

enum class NumberFit {
  kOk,
  kFraction,  // not a whole number
  kRange,     // beyond the type
};

NumberFit ToInt64Slow(const JsonNumber& number, int64_t* out);
bool ToDoubleSlow(const JsonNumber& number, double* out);

// Whole numbers in any spelling: 12, 12.0, 1.2e1.
inline NumberFit ToInt64(const JsonNumber& number, int64_t* out) {
  if (!number.integer || !number.exact || number.mantissa > INT64_MAX) {
    return ToInt64Slow(number, out);
  }
  const int64_t value = static_cast<int64_t>(number.mantissa);
  *out = number.negative ? -value : value;
  return NumberFit::kOk;
}

// The nearest double. False when that is infinite, or zero although the number isn't.
inline bool ToDouble(const JsonNumber& number, double* out) {
  // W. D. Clinger, "How to Read Floating Point Numbers Accurately" (1990): both operands are
  // exact, so that the one rounding is right.
  constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (!number.exact || number.mantissa > (1ull << 53) || number.exponent < -22 ||
      number.exponent > 22) {
    return ToDoubleSlow(number, out);
  }
  double value = static_cast<double>(number.mantissa);
  if (number.exponent < 0) {
    value /= kPowers[-number.exponent];
  } else {
    value *= kPowers[number.exponent];
  }
  *out = number.negative ? -value : value;
  return true;
}

bool ToFloat(const JsonNumber& number, float* out);

// The unscaled value of numeric(precision, scale), rounded half away from zero, as PostgreSQL does
// on assignment. False when it needs more than `precision` digits.
bool ToDecimal(const JsonNumber& number, int precision, int scale, absl::int128* out);

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_NUMBER_H_
