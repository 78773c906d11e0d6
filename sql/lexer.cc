#include "sql/lexer.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace weir {
namespace {

bool IsWordStart(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}

bool IsWordPart(char c) {
  return IsWordStart(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '$';
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

}  // namespace

char Lexer::Peek(int ahead) const {
  const size_t at = static_cast<size_t>(at_) + ahead;
  return at < text_.size() ? text_[at] : '\0';
}

Token Lexer::Next() {
  for (;;) {
    Token token = NextWithComments();
    if (token.kind != TokenKind::kComment) return token;
  }
}

Token Lexer::NextWithComments() {
  const int size = static_cast<int>(text_.size());
  while (at_ < size && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  Token token{TokenKind::kEnd, at_, at_};
  if (at_ >= size) return token;
  const char c = Peek();
  if (c == '-' && Peek(1) == '-') {
    while (at_ < size && text_[at_] != '\n') ++at_;
    token.kind = TokenKind::kComment;
  } else if (c == '/' && Peek(1) == '*') {
    SkipBlockComment();
    token.kind = TokenKind::kComment;
  } else if (c == '\'') {
    SkipQuoted('\'', /*backslash_escapes=*/false);
    token.kind = TokenKind::kString;
  } else if (c != '\0' && std::string_view("eEbBxXnN").find(c) != std::string_view::npos &&
             Peek(1) == '\'') {
    ++at_;
    SkipQuoted('\'', /*backslash_escapes=*/c == 'e' || c == 'E');
    token.kind = TokenKind::kString;
  } else if (c == '"') {
    SkipQuoted('"', /*backslash_escapes=*/false);
    token.kind = TokenKind::kQuotedIdentifier;
  } else if (IsWordStart(c)) {
    while (at_ < size && IsWordPart(text_[at_])) ++at_;
    token.kind = TokenKind::kIdentifier;
  } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
    SkipNumber();
    token.kind = TokenKind::kNumber;
  } else if (c == '$' && Peek(1) == '{') {
    while (at_ < size && text_[at_] != '}' && text_[at_] != '\n') ++at_;
    if (Peek() == '}') ++at_;
    token.kind = TokenKind::kVariable;
  } else if (c == '$' && SkipDollarString()) {
    token.kind = TokenKind::kDollarString;
  } else {
    ++at_;
    token.kind = TokenKind::kSymbol;
  }
  token.end = at_;
  return token;
}

bool Lexer::SkipQuoted(char quote, bool backslash_escapes) {
  const int size = static_cast<int>(text_.size());
  for (++at_; at_ < size; ++at_) {
    if (backslash_escapes && text_[at_] == '\\' && at_ + 1 < size) {
      ++at_;
    } else if (text_[at_] == quote) {
      ++at_;
      if (Peek() != quote) return true;
    }
  }
  return false;
}

// PostgreSQL's block comments nest.
void Lexer::SkipBlockComment() {
  const int size = static_cast<int>(text_.size());
  int depth = 0;
  while (at_ < size) {
    if (Peek() == '/' && Peek(1) == '*') {
      ++depth;
      at_ += 2;
    } else if (Peek() == '*' && Peek(1) == '/') {
      at_ += 2;
      if (--depth == 0) return;
    } else {
      ++at_;
    }
  }
  at_ = std::min(at_, size);
}

bool Lexer::SkipDollarString() {
  const int size = static_cast<int>(text_.size());
  int tag_end = at_ + 1;
  if (tag_end < size && IsDigit(text_[tag_end])) return false;  // $1 is a parameter
  while (tag_end < size && IsWordPart(text_[tag_end]) && text_[tag_end] != '$') ++tag_end;
  if (tag_end >= size || text_[tag_end] != '$') return false;
  const std::string_view tag = text_.substr(at_, tag_end + 1 - at_);
  const size_t close = text_.find(tag, tag_end + 1);
  at_ = close == std::string_view::npos ? size : static_cast<int>(close + tag.size());
  return true;
}

void Lexer::SkipNumber() {
  while (IsDigit(Peek()) || Peek() == '.') ++at_;
  if (Peek() != 'e' && Peek() != 'E') return;
  const int sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
  if (!IsDigit(Peek(1 + sign))) return;
  at_ += 1 + sign;
  while (IsDigit(Peek())) ++at_;
}

std::string Unquote(std::string_view quoted) {
  std::string name;
  if (quoted.size() < 2) return name;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '"') ++i;  // the second of a pair
    name += quoted[i];
  }
  return name;
}

std::string QuoteIdentifier(std::string_view name) {
  const bool plain =
      !name.empty() && IsWordStart(name[0]) && std::all_of(name.begin(), name.end(), IsWordPart);
  if (plain) return std::string(name);
  std::string quoted = "\"";
  for (char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

}  // namespace weir
