// One scalar value: SQL literals and options.
#ifndef WEIR_MODEL_VALUE_H_
#define WEIR_MODEL_VALUE_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/numeric/int128.h"
#include "model/types.h"

namespace weir {

// PostgreSQL's interval: three fields that don't convert into each other.
struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// `data` holds: monostate = NULL of `type`; bool; int64_t for smallint, integer, bigint, date (days
// since 1970), timestamp and timestamptz (microseconds since 1970); double for real and double;
// absl::int128 for numeric (unscaled); std::string for text, uuid, jsonb, bytea; Interval.
struct Value {
  DataType type;
  std::variant<std::monostate, bool, int64_t, double, absl::int128, std::string, Interval> data;
  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  friend bool operator==(const Value&, const Value&) = default;
};

// SQL text of the value, as EXPLAIN prints it: 'it''s', 12.50, TRUE, NULL, INTERVAL '5 minutes'.
std::string ToString(const Value& value);

}  // namespace weir

#endif  // WEIR_MODEL_VALUE_H_
