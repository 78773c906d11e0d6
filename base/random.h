// Randomness as a seam.
#ifndef WEIR_BASE_RANDOM_H_
#define WEIR_BASE_RANDOM_H_

#include <cstdint>
#include <memory>
#include <string>

namespace weir {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;
};

// From the operating system. Lives for the process.
Random* SystemRandom();
// The same numbers for the same seed.
std::unique_ptr<Random> SeededRandom(uint64_t seed);

// RFC 4122 version 4, lower case, with dashes.
std::string MakeUuid(Random& random);
// `digits` lower-case hexadecimal digits.
std::string RandomHex(Random& random, int digits);

}  // namespace weir

#endif  // WEIR_BASE_RANDOM_H_
