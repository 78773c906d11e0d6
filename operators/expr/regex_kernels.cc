// regexp_like and regexp_replace (model/regex.h).
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "model/regex.h"
#include "operators/expr/kernel_registry.h"
#include "operators/expr/utf8.h"
#include "re2/re2.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;
using Piece = re2::StringPiece;

// The regular expression of a call: compiled once when pattern and flags are literals, else one per
// distinct pattern, the latest kept.
class RegexSource {
 public:
  static absl::StatusOr<std::shared_ptr<RegexSource>> Make(const Expr& call, int flags_argument,
                                                           bool allow_global) {
    auto source = std::make_shared<RegexSource>();
    source->allow_global_ = allow_global;
    const bool has_flags = static_cast<int>(call.args.size()) > flags_argument;
    const Value* pattern = LiteralArgument(call, 1);
    const Value* flags = has_flags ? LiteralArgument(call, flags_argument) : nullptr;
    if (pattern == nullptr || (has_flags && flags == nullptr)) return source;
    const Regex* regex = source->Get(std::get<std::string>(pattern->data),
                                     flags == nullptr ? "" : std::get<std::string>(flags->data));
    if (!regex->error().empty()) return absl::InvalidArgumentError(regex->error());
    return source;
  }

  const Regex* Get(std::string_view pattern, std::string_view flags) {
    if (last_ != nullptr && pattern == last_pattern_ && flags == last_flags_) return last_.get();
    last_pattern_ = std::string(pattern);
    last_flags_ = std::string(flags);
    last_ = std::make_unique<Regex>(pattern, flags, allow_global_);
    return last_.get();
  }

  // nullptr after failing the row.
  const Regex* GetOrFail(std::string_view pattern, std::string_view flags, Failure& fail) {
    const Regex* regex = Get(pattern, flags);
    if (regex->error().empty()) return regex;
    fail(regex->error());
    return nullptr;
  }

 private:
  bool allow_global_ = false;
  std::string last_pattern_, last_flags_;
  std::unique_ptr<Regex> last_;
};

// \1 to \9 are groups, \& the match, \\ a backslash; another backslash stands for itself.
void AppendReplacement(std::string_view replacement, const std::vector<Piece>& groups,
                       TextOutput& out) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (c != '\\' || next == '\0') {
      out.Append(c);
      continue;
    }
    const bool group = next == '&' || (next >= '1' && next <= '9');
    if (!group && next != '\\') {
      out.Append(c);
      continue;
    }
    ++i;
    if (!group) {
      out.Append('\\');
      continue;
    }
    const size_t index = next == '&' ? 0 : next - '0';
    if (index < groups.size() && groups[index].data() != nullptr) {
      out.Append(std::string_view(groups[index].data(), groups[index].size()));
    }
  }
}

void ReplaceMatches(const Regex& regex, std::string_view text, std::string_view replacement,
                    TextOutput& out) {
  const Piece input(text.data(), text.size());
  std::vector<Piece> groups(1 + regex.re2().NumberOfCapturingGroups());
  size_t search = 0, copied = 0;
  while (search <= text.size() &&
         regex.re2().Match(input, search, text.size(), re2::RE2::UNANCHORED, groups.data(),
                           static_cast<int>(groups.size()))) {
    const size_t begin = groups[0].data() - text.data();
    out.Append(text.substr(copied, begin - copied));
    AppendReplacement(replacement, groups, out);
    copied = begin + groups[0].size();
    if (!regex.global()) break;
    search = copied;
    if (!groups[0].empty()) continue;
    // An empty match: go on behind the next character.
    if (search < text.size()) out.Append(FirstCharacter(text.substr(search)));
    search += search < text.size() ? FirstCharacter(text.substr(search)).size() : 1;
    copied = std::min(search, text.size());
  }
  out.Append(text.substr(copied));
}

MadeKernel MakeLike(const Expr& call) {
  auto source = RegexSource::Make(call, 2, /*allow_global=*/false);
  if (!source.ok()) return source.status();
  auto match = [source = *source](std::string_view text, std::string_view pattern,
                                  std::string_view flags, Failure& fail) {
    const Regex* regex = source->GetOrFail(pattern, flags, fail);
    return regex != nullptr && regex->Matches(text);
  };
  if (call.args.size() == 3) {
    return MakeRowKernel<kBoolean, kText, kText, kText>(call.type, match);
  }
  return MakeRowKernel<kBoolean, kText, kText>(
      call.type, [match](std::string_view text, std::string_view pattern, Failure& fail) {
        return match(text, pattern, "", fail);
      });
}

MadeKernel MakeReplace(const Expr& call) {
  auto source = RegexSource::Make(call, 3, /*allow_global=*/true);
  if (!source.ok()) return source.status();
  auto replace = [source = *source](std::string_view text, std::string_view pattern,
                                    std::string_view replacement, std::string_view flags,
                                    TextOutput& out, Failure& fail) {
    const Regex* regex = source->GetOrFail(pattern, flags, fail);
    if (regex != nullptr) ReplaceMatches(*regex, text, replacement, out);
  };
  if (call.args.size() == 4) {
    return MakeRowKernel<kText, kText, kText, kText, kText>(call.type, replace);
  }
  return MakeRowKernel<kText, kText, kText, kText>(
      call.type, [replace](std::string_view text, std::string_view pattern,
                           std::string_view replacement, TextOutput& out,
                           Failure& fail) { replace(text, pattern, replacement, "", out, fail); });
}

}  // namespace

void AddRegexKernels(KernelRegistry& registry) {
  registry.Add("regexp_like(text,text)", MakeLike);
  registry.Add("regexp_like(text,text,text)", MakeLike);
  registry.Add("regexp_replace(text,text,text)", MakeReplace);
  registry.Add("regexp_replace(text,text,text,text)", MakeReplace);
}

}  // namespace weir::expr
