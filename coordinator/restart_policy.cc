#include "coordinator/restart_policy.h"

#include <algorithm>

namespace weir {

std::optional<int64_t> RestartPolicy::OnTaskError(int64_t now_us) {
  while (!errors_us_.empty() && errors_us_.front() <= now_us - kWindowUs) errors_us_.pop_front();
  errors_us_.push_back(now_us);
  // The first start comes at once, nearly: most errors are gone by then. Later ones give what is
  // broken around us time to heal.
  constexpr int64_t kDelaysUs[kErrorsMax - 1] = {100'000, 1'000'000, 4'000'000, 10'000'000};
  if (errors_us_.size() >= kErrorsMax) return std::nullopt;
  return kDelaysUs[errors_us_.size() - 1];
}

int64_t RestartPolicy::OnPassingError() {
  constexpr int64_t kFirstUs = 100'000;
  return std::min(kPassingDelayUsMax, kFirstUs << std::min(passing_errors_++, 10));
}

void RestartPolicy::Forgive() {
  if (!errors_us_.empty()) errors_us_.pop_back();
}

}  // namespace weir
