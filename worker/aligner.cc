#include "worker/aligner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir {

Aligner::Aligner(int channels) : blocked_(channels), ended_(channels) {}

absl::StatusOr<std::optional<Barrier>> Aligner::OnBarrier(int channel, const Barrier& barrier) {
  if (blocked_[channel] || ended_[channel] || barrier.id <= last_) {
    return absl::InternalError(absl::StrCat("channel ", channel, " delivered barrier ",
                                            barrier.id.value, " after barrier ", last_.value,
                                            " was complete or while it was blocked or ended"));
  }
  if (pending_ && barrier.id != pending_->id) {
    return absl::InternalError(absl::StrCat("channel ", channel, " delivered barrier ",
                                            barrier.id.value, " while others wait for barrier ",
                                            pending_->id.value));
  }
  pending_ = barrier;
  blocked_[channel] = true;
  return CompleteIfAligned();
}

std::optional<Barrier> Aligner::OnEnd(int channel) {
  ended_[channel] = true;
  blocked_[channel] = false;
  return pending_ ? CompleteIfAligned() : std::nullopt;
}

std::optional<Barrier> Aligner::CompleteIfAligned() {
  for (size_t i = 0; i < blocked_.size(); ++i) {
    if (!blocked_[i] && !ended_[i]) return std::nullopt;
  }
  std::optional<Barrier> complete = pending_;
  last_ = pending_->id;
  pending_.reset();
  std::fill(blocked_.begin(), blocked_.end(), false);
  return complete;
}

}  // namespace weir
