// Words of a script as PostgreSQL's lexer sees them, with their places. Serves what libpg_query
// doesn't tell: how an identifier was spelt before it was folded to lower case, where an option's
// value stands, and how large a statement is before it is parsed.
#ifndef WEIR_SQL_LEXER_H_
#define WEIR_SQL_LEXER_H_

#include <string>
#include <string_view>

namespace weir {

enum class TokenKind {
  kIdentifier,        // a word: name or keyword, as written
  kQuotedIdentifier,  // "name", quotes included
  kString,            // 'text', E'text', B'01', X'1F' with its prefix
  kDollarString,      // $tag$text$tag$
  kNumber,
  kVariable,  // ${...} outside of strings
  kSymbol,    // one character of an operator or a separator
  kComment,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int begin = 0;  // byte offsets, [begin, end)
  int end = 0;
};

// Never fails: what isn't terminated ends with the text, and the parser proper complains.
class Lexer {
 public:
  explicit Lexer(std::string_view text, int at = 0) : text_(text), at_(at) {}

  // Skips white space; comments are tokens.
  Token NextWithComments();
  // Skips comments too.
  Token Next();

  std::string_view TextOf(const Token& token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }

 private:
  char Peek(int ahead = 0) const;
  bool SkipQuoted(char quote, bool backslash_escapes);
  void SkipBlockComment();
  bool SkipDollarString();
  void SkipNumber();

  std::string_view text_;
  int at_;
};

// The name that a quoted identifier token stands for: without the quotes, "" read as ".
std::string Unquote(std::string_view quoted);

// `name` as it has to be written in SQL: quoted when it isn't a plain word.
std::string QuoteIdentifier(std::string_view name);

}  // namespace weir

#endif  // WEIR_SQL_LEXER_H_
