// The mark that says which version of weir may use a cluster's data.
#ifndef WEIR_COORDINATOR_DATA_DIRECTORY_H_
#define WEIR_COORDINATOR_DATA_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"

namespace weir {

class BlobStore;

// Rises when an older version could no longer read, or would damage, what a newer one wrote.
inline constexpr int kDataVersion = 1;

// Marks an empty store with this version; accepts one that this version can use.
// FAILED_PRECONDITION naming both versions when the data is newer, or when the store creates or
// replaces whatever the condition; DATA_LOSS when the mark is unreadable. `uri` is for messages.
absl::Status OpenDataDirectory(BlobStore* blobs, const std::string& uri);

}  // namespace weir

#endif  // WEIR_COORDINATOR_DATA_DIRECTORY_H_
