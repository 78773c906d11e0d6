#include "lake/json_integer.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {

template <class T>
T JsonInteger(const nlohmann::json& value) {
  constexpr double kExactMax = 9'007'199'254'740'992;  // 2^53
  if (value.is_number_unsigned() && std::in_range<T>(value.get<uint64_t>())) {
    return static_cast<T>(value.get<uint64_t>());
  }
  if (value.is_number_integer() && !value.is_number_unsigned() &&
      std::in_range<T>(value.get<int64_t>())) {
    return static_cast<T>(value.get<int64_t>());
  }
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::abs(number) <= kExactMax && std::trunc(number) == number &&
        std::in_range<T>(static_cast<int64_t>(number))) {
      return static_cast<T>(number);
    }
  }
  throw nlohmann::json::out_of_range::create(
      406,
      absl::StrCat("found ", value.dump(), ", expected an integer of ", 8 * sizeof(T), " bits"),
      &value);
}

template int32_t JsonInteger<int32_t>(const nlohmann::json& value);
template int64_t JsonInteger<int64_t>(const nlohmann::json& value);

}  // namespace weir
