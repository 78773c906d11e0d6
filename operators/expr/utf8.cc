#include "operators/expr/utf8.h"

#include <locale.h>
#include <wctype.h>

#include "base/log.h"

namespace weir::expr {
namespace {

// glibc's own; case mapping there is Unicode's simple one.
locale_t Locale() {
  static const locale_t locale = [] {
    locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    WEIR_CHECK(made != nullptr, "the locale C.UTF-8 of the C library is missing");
    return made;
  }();
  return locale;
}

char AsciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char AsciiUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

template <class AsciiMap, class Map>
void AppendMapped(std::string_view text, std::string* out, AsciiMap ascii, Map map) {
  if (IsAscii(text)) {
    const size_t begin = out->size();
    out->append(text);
    for (size_t i = begin; i < out->size(); ++i) (*out)[i] = ascii((*out)[i]);
    return;
  }
  while (!text.empty()) {
    const std::string_view character = FirstCharacter(text);
    AppendCharacter(map(DecodeCharacter(character)), out);
    text.remove_prefix(character.size());
  }
}

}  // namespace

char32_t DecodeCharacter(std::string_view character) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0x7f >> character.size());
  for (size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

void AppendCharacter(char32_t code, std::string* out) {
  auto put = [&](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

char32_t LowerCharacter(char32_t code) { return towlower_l(code, Locale()); }
char32_t UpperCharacter(char32_t code) { return towupper_l(code, Locale()); }
bool IsAlphanumeric(char32_t code) { return iswalnum_l(code, Locale()) != 0; }

void AppendLower(std::string_view text, std::string* out) {
  AppendMapped(text, out, AsciiLower, LowerCharacter);
}

void AppendUpper(std::string_view text, std::string* out) {
  AppendMapped(text, out, AsciiUpper, UpperCharacter);
}

}  // namespace weir::expr
