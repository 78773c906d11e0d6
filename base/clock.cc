#include "base/clock.h"

#include <ctime>

namespace weir {
namespace {

int64_t ReadMicros(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

class MachineClock : public Clock {
 public:
  int64_t WallMicros() override { return ReadMicros(CLOCK_REALTIME); }
  int64_t MonotonicMicros() override { return ReadMicros(CLOCK_MONOTONIC); }
};

}  // namespace

Clock* SystemClock() {
  static MachineClock* const clock = new MachineClock;  // never destroyed: threads may outlive main
  return clock;
}

}  // namespace weir
