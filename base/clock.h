// Time as a seam: everything that asks for the time gets a Clock by constructor, so that simulation
// and tests own it.
#ifndef WEIR_BASE_CLOCK_H_
#define WEIR_BASE_CLOCK_H_

#include <cstdint>

namespace weir {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, microseconds since 1970 UTC. May jump; never used for safety.
  virtual int64_t WallMicros() = 0;
  // Never goes back; arbitrary origin.
  virtual int64_t MonotonicMicros() = 0;
};

// The machine's clock. Lives for the process. For tests of jumps, the environment variable
// WEIR_TEST_CLOCK_OFFSET_FILE names a file with microseconds to add to the wall time, read at every
// look; no file, no offset.
Clock* SystemClock();

}  // namespace weir

#endif  // WEIR_BASE_CLOCK_H_
