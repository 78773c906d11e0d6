#include "operators/decode/json_number.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace weir {
namespace {

// The number as 0.digits · 10^point, without leading or trailing zeros.
struct Digits {
  std::string digits;
  int64_t point = 0;
};

Digits AllDigits(const JsonNumber& number) {
  Digits out;
  for (char c : number.text) {
    if (c == 'e' || c == 'E') break;
    if (c != '.' && c != '-') out.digits.push_back(c);
  }
  out.point = static_cast<int64_t>(out.digits.size()) + number.exponent;
  const size_t leading = std::min(out.digits.find_first_not_of('0'), out.digits.size());
  out.digits.erase(0, leading);
  out.point -= static_cast<int64_t>(leading);
  out.digits.erase(out.digits.find_last_not_of('0') + 1);
  return out;
}

// digits[0, count) with zeros appended as needed; count <= 38.
absl::int128 Take(const std::string& digits, int64_t count) {
  absl::int128 value = 0;
  for (int64_t i = 0; i < count; ++i) {
    const bool there = i < static_cast<int64_t>(digits.size());
    value = value * 10 + (there ? digits[static_cast<size_t>(i)] - '0' : 0);
  }
  return value;
}

absl::int128 PowerOf10(int exponent) {
  absl::int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

NumberFit ToInt64Slow(const JsonNumber& number, int64_t* out) {
  const Digits d = AllDigits(number);
  *out = 0;
  if (d.digits.empty()) return NumberFit::kOk;
  if (static_cast<int64_t>(d.digits.size()) > d.point) return NumberFit::kFraction;
  if (d.point > 19) return NumberFit::kRange;
  absl::int128 value = Take(d.digits, d.point);
  if (number.negative) value = -value;
  if (value < INT64_MIN || value > INT64_MAX) return NumberFit::kRange;
  *out = static_cast<int64_t>(value);
  return NumberFit::kOk;
}

bool ToDoubleSlow(const JsonNumber& number, double* out) {
  const char* end = number.text.data() + number.text.size();
  return std::from_chars(number.text.data(), end, *out).ec == std::errc();
}

bool ToFloat(const JsonNumber& number, float* out) {
  const char* end = number.text.data() + number.text.size();
  return std::from_chars(number.text.data(), end, *out).ec == std::errc();
}

bool ToDecimal(const JsonNumber& number, int precision, int scale, absl::int128* out) {
  const absl::int128 limit = PowerOf10(precision);
  absl::int128 value = 0;
  if (number.exact && number.exponent + scale >= 0 && number.exponent + scale <= 18) {
    value = absl::int128(number.mantissa) * PowerOf10(number.exponent + scale);
  } else {
    const Digits d = AllDigits(number);
    const int64_t count = d.point + scale;  // of digits before the rounding place
    if (d.digits.empty() || count < 0) {
      *out = 0;
      return true;
    }
    if (count > 38) return false;
    value = Take(d.digits, count);
    const bool up = count < static_cast<int64_t>(d.digits.size()) &&
                    d.digits[static_cast<size_t>(count)] >= '5';
    if (up) value += 1;
  }
  if (value >= limit) return false;
  *out = number.negative ? -value : value;
  return true;
}

}  // namespace weir
