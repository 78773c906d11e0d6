// LIKE and ILIKE.
#include <string>

#include "absl/strings/str_cat.h"
#include "operators/expr/kernel_registry.h"
#include "operators/expr/like_pattern.h"
#include "operators/expr/utf8.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr char kInvalidEscape[] = "invalid escape string: it must be empty or one character";

bool Answer(LikeMatch match, Failure& fail) {
  if (match == LikeMatch::kEndsWithEscape) {
    fail("LIKE pattern must not end with escape character");
  }
  return match == LikeMatch::kYes;
}

std::string Lowered(std::string_view text) {
  std::string out;
  AppendLower(text, &out);
  return out;
}

bool MatchText(bool ignore_case, std::string_view text, std::string_view pattern, Failure& fail) {
  if (!ignore_case) return Answer(MatchLike(text, pattern), fail);
  return Answer(MatchLike(Lowered(text), Lowered(pattern)), fail);
}

std::unique_ptr<Kernel> LiteralKernel(const Expr& call, bool ignore_case,
                                      std::string_view pattern) {
  LikePattern prepared(ignore_case ? Lowered(pattern) : std::string(pattern));
  // Takes whatever arguments the call has; only the text still matters.
  auto match = [prepared, ignore_case](std::string_view text, Failure& fail) {
    return Answer(ignore_case ? prepared.Match(Lowered(text)) : prepared.Match(text), fail);
  };
  return MakeRowKernel<kBoolean, kText>(call.type, match);
}

MadeKernel MakeLike(const Expr& call, bool ignore_case) {
  if (const Value* pattern = LiteralArgument(call, 1)) {
    return LiteralKernel(call, ignore_case, std::get<std::string>(pattern->data));
  }
  return MakeRowKernel<kBoolean, kText, kText>(
      call.type, [ignore_case](std::string_view text, std::string_view pattern, Failure& fail) {
        return MatchText(ignore_case, text, pattern, fail);
      });
}

MadeKernel MakeLikeWithEscape(const Expr& call, bool ignore_case) {
  const Value* pattern = LiteralArgument(call, 1);
  const Value* escape = LiteralArgument(call, 2);
  if (pattern != nullptr && escape != nullptr) {
    std::string normalised;
    if (!NormaliseEscape(std::get<std::string>(pattern->data), std::get<std::string>(escape->data),
                         &normalised)) {
      return absl::InvalidArgumentError(kInvalidEscape);
    }
    return LiteralKernel(call, ignore_case, normalised);
  }
  return MakeRowKernel<kBoolean, kText, kText, kText>(
      call.type,
      [ignore_case, normalised = std::string()](std::string_view text, std::string_view pattern,
                                                std::string_view escape, Failure& fail) mutable {
        if (!NormaliseEscape(pattern, escape, &normalised)) {
          fail(kInvalidEscape);
          return false;
        }
        return MatchText(ignore_case, text, normalised, fail);
      });
}

}  // namespace

void AddPatternKernels(KernelRegistry& registry) {
  for (bool ignore_case : {false, true}) {
    const char* name = ignore_case ? "ilike" : "like";
    registry.Add(KernelRegistry::IdOf(name, {kText, kText}),
                 [ignore_case](const Expr& call) { return MakeLike(call, ignore_case); });
    registry.Add(KernelRegistry::IdOf(name, {kText, kText, kText}),
                 [ignore_case](const Expr& call) { return MakeLikeWithEscape(call, ignore_case); });
  }
}

}  // namespace weir::expr
