// The records of a simulated topic: a function of the seed, so that anybody may recompute them.
#ifndef WEIR_TESTS_SIM_SIM_STREAM_H_
#define WEIR_TESTS_SIM_SIM_STREAM_H_

#include <cstdint>
#include <set>
#include <utility>

#include "model/event_time.h"
#include "model/ids.h"
#include "tests/sim/sim_random.h"

namespace weir {

using SimRow = std::pair<int32_t, int64_t>;  // partition, offset

// A window's result, and the rows that it is made of.
struct SimGroup {
  int64_t window_end_us = 0;
  int key = 0;
  auto operator<=>(const SimGroup&) const = default;
};

class SimStream {
 public:
  static constexpr int64_t kBoundUs = 5'000'000;
  static constexpr int64_t kWindowUs = 10'000'000;
  static constexpr int kKeys = 4;

  explicit SimStream(uint32_t seed) : seed_(seed) {}

  // Mostly within the bound; one in sixteen is far behind.
  EventTime Time(const SimRow& row) const {
    const uint64_t hash = Hash(row, 1);
    int64_t time_us = 100'000'000 + row.second * 900'000 - static_cast<int64_t>(hash % 6'000'000);
    if ((hash >> 40) % 16 == 0) time_us -= 30'000'000;
    return EventTime{time_us};
  }
  SimGroup Group(const SimRow& row) const {
    const int64_t start_us = Time(row).micros / kWindowUs * kWindowUs;
    return {start_us + kWindowUs, static_cast<int>(Hash(row, 2) % kKeys)};
  }
  static int KeyGroup(int key) { return key * (kKeyGroups / kKeys) + 17; }

 private:
  uint64_t Hash(const SimRow& row, uint64_t salt) const {
    return Scatter(seed_ * 0x9e3779b97f4a7c15u + salt * 0xd1b54a32d192ed03u +
                   static_cast<uint64_t>(row.first) * 0x8cb92ba72f3d8dd7u +
                   static_cast<uint64_t>(row.second));
  }

  const uint64_t seed_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SIM_SIM_STREAM_H_
