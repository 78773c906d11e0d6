#include "lake/table_roots.h"

#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/posix_file.h"
#include "base/status_macros.h"
#include "model/table_path.h"

namespace weir {
namespace {

// No files of anybody's: what is written there configures the machine.
constexpr const char* kKernelDirectories[] = {"/proc", "/sys", "/dev"};

absl::Status Refuse(const std::string& path, const std::string& reason) {
  return absl::FailedPreconditionError(absl::StrCat("no table may be at ", path, ": ", reason));
}

bool IsWithin(const std::string& path, const std::string& directory) {
  return path == directory ||
         absl::StartsWith(path, directory == "/" ? directory : absl::StrCat(directory, "/"));
}

// Where `path` really is: without symbolic links, as far as it exists.
absl::StatusOr<std::string> RealPath(const std::string& path) {
  if (IsObjectStorePath(path)) return path;
  std::string existing = path;
  std::string rest;
  char real[PATH_MAX];
  while (realpath(existing.c_str(), real) == nullptr) {
    const int error = errno;
    if (error != ENOENT && error != ENOTDIR) return ErrnoError(error, "looking at", existing);
    struct stat info;
    if (lstat(existing.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat(existing, " is a symbolic link that leads nowhere"));
    }
    const size_t slash = existing.rfind('/');
    rest = existing.substr(slash) + rest;
    existing = slash == 0 ? "/" : existing.substr(0, slash);
  }
  const std::string found = real;
  return found == "/" && !rest.empty() ? rest : absl::StrCat(found, rest);
}

// A root or reserved place in the spelling of table paths. A whole bucket is none of a table.
absl::StatusOr<std::string> NormalPlace(const std::string& place, const std::string& base) {
  if (place.empty()) return absl::InvalidArgumentError("it is empty");
  WEIR_ASSIGN_OR_RETURN(std::string normal, NormalTablePath(absl::StrCat(place, "/x"), base));
  normal.resize(normal.size() - 2);
  return normal.empty() ? "/" : normal;
}

}  // namespace

absl::StatusOr<TableRoots> TableRoots::Make(const std::vector<std::string>& roots,
                                            const std::vector<std::string>& reserved,
                                            const std::string& base_directory) {
  TableRoots made;
  for (const std::string& root : roots) {
    absl::StatusOr<std::string> normal = NormalPlace(root, base_directory);
    if (!normal.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("--table-root '", root, "': ", normal.status().message()));
    made.roots_.push_back(*std::move(normal));
  }
  for (const std::string& place : reserved) {
    // A prefix that no table could have may still lie within a table's.
    made.reserved_.push_back(NormalPlace(place, base_directory).value_or(place));
  }
  return made;
}

absl::Status TableRoots::Check(const std::string& path) const {
  WEIR_RETURN_IF_ERROR(CheckTablePath(path));
  WEIR_RETURN_IF_ERROR(CheckPlace(path, path));
  if (IsObjectStorePath(path)) return absl::OkStatus();
  // What a table's directory holds may be a link as well.
  WEIR_RETURN_IF_ERROR(CheckPlace(absl::StrCat(path, "/_delta_log"), path));
  return CheckPlace(absl::StrCat(path, "/.weir-tmp"), path);
}

absl::Status TableRoots::CheckPlace(const std::string& place, const std::string& path) const {
  const absl::StatusOr<std::string> real = RealPath(place);
  if (!real.ok())
    return absl::Status(real.status().code(),
                        absl::StrCat("no table may be at ", path, ": ", real.status().message()));
  const std::string led = *real == place ? "" : absl::StrCat(" (", place, " leads to ", *real, ")");
  for (const char* directory : kKernelDirectories) {
    if (IsWithin(*real, directory))
      return Refuse(path, absl::StrCat(directory, " belongs to the kernel", led));
  }
  for (const std::string& reserved : reserved_) {
    WEIR_ASSIGN_OR_RETURN(const std::string own, RealPath(reserved));
    if (IsWithin(*real, own) || IsWithin(own, *real))
      return Refuse(path, absl::StrCat("it is, lies in or holds a directory of this process itself",
                                       led, "; choose another path"));
  }
  if (roots_.empty()) return absl::OkStatus();
  for (const std::string& root : roots_) {
    WEIR_ASSIGN_OR_RETURN(const std::string below, RealPath(root));
    if (IsWithin(*real, below)) return absl::OkStatus();
  }
  return Refuse(path, absl::StrCat("tables of this cluster lie below ", absl::StrJoin(roots_, ", "),
                                   " (--table-root)", led));
}

}  // namespace weir
