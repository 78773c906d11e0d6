// Text of outside origin, short enough to be sent, stored and shown.
#ifndef WEIR_BASE_SHORT_TEXT_H_
#define WEIR_BASE_SHORT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// What is kept of an error's text. It may quote a key of a megabyte; a job keeps several errors,
// its log keeps them for good, and clients of gRPC refuse answers beyond 4 MiB.
inline constexpr size_t kErrorTextMax = 4096;

// `text`, or its beginning, cut between characters (UTF-8), followed by how many bytes there were.
// The result has at most `bytes_max` + 40 bytes.
std::string ShortText(absl::string_view text, size_t bytes_max);

}  // namespace weir

#endif  // WEIR_BASE_SHORT_TEXT_H_
