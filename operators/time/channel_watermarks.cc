#include "operators/time/channel_watermarks.h"

#include <algorithm>

namespace weir {

ChannelWatermarks::ChannelWatermarks(int channels) : channels_(channels) {}

int ChannelWatermarks::AddChannel(ChannelStatus status, EventTime watermark) {
  channels_.push_back({status, watermark});
  return channels() - 1;
}

std::optional<WatermarkChange> ChannelWatermarks::OnWatermark(int channel, EventTime time) {
  Channel& c = channels_[channel];
  if (time <= c.watermark) return std::nullopt;
  c.watermark = time;
  return TakeChange();
}

std::optional<WatermarkChange> ChannelWatermarks::OnStatus(int channel, ChannelStatus status) {
  Channel& c = channels_[channel];
  if (c.status == status || c.status == ChannelStatus::kFinished) return std::nullopt;
  c.status = status;
  return TakeChange();
}

std::optional<WatermarkChange> ChannelWatermarks::TakeChange() {
  WatermarkChange change;
  ChannelStatus status = MergedStatus();
  if (status != announced_status_) change.status = announced_status_ = status;
  EventTime watermark = MergedWatermark(status);
  if (watermark > announced_watermark_) change.watermark = announced_watermark_ = watermark;
  if (!change.status && !change.watermark) return std::nullopt;
  return change;
}

ChannelStatus ChannelWatermarks::MergedStatus() const {
  if (channels_.empty()) return ChannelStatus::kIdle;
  ChannelStatus merged = ChannelStatus::kFinished;
  for (const Channel& c : channels_) {
    if (c.status == ChannelStatus::kActive) return ChannelStatus::kActive;
    if (c.status == ChannelStatus::kIdle) merged = ChannelStatus::kIdle;
  }
  return merged;
}

EventTime ChannelWatermarks::MergedWatermark(ChannelStatus merged) const {
  EventTime lowest = kMaxEventTime;
  EventTime highest = kMinEventTime;
  for (const Channel& c : channels_) {
    if (c.status != merged) continue;
    lowest = std::min(lowest, c.watermark);
    highest = std::max(highest, c.watermark);
  }
  return merged == ChannelStatus::kActive ? lowest : highest;
}

}  // namespace weir
