// Regular expressions as SQL has them, run by RE2: time is linear in the text, memory is bounded.
// What differs from PostgreSQL's engine is refused rather than done otherwise: back-references,
// look-around, \m, \M.
#ifndef WEIR_MODEL_REGEX_H_
#define WEIR_MODEL_REGEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace weir {

// Longer patterns are refused: a row's own pattern is compiled for that row.
inline constexpr size_t kRegexPatternBytesMax = 1'000;
// Of a compiled pattern and its caches; one that needs more is refused.
inline constexpr int64_t kRegexMemoryBytesMax = int64_t{8} << 20;

// A compiled pattern, or the reason why there is none. Thread-safe once made.
class Regex {
 public:
  // `flags`: PostgreSQL's letters c, i, m, n, q, s and, where a function knows it, g.
  Regex(std::string_view pattern, std::string_view flags, bool allow_global);
  ~Regex();
  Regex(Regex&&) noexcept;

  // Empty when there is none; then the rest may be used.
  const std::string& error() const { return error_; }
  bool global() const { return global_; }
  const re2::RE2& re2() const { return *re2_; }
  bool Matches(std::string_view text) const;

 private:
  bool global_ = false;
  std::string error_;
  std::unique_ptr<re2::RE2> re2_;
};

}  // namespace weir

#endif  // WEIR_MODEL_REGEX_H_
