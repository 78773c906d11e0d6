// Numbers and booleans as text, as PostgreSQL reads and prints them.
#ifndef WEIR_OPERATORS_EXPR_NUMBER_TEXT_H_
#define WEIR_OPERATORS_EXPR_NUMBER_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "operators/expr/numeric.h"

namespace weir::expr {

// Spaces around, sign, decimal digits.
NumberParse ParseInteger(std::string_view text, int64_t min, int64_t max, int64_t* out);
// Also inf, infinity and nan in any case. kRange when it overflows, or is too small but not 0.
NumberParse ParseDouble(std::string_view text, double* out);
NumberParse ParseReal(std::string_view text, float* out);
// The shortest text that reads back as the same number: 0.1, 1e+20, Infinity, NaN.
std::string FormatDouble(double value);
std::string FormatReal(float value);

// true, false, yes, no, on, off in any case and cut short as long as they are unique; 1 and 0.
bool ParseBoolean(std::string_view text, bool* out);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_NUMBER_TEXT_H_
