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

// Bytes of data a channel may hold before its sender has to wait. Markers don't count: a full
// channel still takes its barrier.
inline constexpr int64_t kChannelBytesMax = int64_t{1} << 20;

// One sender, one receiver, any threads. The bound is the sender's to respect (ChannelSender::
// CanSend); Push always takes, so that one step of an operator may overshoot by what it emits.
class Inbox {
 public:
  // `on_push` wakes the receiver. `on_drained(bytes)` tells the sender that `bytes` of data were
  // taken out; both are called without the lock held.
  Inbox(std::function<void()> on_push, std::function<void(int64_t bytes)> on_drained);

  void Push(Element element, int64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // The oldest element, or nothing.
  std::optional<Element> Pop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Empty() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Item {
    Element element;
    int64_t bytes;
  };
  const std::function<void()> on_push_;
  const std::function<void(int64_t)> on_drained_;
  mutable absl::Mutex mutex_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir

#endif  // WEIR_WORKER_INBOX_H_
