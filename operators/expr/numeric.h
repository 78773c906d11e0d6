// NUMERIC arithmetic on unscaled 128-bit integers. Rounding is half away from zero, as
// PostgreSQL's.
#ifndef WEIR_OPERATORS_EXPR_NUMERIC_H_
#define WEIR_OPERATORS_EXPR_NUMERIC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "model/types.h"

namespace weir::expr {

__extension__ typedef __int128 Int128;  // __extension__: fine with -Wpedantic, too

inline constexpr int kMaxDigits = 38;

// 10^n, n in 0..38.
Int128 PowerOfTen(int n);
// |value| < 10^precision.
bool FitsPrecision(Int128 value, int precision);

// All return false when the result has more than 38 digits; `*out` is unspecified then.
// `scale_change` > 0 appends zeros, < 0 rounds digits away (any number of them).
bool Rescale(Int128 value, int scale_change, Int128* out);
bool TruncateDigits(Int128 value, int digits,
                    Int128* out);  // cuts the last `digits`, appends zeros
// The product of a (scale sa) and b (scale sb) at `scale` <= sa + sb.
bool MultiplyNumeric(Int128 a, Int128 b, int drop_digits, Int128* out);
// The quotient at `scale`; b != 0.
bool DivideNumeric(Int128 a, int a_scale, Int128 b, int b_scale, int scale, Int128* out);
// The remainder, of a's sign, at scale max(sa, sb); b != 0.
bool ModuloNumeric(Int128 a, int a_scale, Int128 b, int b_scale, Int128* out);
// -1, 0, 1. Never fails.
int CompareNumeric(Int128 a, int a_scale, Int128 b, int b_scale);

enum class NumberParse { kOk, kSyntax, kRange };

// PostgreSQL's spellings of a number: spaces around, sign, point, exponent; rounded to the type's
// scale. kRange when it doesn't fit the type's precision.
NumberParse ParseNumeric(std::string_view text, const DataType& type, Int128* out);
std::string FormatNumeric(Int128 value, int scale);

// The closest double.
double NumericToDouble(Int128 value, int scale);
// As PostgreSQL: by 15 significant digits of a double, 6 of a real. kSyntax for NaN and infinity.
NumberParse DoubleToNumeric(double value, const DataType& type, Int128* out);
NumberParse RealToNumeric(float value, const DataType& type, Int128* out);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_NUMERIC_H_
