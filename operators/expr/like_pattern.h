// LIKE patterns: % is any text, _ any character, a backslash takes the next character literally.
#ifndef WEIR_OPERATORS_EXPR_LIKE_PATTERN_H_
#define WEIR_OPERATORS_EXPR_LIKE_PATTERN_H_

#include <string>
#include <string_view>

namespace weir::expr {

enum class LikeMatch { kNo, kYes, kEndsWithEscape };

// The pattern may end in a single backslash; as in PostgreSQL that is only an error for a text that
// gets that far. Time is at most text times pattern length.
LikeMatch MatchLike(std::string_view text, std::string_view pattern);

// The same pattern with backslash as its escape character. False when `escape` is longer than a
// character; empty means that the pattern has none.
bool NormaliseEscape(std::string_view pattern, std::string_view escape, std::string* out);

// A pattern known beforehand: most are a plain text with % at an end or both.
class LikePattern {
 public:
  explicit LikePattern(std::string_view pattern);
  LikeMatch Match(std::string_view text) const;

 private:
  enum class Shape { kEqual, kPrefix, kSuffix, kContains, kGeneral };
  Shape shape_ = Shape::kGeneral;
  std::string text_;  // without the % of the simple shapes
};

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_LIKE_PATTERN_H_
