#include "model/regex.h"

#include <re2/re2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "model/regex_syntax.h"

namespace weir {
namespace {

struct Flags {
  bool ignore_case = false;
  bool newline_sensitive = false;
  bool global = false;
  bool literal = false;
};

// "" or what is wrong with them.
std::string ParseFlags(std::string_view text, bool allow_global, Flags* flags) {
  for (char c : text) {
    switch (c) {
      case 'i':
        flags->ignore_case = true;
        break;
      case 'c':
        flags->ignore_case = false;
        break;
      case 'n':
      case 'm':
        flags->newline_sensitive = true;
        break;
      case 's':
        flags->newline_sensitive = false;
        break;
      case 'q':
        flags->literal = true;
        break;
      case 'g':
        if (!allow_global) return "regexp_like() does not support the \"global\" option";
        flags->global = true;
        break;
      default:
        return absl::StrCat("invalid regular expression option: \"", std::string(1, c),
                            "\"; known are c, g, i, m, n, q, s");
    }
  }
  return "";
}

bool IsNonGreedy(std::string_view pattern) {
  for (std::string_view mark : {"*?", "+?", "??", "}?"}) {
    if (pattern.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

Regex::Regex(std::string_view pattern, std::string_view flag_text, bool allow_global) {
  Flags flags;
  error_ = ParseFlags(flag_text, allow_global, &flags);
  global_ = flags.global;
  if (!error_.empty()) return;
  if (pattern.size() > kRegexPatternBytesMax) {
    error_ = absl::StrCat("the regular expression has ", pattern.size(), " bytes; at most ",
                          kRegexPatternBytesMax, " are accepted");
    return;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryBytesMax);
  options.set_case_sensitive(!flags.ignore_case);
  options.set_dot_nl(!flags.newline_sensitive);
  // Of several matches at one place PostgreSQL takes the longest, unless told otherwise.
  options.set_longest_match(!IsNonGreedy(pattern));
  std::string text(pattern);
  if (flags.literal) {
    options.set_literal(true);
  } else {
    text = (flags.newline_sensitive ? "(?m)" : "") + ToRe2Syntax(pattern);
  }
  re2_ = std::make_unique<re2::RE2>(text, options);
  if (re2_->ok()) return;
  error_ = absl::StrCat("invalid regular expression \"", AbslView(pattern), "\": ", re2_->error(),
                        " (RE2 syntax)");
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

bool Regex::Matches(std::string_view text) const {
  return re2_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                     re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace weir
