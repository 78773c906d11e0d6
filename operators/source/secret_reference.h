// ${env:NAME} and ${file:NAME}: secrets that scripts name and workers know.
#ifndef WEIR_OPERATORS_SOURCE_SECRET_REFERENCE_H_
#define WEIR_OPERATORS_SOURCE_SECRET_REFERENCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// The value behind `text` when it is a secret reference, else `text` itself.
//   ${env:NAME}   the environment variable NAME of this process; NAME starts with WEIR_SECRET_
//   ${file:NAME}  the file NAME (no directories) in the directory that the environment variable
//                 WEIR_SECRETS names, by default /run/secrets; a newline at its end is dropped
// Nothing else of the process can be named: whoever may submit a job would otherwise read its
// environment and files through a broker of his own. INVALID_ARGUMENT says what is accepted,
// NOT_FOUND that the secret isn't there; neither shows a value.
absl::StatusOr<std::string> ResolveSecret(std::string_view text);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_SECRET_REFERENCE_H_
