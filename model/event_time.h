// Event time and watermarks. All arithmetic saturates: an overflow would turn "far future" into
// "long ago" and make every row late (FLINK-31632).
#ifndef WEIR_MODEL_EVENT_TIME_H_
#define WEIR_MODEL_EVENT_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

namespace weir {

// Microseconds since 1970-01-01T00:00:00Z, without leap seconds.
struct EventTime {
  int64_t micros = 0;
  friend constexpr auto operator<=>(EventTime, EventTime) = default;
};

// "Nothing known yet" as a watermark; earlier than every event.
inline constexpr EventTime kMinEventTime{std::numeric_limits<int64_t>::min()};
// "No further event" as a watermark: sent by a bounded source that reached its stop.
inline constexpr EventTime kMaxEventTime{std::numeric_limits<int64_t>::max()};

constexpr EventTime SaturatingAdd(EventTime t, int64_t micros) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(t.micros, micros, &sum)) return EventTime{sum};
  return micros > 0 ? kMaxEventTime : kMinEventTime;
}

constexpr EventTime SaturatingSubtract(EventTime t, int64_t micros) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(t.micros, micros, &difference)) return EventTime{difference};
  return micros > 0 ? kMinEventTime : kMaxEventTime;
}

// Whether a channel takes part in the minimum of watermarks. Separate from the watermark's value:
// encoding "idle" or "finished" as a very large watermark is how others lost rows (FLINK-32496).
enum class ChannelStatus { kActive, kIdle, kFinished };

}  // namespace weir

#endif  // WEIR_MODEL_EVENT_TIME_H_
