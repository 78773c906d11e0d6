// Named places where tests make a process crash, hang, slow down or fail.
//
// Armed from the environment when the process starts:
//   WEIR_FAILPOINTS="coordinator.before_publish=crash;worker.before_upload=error@3"
// action: crash (SIGKILL to itself), hang, delay:<ms>, error. "@n" arms the n-th pass only (from
// 1), otherwise every pass. An unknown action ends the process at start with a message; names are
// free. Not armed, a failpoint costs one relaxed load.
#ifndef WEIR_BASE_FAILPOINT_H_
#define WEIR_BASE_FAILPOINT_H_

#include <atomic>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

extern std::atomic<bool> failpoints_armed;
absl::Status HitFailpoint(std::string_view name);

// OK, or UNAVAILABLE "failpoint <name>" when armed with `error`.
inline absl::Status Failpoint(std::string_view name) {
  if (!failpoints_armed.load(std::memory_order_relaxed)) [[likely]]
    return absl::OkStatus();
  return HitFailpoint(name);
}

// Parses the environment variable; INVALID_ARGUMENT naming the bad part.
absl::Status ArmFailpoints(std::string_view spec);

}  // namespace weir

#endif  // WEIR_BASE_FAILPOINT_H_
