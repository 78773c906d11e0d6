#include "sql/script.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/options.h"
#include "sql/lexer.h"

namespace weir {
namespace {

// Offset of the first byte that isn't valid UTF-8 or is NUL; -1 when all are.
int FirstInvalidByte(std::string_view text) {
  const size_t size = text.size();
  for (size_t i = 0; i < size;) {
    const unsigned char c = text[i];
    const int length = c == 0                   ? 0
                       : c < 0x80               ? 1
                       : c >= 0xC2 && c <= 0xDF ? 2
                       : (c & 0xF0) == 0xE0     ? 3
                       : c >= 0xF0 && c <= 0xF4 ? 4
                                                : 0;
    if (length == 0 || i + length > size) return static_cast<int>(i);
    for (int k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return static_cast<int>(i);
    }
    const unsigned char second = length > 1 ? text[i + 1] : 0;
    const bool overlong = (c == 0xE0 && second < 0xA0) || (c == 0xF0 && second < 0x90);
    const bool surrogate = c == 0xED && second > 0x9F;
    if (overlong || surrogate || (c == 0xF4 && second > 0x8F)) return static_cast<int>(i);
    i += length;
  }
  return -1;
}

bool IsVariableName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

// The value as it has to stand inside quotes that begin with `context`.
std::string Escaped(std::string_view value, std::string_view context) {
  const char quote = context.empty() ? '\0' : context.back();
  const bool backslashes = context == "E'" || context == "e'";
  std::string out;
  for (char c : value) {
    if (c == quote || (backslashes && c == '\\')) out += c;
    out += c;
  }
  return out;
}

std::string UnfilledMessage(std::string_view name,
                            const std::map<std::string, std::string>& variables) {
  std::vector<std::string> names;
  for (const auto& [known, value] : variables) names.push_back(known);
  const std::string near = NearestSpelling(name, names);
  return absl::StrCat("variable ${", AbslView(name), "} has no value: give it with --var ",
                      AbslView(name), "=VALUE",
                      near.empty() ? "" : absl::StrCat(" (did you mean ${", near, "}?)"));
}

}  // namespace

absl::StatusOr<Script> Script::Fill(std::string_view text,
                                    const std::map<std::string, std::string>& variables) {
  Script script;
  // Some editors put a byte order mark in front.
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.size() > kScriptBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the script has ", text.size(),
                                                   " bytes; at most ", kScriptBytesMax,
                                                   " are accepted: split it into several jobs"));
  }
  script.original_ = std::string(text);
  script.segments_.push_back({0, 0, false});
  if (int bad = FirstInvalidByte(text); bad >= 0) {
    script.filled_ = script.original_;
    return script.Error(bad, text[bad] == '\0' ? "the script holds a NUL byte: is it a text file?"
                                               : "the script isn't UTF-8 here; save it as UTF-8");
  }
  Lexer lexer(script.original_);
  int done = 0;
  for (;;) {
    const Token token = lexer.NextWithComments();
    script.AppendVerbatim(done, token.begin);
    done = token.end;
    if (token.kind == TokenKind::kEnd) break;
    std::string_view context;
    switch (token.kind) {
      case TokenKind::kString:
      case TokenKind::kQuotedIdentifier: {
        const std::string_view written = lexer.TextOf(token);
        context = written.substr(0, written.find_first_of("'\"") + 1);
        break;
      }
      case TokenKind::kDollarString:
      case TokenKind::kVariable:
        break;
      case TokenKind::kIdentifier:
      case TokenKind::kNumber:
      case TokenKind::kSymbol:
      case TokenKind::kComment:
      case TokenKind::kEnd:
        script.AppendVerbatim(token.begin, token.end);
        continue;
    }
    WEIR_RETURN_IF_ERROR(script.FillRange(token.begin, token.end, context, variables));
  }
  WEIR_RETURN_IF_ERROR(script.CheckCaps());
  return script;
}

