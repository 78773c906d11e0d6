// Sizes as users write them: "512MiB", "2GiB", "1.5 GB", "1048576".
#ifndef WEIR_BASE_BYTE_SIZE_H_
#define WEIR_BASE_BYTE_SIZE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// Bytes, at least 0. Units B, KiB, MiB, GiB, TiB (also Ki, Mi, Gi, Ti) by 1,024 and KB, MB, GB, TB
// by 1,000, in any case; none = bytes. INVALID_ARGUMENT naming the text and what is accepted.
absl::StatusOr<int64_t> ParseByteSize(std::string_view text);

// For people: "0 B", "1023 B", "1.5 KiB", "2.0 GiB".
std::string FormatByteSize(int64_t bytes);

}  // namespace weir

#endif  // WEIR_BASE_BYTE_SIZE_H_
