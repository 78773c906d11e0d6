// 128-bit decimal arithmetic that says when it overflows. Values are unscaled: 1.50 at scale 2 is
// 150. Rounding is half away from zero, as PostgreSQL's numeric.
#ifndef WEIR_OPERATORS_WINDOW_EXACT_NUMERIC_H_
#define WEIR_OPERATORS_WINDOW_EXACT_NUMERIC_H_

#include <optional>

namespace weir {

using Int128 = __int128;

// 10^digits; 0 <= digits <= 38.
Int128 PowerOfTen(int digits);
// Whether `v` has at most `precision` digits.
bool FitsPrecision(Int128 v, int precision);
// `v` at scale `from`, at scale `to`.
std::optional<Int128> Rescale(Int128 v, int from, int to);
// (`sum` at scale `from`) / `count`, at scale `to`. REQUIRES: count > 0.
std::optional<Int128> Average(Int128 sum, int from, long count, int to);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_EXACT_NUMERIC_H_
