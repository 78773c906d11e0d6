// A clock that stands still until told.
#ifndef WEIR_TESTS_FAKES_FAKE_CLOCK_H_
#define WEIR_TESTS_FAKES_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace weir {

// Thread-safe. Starts in November 2023; both times move together.
class FakeClock : public Clock {
 public:
  int64_t WallMicros() override { return wall_us; }
  int64_t MonotonicMicros() override { return monotonic_us; }
  void Advance(int64_t micros) {
    wall_us += micros;
    monotonic_us += micros;
  }
  std::atomic<int64_t> wall_us{int64_t{1'700'000'000} * 1'000'000};
  std::atomic<int64_t> monotonic_us{1};
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_CLOCK_H_
