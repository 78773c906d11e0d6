// Characters of UTF-8 text. Bytes that aren't UTF-8 count as a character each where that matters.
#ifndef WEIR_OPERATORS_EXPR_UTF8_H_
#define WEIR_OPERATORS_EXPR_UTF8_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::expr {

// Bytes of the character that starts with `lead`.
inline size_t CharacterBytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// The first character of `text`, which isn't empty.
inline std::string_view FirstCharacter(std::string_view text) {
  return text.substr(0, CharacterBytes(text[0]));
}

inline bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<signed char>(c) >= 0; });
}

inline int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

// Where character `count` starts: the bytes of the first `count` characters, or all of them.
inline size_t BytesOfCharacters(std::string_view text, int64_t count) {
  size_t at = 0;
  for (; count > 0 && at < text.size(); --count) at += CharacterBytes(text[at]);
  return std::min(at, text.size());
}

// The code point of a character, and back.
char32_t DecodeCharacter(std::string_view character);
void AppendCharacter(char32_t code, std::string* out);

// Case mapping of single characters, independent of the process's locale.
char32_t LowerCharacter(char32_t code);
char32_t UpperCharacter(char32_t code);
bool IsAlphanumeric(char32_t code);
void AppendLower(std::string_view text, std::string* out);
void AppendUpper(std::string_view text, std::string* out);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_UTF8_H_
