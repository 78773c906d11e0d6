#include "model/regex_syntax.h"

#include <array>
#include <utility>

namespace weir {
namespace {

using Rewrite = std::pair<std::string_view, std::string_view>;

// Inside brackets; outside, the class escapes get brackets of their own.
constexpr std::array<Rewrite, 4> kNamedClasses = {{{"[:alpha:]", "\\p{L}"},
                                                   {"[:alnum:]", "\\p{L}\\p{N}"},
                                                   {"[:upper:]", "\\p{Lu}"},
                                                   {"[:lower:]", "\\p{Ll}"}}};
constexpr std::string_view kWord = "\\p{L}\\p{M}\\p{N}_";
constexpr std::string_view kSpace = "[:space:]";

std::string Bracketed(bool negated, std::string_view content) {
  return (negated ? "[^" : "[") + std::string(content) + "]";
}

// The escape `\c`.
std::string Escape(char c, bool in_brackets) {
  switch (c) {
    case 'b':
      return "\\x08";
    case 'y':
      return in_brackets ? "\\y" : "\\b";
    case 'Y':
      return in_brackets ? "\\Y" : "\\B";
    case 'w':
      return in_brackets ? std::string(kWord) : Bracketed(false, kWord);
    case 'W':
      return in_brackets ? "\\W" : Bracketed(true, kWord);
    case 's':
      return in_brackets ? std::string(kSpace) : Bracketed(false, kSpace);
    case 'S':
      return in_brackets ? "\\S" : Bracketed(true, kSpace);
    // RE2 has these, PostgreSQL means something else by them: RE2 gets escapes it refuses.
    case 'B':
    case 'C':
    case 'p':
    case 'P':
    case 'Q':
    case 'z':
      return "\\m";
    case 'Z':
      return "\\z";
    default:
      return {'\\', c};
  }
}

}  // namespace

std::string ToRe2Syntax(std::string_view pattern) {
  std::string out;
  bool in_brackets = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      out += Escape(rest[1], in_brackets);
      ++i;
      continue;
    }
    if (in_brackets && rest.starts_with("[:")) {
      const size_t end = rest.find(":]");
      if (end != std::string_view::npos) {
        std::string_view name = rest.substr(0, end + 2);
        i += name.size() - 1;
        for (const auto& [from, to] : kNamedClasses) name = name == from ? to : name;
        out += name;
        continue;
      }
    }
    out += rest[0];
    if (!in_brackets && rest[0] == '[') {
      in_brackets = true;
      // A closing bracket that comes first is an ordinary character.
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') {
        out += "\\]";
        ++i;
      }
    } else if (in_brackets && rest[0] == ']') {
      in_brackets = false;
    }
  }
  return out;
}

}  // namespace weir
