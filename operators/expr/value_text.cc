#include "operators/expr/value_text.h"

#include <charconv>

namespace weir::expr {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsOctal(char c, char max) { return c >= '0' && c <= max; }

}  // namespace

void AppendHexBytes(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  out->append("\\x");
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out->push_back(kDigits[byte >> 4]);
    out->push_back(kDigits[byte & 15]);
  }
}

std::string AppendHexDecoded(std::string_view digits, std::string* out) {
  for (size_t i = 0; i < digits.size();) {
    const char c = digits[i];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      ++i;
      continue;
    }
    const int high = HexValue(c);
    if (high < 0) return std::string("invalid hexadecimal digit: \"") + c + "\"";
    if (i + 1 == digits.size()) return "invalid hexadecimal data: odd number of digits";
    const int low = HexValue(digits[i + 1]);
    if (low < 0) return std::string("invalid hexadecimal digit: \"") + digits[i + 1] + "\"";
    out->push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return "";
}

std::string AppendUnescaped(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out->push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out->push_back('\\');
      ++i;
    } else if (i + 3 < text.size() && IsOctal(text[i + 1], '3') && IsOctal(text[i + 2], '7') &&
               IsOctal(text[i + 3], '7')) {
      out->push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                       (text[i + 3] - '0')));
      i += 3;
    } else {
      return "invalid input syntax for type bytea";
    }
  }
  return "";
}

std::string_view FormatInteger(int64_t value, char (&buffer)[24]) {
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, static_cast<size_t>(end.ptr - buffer)};
}

}  // namespace weir::expr
