#include "operators/expr/numeric.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "arrow/util/basic_decimal.h"

namespace weir::expr {
namespace {

using Wide = arrow::BasicDecimal256;

constexpr std::array<Int128, kMaxDigits + 1> MakePowers() {
  std::array<Int128, kMaxDigits + 1> powers{};
  Int128 power = 1;
  for (int i = 0; i <= kMaxDigits; ++i) {
    powers[i] = power;
    if (i < kMaxDigits) power *= 10;
  }
  return powers;
}
constexpr std::array<Int128, kMaxDigits + 1> kPowers = MakePowers();

Wide Widen(Int128 value) {
  return Wide(
      arrow::BasicDecimal128(static_cast<int64_t>(value >> 64), static_cast<uint64_t>(value)));
}

// False when the value has more than 38 digits.
bool Narrow(const Wide& value, Int128* out) {
  static const Wide limit = Widen(kPowers[kMaxDigits]);
  if (value >= limit || value <= -limit) return false;
  const auto& words = value.little_endian_array();
  *out = static_cast<Int128>((static_cast<unsigned __int128>(words[1]) << 64) | words[0]);
  return true;
}

Int128 Magnitude(Int128 value) { return value < 0 ? -value : value; }

// Rounds a quotient away from zero when the remainder is at least half of the divisor.
template <class Integer>
Integer RoundQuotient(Integer quotient, Integer remainder, Integer divisor, bool negative) {
  Integer magnitude = remainder < Integer(0) ? -remainder : remainder;
  Integer whole = divisor < Integer(0) ? -divisor : divisor;
  // Says 2 * magnitude >= whole without its overflow.
  if (magnitude >= whole + (-magnitude)) return quotient + Integer(negative ? -1 : 1);
  return quotient;
}

Wide WidePower(int n) {
  if (n <= kMaxDigits) return Widen(kPowers[n]);
  return Widen(kPowers[kMaxDigits]) * Widen(kPowers[n - kMaxDigits]);
}

// a * 10^exponent / b, rounded, for exponent in 0..76.
bool ScaledQuotient(Int128 a, int exponent, Int128 b, Int128* out) {
  const bool negative = (a < 0) != (b < 0);
  Int128 scaled = 0;
  if (exponent <= kMaxDigits && !__builtin_mul_overflow(a, kPowers[exponent], &scaled)) {
    *out = RoundQuotient<Int128>(scaled / b, scaled % b, b, negative);
    return FitsPrecision(*out, kMaxDigits);
  }
  // In two steps, because a * 10^76 passes 256 bits: first 38 digits, then the rest of the
  // remainder, which is smaller than b.
  const int first = std::min(exponent, kMaxDigits);
  const int second = exponent - first;
  const Wide divisor = Widen(b);
  const Wide dividend = Widen(a) * Widen(kPowers[first]);
  const Wide high = dividend / divisor;
  const Wide rest = (dividend % divisor) * Widen(kPowers[second]);
  Int128 high_digits = 0;
  if (!Narrow(high, &high_digits)) return false;
  const Wide quotient = high * Widen(kPowers[second]) + rest / divisor;
  return Narrow(RoundQuotient<Wide>(quotient, rest % divisor, divisor, negative), out);
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A number as written: `digits` without point, the last of them standing for 10^-scale.
struct Written {
  bool negative = false;
  std::string digits;
  int64_t scale = 0;
};

bool ScanExponent(std::string_view text, size_t i, Written* out) {
  ++i;
  const bool negative = i < text.size() && text[i] == '-';
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  if (i == text.size()) return false;
  int64_t exponent = 0;
  for (; i < text.size(); ++i) {
    if (!IsDigit(text[i])) return false;
    exponent = std::min<int64_t>(exponent * 10 + (text[i] - '0'), 1'000'000);
  }
  out->scale -= negative ? -exponent : exponent;
  return true;
}

bool ScanNumber(std::string_view text, Written* out) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) out->negative = text[i++] == '-';
  bool point = false, any = false;
  for (; i < text.size(); ++i) {
    if (IsDigit(text[i])) {
      any = true;
      if (point) ++out->scale;
      if (!out->digits.empty() || text[i] != '0') out->digits += text[i];
    } else if (text[i] == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (!any) return false;
  if (i == text.size()) return true;
  return (text[i] == 'e' || text[i] == 'E') && ScanExponent(text, i, out);
}

NumberParse ToNumeric(const Written& in, const DataType& type, Int128* out) {
  const int64_t change = type.scale - in.scale;
  *out = 0;
  if (in.digits.empty()) return NumberParse::kOk;
  // Digits that stay, then the one that decides about rounding.
  const int64_t kept = static_cast<int64_t>(in.digits.size()) + std::min<int64_t>(change, 0);
  const int64_t total = static_cast<int64_t>(in.digits.size()) + change;
  if (total > type.precision) return NumberParse::kRange;
  for (int64_t i = 0; i < kept; ++i) *out = *out * 10 + (in.digits[i] - '0');
  if (change > 0) *out *= kPowers[change];
  if (change < 0 && kept >= 0 && in.digits[kept] >= '5') *out += 1;
  if (in.negative) *out = -*out;
  return FitsPrecision(*out, type.precision) ? NumberParse::kOk : NumberParse::kRange;
}

template <class Float>
NumberParse FloatToNumeric(Float value, int digits, const DataType& type, Int128* out) {
  if (!std::isfinite(value)) return NumberParse::kSyntax;
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific,
                           digits - 1);
  return ParseNumeric(std::string_view(buffer, end.ptr - buffer), type, out);
}

}  // namespace

Int128 PowerOfTen(int n) { return kPowers[n]; }

bool FitsPrecision(Int128 value, int precision) {
  return value < kPowers[precision] && value > -kPowers[precision];
}

bool Rescale(Int128 value, int scale_change, Int128* out) {
  if (scale_change >= 0) {
    if (scale_change > kMaxDigits) {
      *out = 0;
      return value == 0;
    }
    return !__builtin_mul_overflow(value, kPowers[scale_change], out) &&
           FitsPrecision(*out, kMaxDigits);
  }
  *out = 0;
  if (-scale_change > kMaxDigits) return true;
  const Int128 divisor = kPowers[-scale_change];
  *out = RoundQuotient<Int128>(value / divisor, value % divisor, divisor, value < 0);
  return true;
}

bool TruncateDigits(Int128 value, int digits, Int128* out) {
  *out = 0;
  if (digits > kMaxDigits) return true;
  if (digits >= 0) {
    *out = value / kPowers[digits];
    return true;
  }
  return Rescale(value, -digits, out);
}

bool MultiplyNumeric(Int128 a, Int128 b, int drop_digits, Int128* out) {
  Int128 product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) {
    if (drop_digits > 0) return Rescale(product, -drop_digits, out);
    *out = product;
    return FitsPrecision(product, kMaxDigits);
  }
  const Wide wide = Widen(a) * Widen(b);
  if (drop_digits == 0) return Narrow(wide, out);
  const Wide divisor = WidePower(drop_digits);
  const bool negative = (a < 0) != (b < 0);
  return Narrow(RoundQuotient<Wide>(wide / divisor, wide % divisor, divisor, negative), out);
}