absl::Status Script::FillRange(int begin, int end, std::string_view context,
                               const std::map<std::string, std::string>& variables) {
  const std::string_view text = std::string_view(original_).substr(0, end);
  int done = begin;
  for (;;) {
    const size_t found = text.find("${", done);
    if (found == std::string_view::npos) break;
    const int open = static_cast<int>(found);
    AppendVerbatim(done, open);
    const size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      return Error(static_cast<int>(filled_.size()), "${ without the closing } of a variable");
    }
    const std::string_view name = text.substr(open + 2, close - open - 2);
    done = static_cast<int>(close) + 1;
    if (name.find(':') != std::string_view::npos) {
      AppendVerbatim(open, done);
      continue;
    }
    segments_.push_back({static_cast<int>(filled_.size()), open, true});
    if (!IsVariableName(name)) {
      return Error(static_cast<int>(filled_.size()),
                   absl::StrCat("${", AbslView(name),
                                "} is neither a variable, ${NAME} of letters, "
                                "digits and _, nor a secret reference, ${kind:name}"));
    }
    const auto value = variables.find(std::string(name));
    if (value == variables.end()) {
      return Error(static_cast<int>(filled_.size()), UnfilledMessage(name, variables));
    }
    if (FirstInvalidByte(value->second) >= 0) {
      return Error(static_cast<int>(filled_.size()),
                   absl::StrCat("the value of ${", AbslView(name), "} isn't UTF-8"));
    }
    filled_ += Escaped(value->second, context);
    // At once: a large value that stands in many places would fill the memory first.
    WEIR_RETURN_IF_ERROR(CheckSize());
  }
  AppendVerbatim(done, end);
  return absl::OkStatus();
}

void Script::AppendVerbatim(int begin, int end) {
  if (begin >= end) return;
  const int filled = static_cast<int>(filled_.size());
  const Segment& last = segments_.back();
  const bool goes_on = !last.is_value && begin - last.original_begin == filled - last.filled_begin;
  if (!goes_on) segments_.push_back({filled, begin, false});
  filled_.append(original_, begin, end - begin);
}

absl::Status Script::CheckSize() const {
  if (filled_.size() <= kScriptBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("with its variables filled in the script has more than ", kScriptBytesMax,
                   " bytes; at most as many are accepted: split it into several jobs"));
}

absl::Status Script::CheckCaps() const {
  WEIR_RETURN_IF_ERROR(CheckSize());
  Lexer lexer(filled_);
  int tokens = 0;
  int statements = 1;
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    const std::string_view text = lexer.TextOf(token);
    if (text == ";") {
      tokens = -1;
      if (++statements > kStatementsMax + 1) {
        return Error(token.begin, absl::StrCat("the script has more than ", kStatementsMax,
                                               " statements; split it into several jobs"));
      }
    }
    if (++tokens > kStatementTokensMax) {
      return Error(token.begin,
                   absl::StrCat("the statement is too large: more than ", kStatementTokensMax,
                                " words and operators; split it with views"));
    }
    const bool quoted = token.kind == TokenKind::kQuotedIdentifier;
    const bool identifier = quoted || token.kind == TokenKind::kIdentifier;
    if (identifier && text.size() > kIdentifierBytesMax + (quoted ? 2 : 0)) {
      return Error(token.begin,
                   absl::StrCat("the identifier has ", text.size() - (quoted ? 2 : 0),
                                " bytes; at most ", kIdentifierBytesMax, " are accepted"));
    }
  }
  return absl::OkStatus();
}

int Script::OriginalOffset(int at) const {
  auto after = std::upper_bound(segments_.begin(), segments_.end(), at,
                                [](int a, const Segment& s) { return a < s.filled_begin; });
  if (after == segments_.begin()) return 0;
  const Segment& segment = *(after - 1);
  return segment.original_begin + (segment.is_value ? 0 : at - segment.filled_begin);
}

std::string Script::Place(int at) const {
  const int offset = std::min<int>(OriginalOffset(std::max(at, 0)), original_.size());
  const std::string_view before = std::string_view(original_).substr(0, offset);
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 == 0
  const auto column = std::count_if(before.begin() + line_begin, before.end(),
                                    [](char c) { return (c & 0xC0) != 0x80; });
  return absl::StrCat("line ", Line(at), ", column ", column + 1);
}

int Script::Line(int at) const {
  const int offset = std::min<int>(OriginalOffset(std::max(at, 0)), original_.size());
  return 1 + static_cast<int>(std::count(original_.begin(), original_.begin() + offset, '\n'));
}

absl::Status Script::Error(int at, std::string_view message) const {
  return absl::InvalidArgumentError(absl::StrCat(Place(at), ": ", AbslView(message)));
}

}  // namespace weir
