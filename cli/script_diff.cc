#include "cli/script_diff.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "sql/lexer.h"

namespace weir {
namespace {

// Longer scripts are compared as a whole: the table of the comparison grows with the square.
constexpr size_t kLinesMax = 2'000;

std::vector<std::string_view> Words(std::string_view script) {
  std::vector<std::string_view> words;
  Lexer lexer(script);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    words.push_back(lexer.TextOf(token));
  }
  return words;
}

// Longest common subsequence: length of that of before[i:] and after[j:], row by row.
std::vector<std::vector<uint16_t>> CommonLengths(const std::vector<std::string>& before,
                                                 const std::vector<std::string>& after) {
  std::vector<std::vector<uint16_t>> common(before.size() + 1,
                                            std::vector<uint16_t>(after.size() + 1));
  for (size_t i = before.size(); i-- > 0;) {
    for (size_t j = after.size(); j-- > 0;) {
      common[i][j] = before[i] == after[j] ? static_cast<uint16_t>(common[i + 1][j + 1] + 1)
                                           : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return common;
}

std::vector<std::string> AllLines(const std::vector<std::string>& before,
                                  const std::vector<std::string>& after) {
  std::vector<std::string> lines;
  size_t i = 0, j = 0;
  if (before.size() <= kLinesMax && after.size() <= kLinesMax) {
    const auto common = CommonLengths(before, after);
    while (i < before.size() && j < after.size()) {
      if (before[i] == after[j]) {
        lines.push_back(absl::StrCat(" ", before[i++]));
        ++j;
      } else if (common[i + 1][j] >= common[i][j + 1]) {
        lines.push_back(absl::StrCat("-", before[i++]));
      } else {
        lines.push_back(absl::StrCat("+", after[j++]));
      }
    }
  }
  while (i < before.size()) lines.push_back(absl::StrCat("-", before[i++]));
  while (j < after.size()) lines.push_back(absl::StrCat("+", after[j++]));
  return lines;
}

}  // namespace

std::vector<std::string> NormalLines(std::string_view script) {
  std::vector<std::string> lines;
  Lexer lexer(script);
  int last_end = 0;
  bool first = true;
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    const std::string_view between =
        script.substr(static_cast<size_t>(last_end), static_cast<size_t>(token.begin - last_end));
    if (first || between.find('\n') != std::string_view::npos) {
      lines.emplace_back();
    } else if (!between.empty()) {
      lines.back() += ' ';
    }
    lines.back() += lexer.TextOf(token);
    last_end = token.end;
    first = false;
  }
  return lines;
}

bool SameWords(std::string_view a, std::string_view b) { return Words(a) == Words(b); }

std::vector<std::string> DiffLines(const std::vector<std::string>& before,
                                   const std::vector<std::string>& after, int context) {
  const std::vector<std::string> all = AllLines(before, after);
  std::vector<bool> shown(all.size());
  bool any = false;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i][0] == ' ') continue;
    any = true;
    const size_t around = static_cast<size_t>(context);
    const size_t end = std::min(all.size(), i + around + 1);
    for (size_t k = i > around ? i - around : 0; k < end; ++k) shown[k] = true;
  }
  if (!any) return {};
  std::vector<std::string> lines;
  for (size_t i = 0; i < all.size(); ++i) {
    if (shown[i]) {
      lines.push_back(all[i]);
    } else if (lines.empty() || lines.back() != "@@") {
      lines.push_back("@@");
    }
  }
  return lines;
}

}  // namespace weir
