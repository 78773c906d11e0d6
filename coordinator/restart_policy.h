// When a job whose tasks fail is started again, and when it is given up. Pure.
#ifndef WEIR_COORDINATOR_RESTART_POLICY_H_
#define WEIR_COORDINATOR_RESTART_POLICY_H_

#include <cstdint>
#include <deque>
#include <optional>

namespace weir {

// Losing workers doesn't come here, and only errors that are the job's own count against it: one
// that lasts as long as a store is away ends with the store's return, however often it is met.
class RestartPolicy {
 public:
  static constexpr int kErrorsMax = 5;
  static constexpr int64_t kWindowUs = 600'000'000;
  static constexpr int64_t kPassingDelayUsMax = 10'000'000;

  // How long to wait before the next start; nullopt = that was the last error allowed.
  std::optional<int64_t> OnTaskError(int64_t now_us);
  // Likewise after an error that may pass, which is never the last one allowed.
  int64_t OnPassingError();
  // A checkpoint was published: whatever was in the way has passed.
  void OnProgress() { passing_errors_ = 0; }
  // The last error came of a lost worker: its neighbours noticed first.
  void Forgive();

 private:
  std::deque<int64_t> errors_us_;
  int passing_errors_ = 0;  // since the last progress
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_RESTART_POLICY_H_
