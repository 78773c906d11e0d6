#include "lake/json_integer.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {

template <class T>
T JsonInteger(const nlohmann::json& value) {
  if (value.is_number_unsigned() && std::in_range<T>(value.get<uint64_t>())) {
    return static_cast<T>(value.get<uint64_t>());
  }
  if (value.is_number_integer() && !value.is_number_unsigned() &&
      std::in_range<T>(value.get<int64_t>())) {
    return static_cast<T>(value.get<int64_t>());
  }
  if (value.is_number_float()) {
    const std::optional<int64_t> whole = WholeNumber(value.get<double>());
    if (whole && std::in_range<T>(*whole)) return static_cast<T>(*whole);
  }
  throw nlohmann::json::out_of_range::create(
      406,
      absl::StrCat("found ", value.dump(), ", expected an integer of ", 8 * sizeof(T), " bits"),
      &value);
}

std::optional<int64_t> WholeNumber(double number) {
  constexpr double kExactMax = 9'007'199'254'740'992;  // 2^53
  if (!(std::abs(number) <= kExactMax) || std::trunc(number) != number) return std::nullopt;
  return static_cast<int64_t>(number);
}

int64_t CappedSum(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

template int32_t JsonInteger<int32_t>(const nlohmann::json& value);
template int64_t JsonInteger<int64_t>(const nlohmann::json& value);

}  // namespace weir
