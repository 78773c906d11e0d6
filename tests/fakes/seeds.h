// How many seeds a simulation runs, or which one alone, by the caller's environment.
#ifndef WEIR_TESTS_FAKES_SEEDS_H_
#define WEIR_TESTS_FAKES_SEEDS_H_

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace weir {

// First and last, both included: WEIR_SIM_SEED alone when it is set, otherwise as many as
// WEIR_SIM_RUNS or `runs` says, from WEIR_SIM_FROM or 1 on.
struct Seeds {
  explicit Seeds(uint32_t runs)
      : first(FromEnvironment("WEIR_SIM_FROM", 1)),
        last(first + FromEnvironment("WEIR_SIM_RUNS", runs) - 1) {
    const uint32_t only = FromEnvironment("WEIR_SIM_SEED", 0);
    if (only == 0) return;
    alone = true;
    first = last = only;
  }

  uint32_t first;
  uint32_t last;
  bool alone = false;  // too few to say anything about all

 private:
  static uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
    const char* text = std::getenv(name);
    uint32_t value = otherwise;
    if (text != nullptr && !absl::SimpleAtoi(text, &value)) value = otherwise;
    return value;
  }
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_SEEDS_H_
