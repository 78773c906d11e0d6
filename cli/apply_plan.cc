#include "cli/apply_plan.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace weir {

ApplyAction DecideApply(const ApplyFacts& facts) {
  if (!facts.exists) return ApplyAction::kCreate;
  const bool stands = (facts.live && !facts.stopping) || facts.finished;
  if (stands && facts.same_words) return ApplyAction::kUnchanged;
  return facts.live ? ApplyAction::kReplace : ApplyAction::kContinue;
}

const char* NameOf(ApplyAction action) {
  switch (action) {
    case ApplyAction::kCreate:
      return "create";
    case ApplyAction::kUnchanged:
      return "unchanged";
    case ApplyAction::kContinue:
      return "continue";
    case ApplyAction::kReplace:
      return "replace";
  }
  return "";
}

ApplyOrigin OriginOf(const ApplyFacts& facts) {
  if (facts.epoch > 0) return {facts.job, 0};
  return {facts.from_job, facts.from_epoch};
}

std::string ApplyRequestId(const ApplyFacts& facts, const std::string& name,
                           const std::string& script) {
  constexpr absl::string_view kBetween("\0", 1);
  return absl::StrCat("apply-", Sha256Hex(absl::StrCat(name, kBetween, facts.job, kBetween,
                                                       facts.epoch, kBetween, script))
                                    .substr(0, 32));
}

}  // namespace weir
