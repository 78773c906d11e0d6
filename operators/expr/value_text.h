// The text form of values, as CAST(... AS TEXT) prints them.
#ifndef WEIR_OPERATORS_EXPR_VALUE_TEXT_H_
#define WEIR_OPERATORS_EXPR_VALUE_TEXT_H_

#include <string>
#include <string_view>

#include "model/time_text.h"
#include "model/types.h"
#include "operators/expr/number_text.h"
#include "operators/expr/numeric.h"
#include "operators/expr/vector.h"

namespace weir::expr {

// "\xdeadbeef".
void AppendHexBytes(std::string_view bytes, std::string* out);
// The bytes of pairs of hexadecimal digits, spaces between them allowed. "" or what is wrong.
std::string AppendHexDecoded(std::string_view digits, std::string* out);
// The bytes of PostgreSQL's escape format: \\ and \ooo. "" or what is wrong.
std::string AppendUnescaped(std::string_view text, std::string* out);

std::string_view FormatInteger(int64_t value, char (&buffer)[24]);

// Appends `value` of SQL type kKind; `type` gives a numeric's scale.
template <TypeKind kKind>
void AppendText(const DataType& type, CppType<kKind> value, std::string* out) {
  using enum TypeKind;
  if constexpr (kKind == kBoolean) {
    out->append(value ? "true" : "false");
  } else if constexpr (kKind == kSmallint || kKind == kInteger || kKind == kBigint) {
    char buffer[24];
    out->append(FormatInteger(value, buffer));
  } else if constexpr (kKind == kReal) {
    out->append(FormatReal(value));
  } else if constexpr (kKind == kDouble) {
    out->append(FormatDouble(value));
  } else if constexpr (kKind == kNumeric) {
    out->append(FormatNumeric(value, type.scale));
  } else if constexpr (kKind == kDate) {
    out->append(FormatDate(value));
  } else if constexpr (kKind == kTimestamp) {
    out->append(FormatTimestamp(value));
  } else if constexpr (kKind == kTimestamptz) {
    out->append(FormatTimestamptz(value));
  } else if constexpr (kKind == kBytea) {
    AppendHexBytes(value, out);
  } else {
    out->append(value);
  }
}

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_VALUE_TEXT_H_
