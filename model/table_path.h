// Which paths a table may have, and their one spelling. Accepted are
//
//   lake/activity, ./lake/activity, /data/lake/activity    a directory of this machine
//   file:///data/lake/activity                             the same
//   s3://bucket/lake/activity                              a prefix of a bucket
//
// Refused are other schemes, '..' segments, an empty directory, and in object stores names that
// some reader would decode or glob.
#ifndef WEIR_MODEL_TABLE_PATH_H_
#define WEIR_MODEL_TABLE_PATH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// The spelling under which one table has one path: absolute, without "." and empty segments and
// without a slash at the end. A relative path is taken from `base_directory`, which is trusted.
// INVALID_ARGUMENT, the reason and what is accepted, without the path.
absl::StatusOr<std::string> NormalTablePath(const std::string& path,
                                            const std::string& base_directory);

// INVALID_ARGUMENT, one sentence, unless `path` is in that spelling.
absl::Status CheckTablePath(const std::string& path);

// Of a path that CheckTablePath takes.
bool IsObjectStorePath(const std::string& path);

}  // namespace weir

#endif  // WEIR_MODEL_TABLE_PATH_H_
