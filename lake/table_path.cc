#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/posix_file.h"
#include "base/status_macros.h"
#include "lake/table_committer.h"

namespace weir {
namespace {

// The directory `existing` would have to take new names.
absl::Status CheckDirectory(const std::string& existing, const std::string& path) {
  struct stat info;
  if (stat(existing.c_str(), &info) != 0) return ErrnoError(errno, "looking at", existing);
  if (!S_ISDIR(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat("the table can't be at ", path, ": ",
                                                      existing,
                                                      " is not a directory; choose another path"));
  if (access(existing.c_str(), W_OK | X_OK) != 0)
    return absl::PermissionDeniedError(absl::StrCat("the table can't be written at ", path,
                                                    ": no permission to write to ", existing,
                                                    "; grant it, or choose another path"));
  return absl::OkStatus();
}

// A parent that is a file also means that the path isn't there.
bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

}  // namespace

absl::Status CheckTablePathWritable(const std::string& path) {
  if (path.empty()) return absl::FailedPreconditionError("the table's path is empty");
  if (path.find("://") != std::string::npos) {
    return absl::FailedPreconditionError(
        absl::StrCat("a table at ", path,
                     " needs an object store, which this version can't write to; use a directory, "
                     "or mount the store as one"));
  }
  std::string existing = path;
  while (!Exists(existing)) existing = ParentDirectory(existing);
  WEIR_RETURN_IF_ERROR(CheckDirectory(existing, path));
  const std::string log = absl::StrCat(path, "/_delta_log");
  return Exists(log) ? CheckDirectory(log, path) : absl::OkStatus();
}

}  // namespace weir
