// The sending end of a channel, to a task of this process or of another worker.
#ifndef WEIR_WORKER_CHANNEL_SENDER_H_
#define WEIR_WORKER_CHANNEL_SENDER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "model/element.h"

namespace weir {

class Inbox;

// Slot thread of the sending task.
class ChannelSender {
 public:
  virtual ~ChannelSender() = default;
  // Whether data may be sent now. Markers may always be sent.
  virtual bool CanSend() const = 0;
  // Takes the element in order behind all earlier ones. An error means the channel is broken for
  // good (the other worker is gone): the task fails and the job restarts.
  virtual absl::Status Send(Element element) = 0;
  // Bytes sent so far to another process; 0 for a channel inside one.
  virtual int64_t remote_bytes() const = 0;
};

// What the sending task hears back; called on any thread, also after the channel's end.
struct ChannelFeedback {
  std::function<void()> wake;           // CanSend may have become true
  std::function<void(EventTime)> echo;  // the owner's answer to StatusChange(kActive)
};

// Pushes straight into `inbox`, which outlives it.
std::unique_ptr<ChannelSender> MakeLocalSender(Inbox* inbox);

}  // namespace weir

#endif  // WEIR_WORKER_CHANNEL_SENDER_H_
