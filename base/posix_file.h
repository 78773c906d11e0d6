// Files of the local file system: whole reads and writes with durability, errors as Status.
#ifndef WEIR_BASE_POSIX_FILE_H_
#define WEIR_BASE_POSIX_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// "<what> <path>: <reason>". NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk
// or quota full), FAILED_PRECONDITION (a path segment is a file, read-only file system),
// UNAVAILABLE (interrupted, too many open files), else INTERNAL. Never UNKNOWN: that is a store's
// to say.
absl::Status ErrnoError(int error, std::string_view what, const std::string& path);

// Makes `path` and its parents, each durable in its parent.
absl::Status MakeDirectories(const std::string& path);
// Makes the names in a directory durable.
absl::Status SyncDirectory(const std::string& path);

absl::StatusOr<std::string> ReadFile(const std::string& path);
// Creates `path` (ALREADY_EXISTS when it is there) and makes the content durable; the name becomes
// so with SyncDirectory. Leaves nothing behind on error.
absl::Status WriteNewFile(const std::string& path, std::string_view bytes);
// As WriteNewFile, with the content of the file `from`.
absl::Status CopyToNewFile(const std::string& from, const std::string& path);

// Everything before the last '/', "." when there is none.
std::string ParentDirectory(const std::string& path);

}  // namespace weir

#endif  // WEIR_BASE_POSIX_FILE_H_
