// Merges the watermarks and statuses of several inputs (partitions of a source task, channels of a
// port) into one.
#ifndef WEIR_OPERATORS_TIME_CHANNEL_WATERMARKS_H_
#define WEIR_OPERATORS_TIME_CHANNEL_WATERMARKS_H_

#include <optional>
#include <vector>

#include "model/event_time.h"

namespace weir {

// What a merge has to announce. A turn to kActive comes before the watermark, so that no reader
// sees a value of a channel it believes idle; a turn to kIdle or kFinished comes behind it.
struct WatermarkChange {
  std::optional<ChannelStatus> status;
  std::optional<EventTime> watermark;  // higher than every one announced before

  bool status_first() const { return status == ChannelStatus::kActive; }
  friend bool operator==(const WatermarkChange&, const WatermarkChange&) = default;

  // Calls on_status and on_watermark for what is set, in that order. Both return a status type
  // (absl::Status); the first error ends it and is returned.
  template <class OnStatus, class OnWatermark>
  auto Announce(OnStatus&& on_status, OnWatermark&& on_watermark) const
      -> decltype(on_watermark(EventTime{})) {
    decltype(on_watermark(EventTime{})) result;
    if (status && status_first()) result = on_status(*status);
    if (result.ok() && watermark) result = on_watermark(*watermark);
    if (result.ok() && status && !status_first()) result = on_status(*status);
    return result;
  }
};

// A value: no clock, no I/O. Rules:
//   * status: active while any channel is, else idle while any is, else finished;
//   * value: the minimum over active channels; when none is active, the maximum that an idle one
//     has shown; when all are finished, the maximum of all. A finished channel takes no part as
//     long as another may still speak, whatever value it ended with;
//   * the value never goes back: a channel that returns behind it holds it where it is, and that
//     channel's older rows are late;
//   * the value is derived anew on every change of a status.
// Channels begin active and without a value, so that one that was never heard holds the result.
class ChannelWatermarks {
 public:
  using Change = WatermarkChange;

  // Without channels the status is kIdle: there is nothing to wait for, and nothing to say.
  explicit ChannelWatermarks(int channels);

  // Adds a channel and returns its number. An active one holds the value from now on. TakeChange
  // tells what that changes.
  int AddChannel(ChannelStatus status = ChannelStatus::kActive,
                 EventTime watermark = kMinEventTime);

  // What `channel` announced. A value behind its last one is ignored. Nullopt: nothing to announce.
  std::optional<Change> OnWatermark(int channel, EventTime time);
  // kFinished is final: later statuses of the channel are ignored.
  std::optional<Change> OnStatus(int channel, ChannelStatus status);
  // What must be announced after construction or AddChannel, if anything. Readers assume kActive
  // and no value at the start.
  std::optional<Change> TakeChange();

  EventTime watermark() const { return announced_watermark_; }
  ChannelStatus status() const { return announced_status_; }
  int channels() const { return static_cast<int>(channels_.size()); }
  EventTime channel_watermark(int channel) const { return channels_[channel].watermark; }
  ChannelStatus channel_status(int channel) const { return channels_[channel].status; }

 private:
  struct Channel {
    ChannelStatus status = ChannelStatus::kActive;
    EventTime watermark = kMinEventTime;
  };

  ChannelStatus MergedStatus() const;
  EventTime MergedWatermark(ChannelStatus merged) const;

  std::vector<Channel> channels_;
  ChannelStatus announced_status_ = ChannelStatus::kActive;
  EventTime announced_watermark_ = kMinEventTime;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_TIME_CHANNEL_WATERMARKS_H_
