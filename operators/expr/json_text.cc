#include "operators/expr/json_text.h"

#include <cstddef>

namespace weir::expr {
namespace {

constexpr int kMaxDepth = 512;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  bool Whole() {
    SkipSpaces();
    if (!Value(0)) return false;
    SkipSpaces();
    return text_.empty();
  }

 private:
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void SkipSpaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      text_.remove_prefix(1);
    }
  }

  bool Value(int depth) {
    if (depth > kMaxDepth) return false;
    if (peek() == '{') return Members('{', '}', depth);
    if (peek() == '[') return Members('[', ']', depth);
    if (peek() == '"') return String();
    if (peek() == '-' || IsDigit(peek())) return Number();
    return TakeWord("true") || TakeWord("false") || TakeWord("null");
  }

  bool Members(char open, char close, int depth) {
    Take(open);
    SkipSpaces();
    if (Take(close)) return true;
    do {
      SkipSpaces();
      if (open == '{') {
        if (!String()) return false;
        SkipSpaces();
        if (!Take(':')) return false;
        SkipSpaces();
      }
      if (!Value(depth + 1)) return false;
      SkipSpaces();
    } while (Take(','));
    return Take(close);
  }

  bool String() {
    if (!Take('"')) return false;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }

  bool Escape() {
    const char c = peek();
    if (c == '\0' || std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos)
      return false;
    text_.remove_prefix(1);
    for (int i = 0; c == 'u' && i < 4; ++i) {
      if (!IsHex(peek())) return false;
      text_.remove_prefix(1);
    }
    return true;
  }

  bool Digits() {
    if (!IsDigit(peek())) return false;
    while (IsDigit(peek())) text_.remove_prefix(1);
    return true;
  }

  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return Digits();
  }

  std::string_view text_;
};

}  // namespace

bool IsJson(std::string_view text) { return Checker(text).Whole(); }

const char* JsonKind(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\n\r");
  switch (at == std::string_view::npos ? '\0' : text[at]) {
    case '{':
      return "object";
    case '[':
      return "array";
    case '"':
      return "string";
    case 't':
    case 'f':
      return "boolean";
    case 'n':
      return "null";
    default:
      return "numeric";
  }
}

}  // namespace weir::expr
