// Durations as users write them on the command line: "10s", "500ms", "1 minute", "1h30m".
#ifndef WEIR_BASE_DURATION_H_
#define WEIR_BASE_DURATION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// Microseconds, at least 0. One or more numbers, each with its unit: us, ms, s, m, h, d, or the
// word (second, minutes, ...); a number without unit is refused, because nobody agrees on it.
// INVALID_ARGUMENT naming the text and what is accepted.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);

// For people, the two largest units: "0s", "350ms", "12.5s", "3m 20s", "2d 4h".
std::string FormatDuration(int64_t micros);

}  // namespace weir

#endif  // WEIR_BASE_DURATION_H_
