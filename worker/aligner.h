// Aligned barriers: which channels of a task wait, and when its snapshot is due. Pure.
//
// Source: Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015;
// with channels that end.
#ifndef WEIR_WORKER_ALIGNER_H_
#define WEIR_WORKER_ALIGNER_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "model/element.h"

namespace weir {

class Aligner {
 public:
  explicit Aligner(int channels);

  // Channel `channel` delivered `barrier`; it must not be read until the barrier is complete.
  // Returns the barrier when that makes it complete: every channel that has not ended delivered it.
  // INTERNAL when the channel's barrier isn't newer than its last one, or isn't the one that the
  // other channels wait for: senders inject every barrier, in order.
  absl::StatusOr<std::optional<Barrier>> OnBarrier(int channel, const Barrier& barrier);

  // Channel `channel` ended: no barrier will come from it. May complete the pending one.
  std::optional<Barrier> OnEnd(int channel);

  // Whether elements of the channel must wait.
  bool IsBlocked(int channel) const { return blocked_[channel]; }
  bool Ended(int channel) const { return ended_[channel]; }

 private:
  std::optional<Barrier> CompleteIfAligned();

  std::vector<bool> blocked_;
  std::vector<bool> ended_;
  std::optional<Barrier> pending_;
  CheckpointId last_;  // newest complete one
};

}  // namespace weir

#endif  // WEIR_WORKER_ALIGNER_H_
