// The coordinator's one thread: all decisions are made on it, so they need no locks.
#ifndef WEIR_COORDINATOR_EVENT_LOOP_H_
#define WEIR_COORDINATOR_EVENT_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace weir {

class Clock;

// Thread-safe. Work never blocks for long and never throws.
class EventLoop {
 public:
  explicit EventLoop(Clock* clock);
  // Stop(), if nobody has.
  ~EventLoop();

  // Runs `work` on the loop's thread, in order of posting. Dropped after Stop.
  void Post(std::function<void()> work);
  // Runs it when the monotonic clock has reached `at_us`.
  void PostAt(int64_t at_us, std::function<void()> work);
  // Runs it on the loop's thread and returns when it is done; at once when called on that thread.
  void Run(const std::function<void()>& work);
  // Ends the thread; what is queued is dropped.
  void Stop();

 private:
  void Loop();
  // Whether the wait is over; moves what is due to `queue_`.
  std::deque<std::function<void()>> Take();

  Clock* const clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  std::multimap<int64_t, std::function<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the above
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_EVENT_LOOP_H_
