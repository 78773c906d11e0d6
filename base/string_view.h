// Between std::string_view, which our interfaces use, and Abseil's, which is a type of its own in
// Debian's build: StrCat, StrJoin, Status messages and friends take only the latter.
// absl::StrFormat takes both.
#ifndef WEIR_BASE_STRING_VIEW_H_
#define WEIR_BASE_STRING_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace weir {

// absl::StrCat("unknown column ", AbslView(name))
inline absl::string_view AbslView(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view StdView(absl::string_view s) { return {s.data(), s.size()}; }

}  // namespace weir

#endif  // WEIR_BASE_STRING_VIEW_H_
