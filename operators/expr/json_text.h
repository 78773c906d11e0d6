// Checks on JSON that is carried as text.
#ifndef WEIR_OPERATORS_EXPR_JSON_TEXT_H_
#define WEIR_OPERATORS_EXPR_JSON_TEXT_H_

#include <string_view>

namespace weir::expr {

// Exactly one JSON value (RFC 8259) with spaces around, nested at most 512 deep.
bool IsJson(std::string_view text);

// What kind of value a JSON text is, by its first character: "object", "array", "string",
// "numeric", "boolean", "null".
const char* JsonKind(std::string_view text);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_JSON_TEXT_H_
