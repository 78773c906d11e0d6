// Which names blobs may have, the same for every store.
#ifndef WEIR_BASE_BLOB_NAME_H_
#define WEIR_BASE_BLOB_NAME_H_

#include <string>

#include "absl/status/status.h"

namespace weir {

// INVALID_ARGUMENT unless `name` is relative and its '/'-separated segments are not empty, ".",
// ".." or longer than 255 bytes, and hold no NUL.
absl::Status CheckBlobName(const std::string& name);
// As CheckBlobName, but the last segment may be empty or unfinished: what List takes.
absl::Status CheckBlobPrefix(const std::string& prefix);

}  // namespace weir

#endif  // WEIR_BASE_BLOB_NAME_H_
