// Lengths of time as SQL writes them; options and flags use base/duration.h.
#ifndef WEIR_MODEL_INTERVAL_H_
#define WEIR_MODEL_INTERVAL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/value.h"

namespace weir {

// PostgreSQL's "5 minutes", "1 day 02:30:00", "-1 month", and the short "10s", "500ms", "1h30m".
// A number without unit counts in `bare_unit` ("" = refused). INVALID_ARGUMENT says what is
// accepted.
absl::StatusOr<Interval> ParseInterval(std::string_view text, std::string_view bare_unit = "");

// An interval of a fixed length, in microseconds; days count 24 hours. Months and years are
// refused: they have no fixed length. Negative ones are refused.
absl::StatusOr<int64_t> FixedMicros(const Interval& interval);

// Exact: "10 minutes", "1 day 2 hours", "500 milliseconds".
std::string DurationText(int64_t micros);

}  // namespace weir

#endif  // WEIR_MODEL_INTERVAL_H_
