// What strings stand for: JSON escapes, base64, UUIDs.
#ifndef WEIR_OPERATORS_DECODE_JSON_STRING_H_
#define WEIR_OPERATORS_DECODE_JSON_STRING_H_

#include <string_view>

namespace weir {

// Writes the text of a JSON string (`raw`: between the quotes, valid UTF-8) to `out`, which has
// room for raw.size() bytes, and returns the end of what was written; nullptr for an unknown escape
// or half of a surrogate pair.
char* UnescapeJson(std::string_view raw, char* out);
// Whether UnescapeJson would succeed.
bool ValidJsonEscapes(std::string_view raw);

// RFC 4648 section 4, padding required, nothing else in between. Writes at most 3/4 of the size and
// returns the end; nullptr when it isn't that.
char* DecodeBase64(std::string_view text, char* out);

// 8-4-4-4-12 hexadecimal digits; writes 36 bytes in lower case. False when it isn't that.
bool CanonicalUuid(std::string_view text, char* out);

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_STRING_H_
