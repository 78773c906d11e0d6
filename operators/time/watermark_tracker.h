// Event time of a source task: one watermark per Kafka partition, merged.
#ifndef WEIR_OPERATORS_TIME_WATERMARK_TRACKER_H_
#define WEIR_OPERATORS_TIME_WATERMARK_TRACKER_H_

#include <cstdint>
#include <map>
#include <optional>

#include "model/event_time.h"
#include "operators/time/channel_watermarks.h"

namespace weir {

// A value: the time of idleness is passed in. The watermark of a partition is its largest event
// time − bound; partitions merge by the rules of ChannelWatermarks.
//
// A partition goes idle when it has been without rows and without lag for the idle timeout, and
// turns active with its next rows. The idle clock runs only by PassTime, so that its owner can stop
// it while it is held up itself (back-pressure, brokers away): then silence says nothing about the
// partition (FLINK-36751).
class WatermarkTracker {
 public:
  using Change = WatermarkChange;

  WatermarkTracker(int64_t bound_us, int64_t idle_timeout_us);

  // A partition to read, fresh or restored. Once per partition. Follow up with TakeChange.
  void Add(int32_t partition, EventTime max_event_time, bool idle);

  // Rows were read, the largest event time among them is `max_event_time` (kMinEventTime if none
  // has one). Any row keeps the partition awake, with a newer time or not (FLINK-34252).
  std::optional<Change> OnRows(int32_t partition, EventTime max_event_time);
  // Nothing was read. `lag`: there is, or may be, something to read.
  std::optional<Change> OnNoRows(int32_t partition, bool lag);
  // The partition was idle before a restart and has had no rows since: no timeout is waited for.
  std::optional<Change> OnStillIdle(int32_t partition);
  // The partition reached its stop offset: no further event.
  std::optional<Change> OnFinished(int32_t partition);
  // What must be announced after Add, or before anything was read.
  std::optional<Change> TakeChange();

  // The idle clock goes on by `elapsed_us`.
  void PassTime(int64_t elapsed_us);

  EventTime watermark() const { return merged_.watermark(); }
  ChannelStatus status() const { return merged_.status(); }
  EventTime max_event_time(int32_t partition) const;
  ChannelStatus partition_status(int32_t partition) const;

 private:
  struct Partition {
    int channel = 0;
    EventTime max_event_time = kMinEventTime;
    int64_t quiet_since_us = 0;  // on the idle clock
  };

  EventTime WatermarkOf(EventTime max_event_time) const;

  const int64_t bound_us_;
  const int64_t idle_timeout_us_;
  int64_t idle_clock_us_ = 0;
  std::map<int32_t, Partition> partitions_;
  ChannelWatermarks merged_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_TIME_WATERMARK_TRACKER_H_
