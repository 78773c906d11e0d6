#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <mutex>
#include <random>

#include "base/log.h"

namespace weir {
namespace {

class KernelRandom : public Random {
 public:
  uint64_t Next() override {
    uint64_t value = 0;
    // Up to 256 bytes come whole once the kernel's pool is ready, which getrandom waits for.
    ssize_t got = -1;
    do {
      got = getrandom(&value, sizeof(value), 0);
    } while (got < 0 && errno == EINTR);
    WEIR_CHECK(got == sizeof(value), "getrandom errno=", errno);
    return value;
  }
};

class MersenneRandom : public Random {
 public:
  explicit MersenneRandom(uint64_t seed) : engine_(seed) {}
  uint64_t Next() override {
    std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;  // guarded by mutex_
};

constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

Random* SystemRandom() {
  static KernelRandom* const random = new KernelRandom;
  return random;
}

std::unique_ptr<Random> SeededRandom(uint64_t seed) {
  return std::make_unique<MersenneRandom>(seed);
}

std::string MakeUuid(Random& random) {
  std::string digits = RandomHex(random, 32);
  digits[12] = '4';                             // version
  const int variant = 8 + (random.Next() & 3);  // bits 10xx
  digits[16] = kHexDigits[variant];
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

std::string RandomHex(Random& random, int digits) {
  std::string out;
  out.reserve(digits);
  uint64_t bits = 0;
  for (int i = 0; i < digits; ++i) {
    if (i % 16 == 0) bits = random.Next();
    out.push_back(kHexDigits[bits & 15]);
    bits >>= 4;
  }
  return out;
}

}  // namespace weir
