// Integers of a Delta log. The JSON library converts any number to any other, also where C++ leaves
// the result open.
#ifndef WEIR_LAKE_JSON_INTEGER_H_
#define WEIR_LAKE_JSON_INTEGER_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace weir {

// Throws the library's out_of_range unless `value` is a whole number that T (int32_t, int64_t)
// holds. 1.0 is one: some writers know no integers.
template <class T>
T JsonInteger(const nlohmann::json& value);

// The same for a number that a parser took for a double: the integer, if it surely is one.
std::optional<int64_t> WholeNumber(double number);

}  // namespace weir

#endif  // WEIR_LAKE_JSON_INTEGER_H_
