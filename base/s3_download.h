// An object on its way into a local file, perhaps over several connections.
#ifndef WEIR_BASE_S3_DOWNLOAD_H_
#define WEIR_BASE_S3_DOWNLOAD_H_

#include <string>

#include "absl/status/status.h"

namespace weir {

class S3Client;

// Creates the file `path` (ALREADY_EXISTS when it is there) with the content of `key`. A connection
// that breaks is followed by a request for the rest of the same version of the object, for as long
// as each few of them bring more of it. Leaves nothing behind on error.
absl::Status DownloadToFile(const S3Client& client, const std::string& key,
                            const std::string& path);

}  // namespace weir

#endif  // WEIR_BASE_S3_DOWNLOAD_H_
