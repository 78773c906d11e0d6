#include "base/failpoint.h"

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace weir {

std::atomic<bool> failpoints_armed{false};

namespace {

enum class Action { kCrash, kHang, kDelay, kError };

struct Armed {
  Action action = Action::kError;
  int64_t delay_ms = 0;
  int64_t only_pass = 0;  // 0 = every pass
  int64_t passes = 0;
};

struct Registry {
  absl::Mutex mutex;
  std::map<std::string, Armed> armed ABSL_GUARDED_BY(mutex);
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

absl::Status BadPart(absl::string_view part) {
  return absl::InvalidArgumentError(absl::StrCat(
      "WEIR_FAILPOINTS: cannot read '", part,
      "'; accepted is name=action, action one of crash, hang, delay:<ms>, error, each optionally "
      "followed by @n (the n-th pass, from 1), parts separated by ';'"));
}

absl::StatusOr<Armed> ParseAction(absl::string_view part, absl::string_view text) {
  Armed armed;
  if (const size_t at = text.rfind('@'); at != absl::string_view::npos) {
    if (!absl::SimpleAtoi(text.substr(at + 1), &armed.only_pass) || armed.only_pass < 1)
      return BadPart(part);
    text = text.substr(0, at);
  }
  if (text == "crash") {
    armed.action = Action::kCrash;
  } else if (text == "hang") {
    armed.action = Action::kHang;
  } else if (text == "error") {
    armed.action = Action::kError;
  } else if (absl::ConsumePrefix(&text, "delay:") && absl::SimpleAtoi(text, &armed.delay_ms) &&
             armed.delay_ms >= 0) {
    armed.action = Action::kDelay;
  } else {
    return BadPart(part);
  }
  return armed;
}

// Counts the pass; true when the action is due, and then copies it out, so that it runs unlocked.
bool TakeDue(std::string_view name, Armed* out) {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  const auto it = registry.armed.find(std::string(name));
  if (it == registry.armed.end()) return false;
  Armed& armed = it->second;
  ++armed.passes;
  if (armed.only_pass != 0 && armed.passes != armed.only_pass) return false;
  *out = armed;
  return true;
}

}  // namespace

absl::Status HitFailpoint(std::string_view name) {
  Armed armed;
  if (!TakeDue(name, &armed)) return absl::OkStatus();
  WEIR_LOG(kWarning, "failpoint hit", {"name", AbslView(name)}, {"pass", armed.passes});
  switch (armed.action) {
    case Action::kCrash:
      kill(getpid(), SIGKILL);
      [[fallthrough]];  // until the signal arrives
    case Action::kHang:
      while (true) pause();
    case Action::kDelay:
      absl::SleepFor(absl::Milliseconds(armed.delay_ms));
      return absl::OkStatus();
    case Action::kError:
      break;
  }
  return absl::UnavailableError(absl::StrCat("failpoint ", AbslView(name)));
}

absl::Status ArmFailpoints(std::string_view spec) {
  std::map<std::string, Armed> parsed;
  for (absl::string_view part : absl::StrSplit(AbslView(spec), ';', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos || equals == 0) return BadPart(part);
    WEIR_ASSIGN_OR_RETURN(const Armed armed, ParseAction(part, part.substr(equals + 1)));
    parsed[std::string(part.substr(0, equals))] = armed;
  }
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  registry.armed = std::move(parsed);
  failpoints_armed.store(!registry.armed.empty(), std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace weir
