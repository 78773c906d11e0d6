#include <utility>

#include "worker/channel_sender.h"
#include "worker/inbox.h"

namespace weir {
namespace {

class LocalSender : public ChannelSender {
 public:
  explicit LocalSender(Inbox* inbox) : inbox_(inbox) {}

  bool CanSend() const override { return inbox_->bytes() < inbox_->capacity(); }

  absl::Status Send(Element element) override {
    int64_t bytes = 0;
    if (const Batch* batch = std::get_if<Batch>(&element)) bytes = batch->ByteSize();
    inbox_->Push(std::move(element), bytes);
    return absl::OkStatus();
  }

  int64_t remote_bytes() const override { return 0; }

 private:
  Inbox* const inbox_;
};

}  // namespace

std::unique_ptr<ChannelSender> MakeLocalSender(Inbox* inbox) {
  return std::make_unique<LocalSender>(inbox);
}

}  // namespace weir
