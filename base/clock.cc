#include "base/clock.h"

#include <cstdlib>
#include <ctime>
#include <fstream>

namespace weir {
namespace {

int64_t ReadMicros(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

class MachineClock : public Clock {
 public:
  int64_t WallMicros() override {
    const int64_t now = ReadMicros(CLOCK_REALTIME);
    return offset_file_ == nullptr ? now : now + ReadOffset();
  }
  int64_t MonotonicMicros() override { return ReadMicros(CLOCK_MONOTONIC); }

 private:
  int64_t ReadOffset() const {
    int64_t offset_us = 0;
    std::ifstream(offset_file_) >> offset_us;
    return offset_us;
  }

  const char* const offset_file_ = std::getenv("WEIR_TEST_CLOCK_OFFSET_FILE");
};

}  // namespace

Clock* SystemClock() {
  static MachineClock* const clock = new MachineClock;  // never destroyed: threads may outlive main
  return clock;
}

}  // namespace weir
