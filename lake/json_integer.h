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

// a + b, or the bound of the type that it lies beyond: for sums of what other writers wrote, which
// only people read.
int64_t CappedSum(int64_t a, int64_t b);

}  // namespace weir

#endif  // WEIR_LAKE_JSON_INTEGER_H_