bool DivideNumeric(Int128 a, int a_scale, Int128 b, int b_scale, int scale, Int128* out) {
  const int exponent = scale - a_scale + b_scale;
  if (exponent >= 0) return ScaledQuotient(a, exponent, b, out);
  // Fewer digits wanted than the operands have: a / (b * 10^-exponent).
  const Wide divisor = Widen(b) * Widen(kPowers[-exponent]);
  const Wide dividend = Widen(a);
  return Narrow(
      RoundQuotient<Wide>(dividend / divisor, dividend % divisor, divisor, (a < 0) != (b < 0)),
      out);
}

bool ModuloNumeric(Int128 a, int a_scale, Int128 b, int b_scale, Int128* out) {
  const int scale = std::max(a_scale, b_scale);
  Int128 x = 0, y = 0;
  if (!__builtin_mul_overflow(a, kPowers[scale - a_scale], &x) &&
      !__builtin_mul_overflow(b, kPowers[scale - b_scale], &y)) {
    *out = x % y;
    return FitsPrecision(*out, kMaxDigits);
  }
  const Wide wide_x = Widen(a) * Widen(kPowers[scale - a_scale]);
  const Wide wide_y = Widen(b) * Widen(kPowers[scale - b_scale]);
  return Narrow(wide_x % wide_y, out);
}

int CompareNumeric(Int128 a, int a_scale, Int128 b, int b_scale) {
  if (a_scale == b_scale) return a < b ? -1 : a > b;
  const int scale = std::max(a_scale, b_scale);
  Int128 x = 0, y = 0;
  if (!__builtin_mul_overflow(a, kPowers[scale - a_scale], &x) &&
      !__builtin_mul_overflow(b, kPowers[scale - b_scale], &y)) {
    return x < y ? -1 : x > y;
  }
  const Wide wide_x = Widen(a) * Widen(kPowers[scale - a_scale]);
  const Wide wide_y = Widen(b) * Widen(kPowers[scale - b_scale]);
  return wide_x < wide_y ? -1 : wide_x > wide_y;
}

NumberParse ParseNumeric(std::string_view text, const DataType& type, Int128* out) {
  Written written;
  if (!ScanNumber(text, &written)) return NumberParse::kSyntax;
  return ToNumeric(written, type, out);
}

std::string FormatNumeric(Int128 value, int scale) {
  char buffer[48];
  char* const end = buffer + sizeof buffer;
  char* p = end;
  auto rest = static_cast<unsigned __int128>(Magnitude(value));
  for (int digits = 0; rest != 0 || digits <= scale; ++digits) {
    if (digits == scale && scale > 0) *--p = '.';
    *--p = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  if (value < 0) *--p = '-';
  return std::string(p, end);
}

double NumericToDouble(Int128 value, int scale) {
  constexpr Int128 kExact = Int128{1} << 53;
  // Both operands are exact, so the quotient is the closest double.
  if (Magnitude(value) <= kExact && scale <= 22) {
    return static_cast<double>(value) / static_cast<double>(kPowers[scale]);
  }
  const std::string text = FormatNumeric(value, scale);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

NumberParse DoubleToNumeric(double value, const DataType& type, Int128* out) {
  return FloatToNumeric(value, 15, type, out);
}

NumberParse RealToNumeric(float value, const DataType& type, Int128* out) {
  return FloatToNumeric(value, 6, type, out);
}

}  // namespace weir::expr
