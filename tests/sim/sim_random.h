// The dice of the simulation: SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
// Generators", 2014). Rolled thousands of times a seed, so a few instructions each.
#ifndef WEIR_TESTS_SIM_SIM_RANDOM_H_
#define WEIR_TESTS_SIM_SIM_RANDOM_H_

#include <cstdint>

namespace weir {

// A permutation of 64 bits; neighbours end up far apart.
inline uint64_t Scatter(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class SimRandom {
 public:
  explicit SimRandom(uint32_t seed) : state_(seed) {}

  uint32_t operator()() {
    state_ += 0x9e3779b97f4a7c15u;
    return static_cast<uint32_t>(Scatter(state_) >> 32);
  }

 private:
  uint64_t state_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SIM_SIM_RANDOM_H_
