#include "operators/expr/like_pattern.h"

#include <algorithm>

#include "operators/expr/utf8.h"

namespace weir::expr {
namespace {

// One element of a pattern other than %: the bytes it takes of the pattern and of the text, 0 of
// the text when it doesn't match there.
struct Step {
  size_t pattern = 0;
  size_t text = 0;
};

// REQUIRES: neither is empty, the pattern doesn't start with %, nor is it a single backslash.
Step MatchOne(std::string_view text, std::string_view pattern) {
  if (pattern[0] == '_') return {1, std::min(text.size(), CharacterBytes(text[0]))};
  const size_t skipped = pattern[0] == '\\' ? 1 : 0;
  return {skipped + 1, pattern[skipped] == text[0] ? size_t{1} : 0};
}

}  // namespace

// Greedy with one place to go back to: after the last % the text may be skipped one character
// further. Going back to an earlier % is never needed, since the last one can skip as far.
LikeMatch MatchLike(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0;
  size_t retry_t = 0, retry_p = std::string_view::npos;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      retry_p = ++p;
      retry_t = t;
      if (p == pattern.size()) return LikeMatch::kYes;
      continue;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '\\' && p + 1 == pattern.size()) return LikeMatch::kEndsWithEscape;
      const Step step = MatchOne(text.substr(t), pattern.substr(p));
      if (step.text > 0) {
        t += step.text;
        p += step.pattern;
        continue;
      }
    }
    if (retry_p == std::string_view::npos) return LikeMatch::kNo;
    retry_t = std::min(text.size(), retry_t + CharacterBytes(text[retry_t]));
    t = retry_t;
    p = retry_p;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size() ? LikeMatch::kYes : LikeMatch::kNo;
}

bool NormaliseEscape(std::string_view pattern, std::string_view escape, std::string* out) {
  if (!escape.empty() && FirstCharacter(escape).size() != escape.size()) return false;
  out->clear();
  bool escaped = false;  // the character before was the escape: this one is literal
  while (!pattern.empty()) {
    const std::string_view character = FirstCharacter(pattern);
    pattern.remove_prefix(character.size());
    if (!escaped && !escape.empty() && character == escape) {
      *out += '\\';
      escaped = true;
      continue;
    }
    // A backslash is an ordinary character when another one escapes.
    if (character == "\\" && !escaped) *out += '\\';
    out->append(character);
    escaped = false;
  }
  return true;
}

LikePattern::LikePattern(std::string_view pattern) : text_(pattern) {
  const bool starts = pattern.starts_with('%');
  const bool ends = pattern.size() > 1 && pattern.ends_with('%');
  std::string_view middle = pattern.substr(starts ? 1 : 0);
  if (ends) middle.remove_suffix(1);
  if (middle.find_first_of("%_\\") != std::string_view::npos) return;
  shape_ =
      starts ? (ends ? Shape::kContains : Shape::kSuffix) : (ends ? Shape::kPrefix : Shape::kEqual);
  text_ = std::string(middle);
}

LikeMatch LikePattern::Match(std::string_view text) const {
  bool matches = false;
  switch (shape_) {
    case Shape::kEqual:
      matches = text == text_;
      break;
    case Shape::kPrefix:
      matches = text.starts_with(text_);
      break;
    case Shape::kSuffix:
      matches = text.ends_with(text_);
      break;
    case Shape::kContains:
      matches = text.find(text_) != std::string_view::npos;
      break;
    case Shape::kGeneral:
      return MatchLike(text, text_);
  }
  return matches ? LikeMatch::kYes : LikeMatch::kNo;
}

}  // namespace weir::expr
