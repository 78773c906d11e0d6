// When a job whose tasks fail is started again, and when it is given up. Pure.
#ifndef WEIR_COORDINATOR_RESTART_POLICY_H_
#define WEIR_COORDINATOR_RESTART_POLICY_H_

#include <cstdint>
#include <deque>
#include <optional>

namespace weir {

// Losing workers doesn't come here: only errors of tasks count against a job.
class RestartPolicy {
 public:
  static constexpr int kErrorsMax = 5;
  static constexpr int64_t kWindowUs = 600'000'000;

  // How long to wait before the next start; nullopt = that was the last error allowed.
  std::optional<int64_t> OnTaskError(int64_t now_us);
  // The last error came of a lost worker: its neighbours noticed first.
  void Forgive();

 private:
  std::deque<int64_t> errors_us_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_RESTART_POLICY_H_
