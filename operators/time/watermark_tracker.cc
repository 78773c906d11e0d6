#include "operators/time/watermark_tracker.h"

#include <algorithm>

#include "base/log.h"

namespace weir {
namespace {

// One announcement out of two that follow each other without anything in between.
std::optional<WatermarkChange> Join(std::optional<WatermarkChange> first,
                                    std::optional<WatermarkChange> second) {
  if (!first) return second;
  if (!second) return first;
  if (second->status) first->status = second->status;
  if (second->watermark) first->watermark = second->watermark;
  return first;
}

}  // namespace

WatermarkTracker::WatermarkTracker(int64_t bound_us, int64_t idle_timeout_us)
    : bound_us_(bound_us), idle_timeout_us_(idle_timeout_us), merged_(0) {}

void WatermarkTracker::Add(int32_t partition, EventTime max_event_time, bool idle) {
  ChannelStatus status = idle ? ChannelStatus::kIdle : ChannelStatus::kActive;
  int channel = merged_.AddChannel(status, WatermarkOf(max_event_time));
  bool fresh =
      partitions_.emplace(partition, Partition{channel, max_event_time, idle_clock_us_}).second;
  WEIR_CHECK(fresh, "partition ", partition, " added twice");
}

std::optional<WatermarkChange> WatermarkTracker::OnRows(int32_t partition,
                                                        EventTime max_event_time) {
  Partition& p = partitions_.at(partition);
  p.quiet_since_us = idle_clock_us_;
  p.max_event_time = std::max(p.max_event_time, max_event_time);
  // Active first: the value of an idle channel could pass the others unseen.
  std::optional<Change> status = merged_.OnStatus(p.channel, ChannelStatus::kActive);
  return Join(status, merged_.OnWatermark(p.channel, WatermarkOf(p.max_event_time)));
}

std::optional<WatermarkChange> WatermarkTracker::OnNoRows(int32_t partition, bool lag) {
  Partition& p = partitions_.at(partition);
  if (lag) {
    p.quiet_since_us = idle_clock_us_;
    return std::nullopt;
  }
  if (idle_clock_us_ - p.quiet_since_us < idle_timeout_us_) return std::nullopt;
  return merged_.OnStatus(p.channel, ChannelStatus::kIdle);
}

std::optional<WatermarkChange> WatermarkTracker::OnStillIdle(int32_t partition) {
  return merged_.OnStatus(partitions_.at(partition).channel, ChannelStatus::kIdle);
}

std::optional<WatermarkChange> WatermarkTracker::OnFinished(int32_t partition) {
  const Partition& p = partitions_.at(partition);
  // The value goes last: a finished channel counts only once all are finished.
  std::optional<Change> status = merged_.OnStatus(p.channel, ChannelStatus::kFinished);
  return Join(status, merged_.OnWatermark(p.channel, kMaxEventTime));
}

std::optional<WatermarkChange> WatermarkTracker::TakeChange() { return merged_.TakeChange(); }

void WatermarkTracker::PassTime(int64_t elapsed_us) {
  idle_clock_us_ += std::max<int64_t>(elapsed_us, 0);
}

EventTime WatermarkTracker::max_event_time(int32_t partition) const {
  return partitions_.at(partition).max_event_time;
}

ChannelStatus WatermarkTracker::partition_status(int32_t partition) const {
  return merged_.channel_status(partitions_.at(partition).channel);
}

EventTime WatermarkTracker::WatermarkOf(EventTime max_event_time) const {
  if (max_event_time == kMinEventTime) return kMinEventTime;  // Nothing seen, whatever the bound.
  return SaturatingSubtract(max_event_time, bound_us_);
}

}  // namespace weir
