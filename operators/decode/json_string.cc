#include "operators/decode/json_string.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace weir {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit behind "\u" at raw[at, at+4); -1 when it isn't one.
int CodeUnit(std::string_view raw, size_t at) {
  if (at + 4 > raw.size()) return -1;
  int unit = 0;
  for (size_t i = at; i < at + 4; ++i) {
    int digit = HexDigit(raw[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

char* PutUtf8(uint32_t c, char* out) {
  auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *out++ = static_cast<char>(0xc0 | (c >> 6));
    *out++ = tail(0);
  } else if (c < 0x10000) {
    *out++ = static_cast<char>(0xe0 | (c >> 12));
    *out++ = tail(6);
    *out++ = tail(0);
  } else {
    *out++ = static_cast<char>(0xf0 | (c >> 18));
    *out++ = tail(12);
    *out++ = tail(6);
    *out++ = tail(0);
  }
  return out;
}

// The character of a \u escape at raw[*at, ...), a surrogate pair taken as one; advances *at.
// Negative when there is none.
int64_t UnicodeEscape(std::string_view raw, size_t* at) {
  const int high = CodeUnit(raw, *at);
  *at += 4;
  if (high < 0 || high < 0xd800 || high > 0xdfff) return high;
  if (high > 0xdbff || raw.substr(*at, 2) != "\\u") return -1;
  const int low = CodeUnit(raw, *at + 2);
  if (low < 0xdc00 || low > 0xdfff) return -1;
  *at += 6;
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

char SimpleEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

}  // namespace

char* UnescapeJson(std::string_view raw, char* out) {
  size_t at = 0;
  while (at < raw.size()) {
    const size_t slash = std::min(raw.find('\\', at), raw.size());
    std::memmove(out, raw.data() + at, slash - at);
    out += slash - at;
    at = slash;
    if (at == raw.size()) break;
    if (at + 1 == raw.size()) return nullptr;
    const char kind = raw[at + 1];
    at += 2;
    if (kind == 'u') {
      const int64_t c = UnicodeEscape(raw, &at);
      if (c < 0) return nullptr;
      out = PutUtf8(static_cast<uint32_t>(c), out);
    } else {
      const char c = SimpleEscape(kind);
      if (c == 0) return nullptr;
      *out++ = c;
    }
  }
  return out;
}

bool ValidJsonEscapes(std::string_view raw) {
  size_t at = 0;
  while ((at = raw.find('\\', at)) != std::string_view::npos) {
    if (at + 1 == raw.size()) return false;
    const char kind = raw[at + 1];
    at += 2;
    if (kind == 'u' ? UnicodeEscape(raw, &at) < 0 : SimpleEscape(kind) == 0) return false;
  }
  return true;
}

char* DecodeBase64(std::string_view text, char* out) {
  if (text.size() % 4 != 0) return nullptr;
  for (size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const int padding = !last ? 0 : text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
    uint32_t bits = 0;
    for (int i = 0; i < 4 - padding; ++i) {
      const int value = kBase64Values[static_cast<unsigned char>(text[at + i])];
      if (value < 0) return nullptr;
      bits |= static_cast<uint32_t>(value) << (18 - 6 * i);
    }
    // Bits that no byte takes must be zero, or one value would have several spellings.
    if ((padding == 1 && (bits & 0xff) != 0) || (padding == 2 && (bits & 0xffff) != 0)) {
      return nullptr;
    }
    for (int i = 0; i < 3 - padding; ++i) *out++ = static_cast<char>(bits >> (16 - 8 * i));
  }
  return out;
}

bool CanonicalUuid(std::string_view text, char* out) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < 36; ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (HexDigit(c) < 0) {
      return false;
    }
    out[i] = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return true;
}

}  // namespace weir
