#include "operators/window/exact_numeric.h"

#include <limits>

namespace weir {
namespace {

using UInt128 = unsigned __int128;

UInt128 Magnitude(Int128 v) { return v < 0 ? -static_cast<UInt128>(v) : static_cast<UInt128>(v); }

std::optional<Int128> Signed(UInt128 magnitude, bool negative) {
  if (magnitude > static_cast<UInt128>(PowerOfTen(38))) return std::nullopt;
  const Int128 v = static_cast<Int128>(magnitude);
  return negative ? -v : v;
}

}  // namespace

Int128 PowerOfTen(int digits) {
  Int128 v = 1;
  for (int i = 0; i < digits; ++i) v *= 10;
  return v;
}

bool FitsPrecision(Int128 v, int precision) {
  return Magnitude(v) < static_cast<UInt128>(PowerOfTen(precision));
}

std::optional<Int128> Rescale(Int128 v, int from, int to) {
  if (to <= from) return Average(v, from, 1, to);
  Int128 scaled;
  if (__builtin_mul_overflow(v, PowerOfTen(to - from), &scaled)) return std::nullopt;
  return scaled;
}

std::optional<Int128> Average(Int128 sum, int from, long count, int to) {
  const UInt128 n = static_cast<UInt128>(count);
  UInt128 quotient = Magnitude(sum) / n;
  UInt128 rest = Magnitude(sum) % n;
  if (to < from) {
    // The divisor is even, so the fraction behind `dropped` can't turn a "less than half" around.
    const UInt128 divisor = static_cast<UInt128>(PowerOfTen(from - to));
    const UInt128 dropped = quotient % divisor;
    quotient = quotient / divisor + (dropped >= divisor / 2 ? 1 : 0);
    return Signed(quotient, sum < 0);
  }
  // Long division; `rest` stays below n < 2^63.
  for (int digit = from; digit < to; ++digit) {
    rest *= 10;
    if (quotient > static_cast<UInt128>(PowerOfTen(37))) return std::nullopt;
    quotient = quotient * 10 + rest / n;
    rest %= n;
  }
  if (2 * rest >= n) quotient += 1;
  return Signed(quotient, sum < 0);
}

}  // namespace weir
