// The receiving end of a channel: elements in order, data bounded by bytes.
#ifndef WEIR_WORKER_INBOX_H_
#define WEIR_WORKER_INBOX_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "model/element.h"

namespace weir {

class MemoryBudget;

// Bytes of data a channel may hold before its sender has to wait. Markers don't count: a full
// channel still takes its barrier.
inline constexpr int64_t kChannelBytesMax = int64_t{1} << 20;
// And at least: what a sender may send before it has heard from the receiver.
inline constexpr int64_t kChannelBytesMin = int64_t{16} << 10;

// One sender, one receiver, any threads. The bound is the sender's to respect (ChannelSender::
// CanSend); Push always takes, so that one step of an operator may overshoot by what it emits.
class Inbox {
 public:
  // `on_push` wakes the receiver. `on_drained(bytes)` tells the sender that `bytes` of data were
  // taken out; both are called without the lock held. What lies here counts in `memory` (may be
  // null), of which each inbox has a fair share.
  Inbox(std::function<void()> on_push, std::function<void(int64_t bytes)> on_drained,
        MemoryBudget* memory = nullptr);
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void Push(Element element, int64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // The oldest element, or nothing.
  std::optional<Element> Pop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Empty() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Bytes above which the sender has to wait: half of the fair share, because as much may still be
  // with a sender on another worker, within the bounds above.
  int64_t capacity() const;

 private:
  struct Item {
    Element element;
    int64_t bytes;
  };
  const std::function<void()> on_push_;
  const std::function<void(int64_t)> on_drained_;
  MemoryBudget* const memory_;
  mutable absl::Mutex mutex_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir

#endif  // WEIR_WORKER_INBOX_H_
