#include "lake/table_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/posix_file.h"
#include "base/status_macros.h"
#include "lake/table_roots.h"
#include "model/table_path.h"

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

absl::Status CheckLocal(const std::string& path) {
  std::string existing = path;
  while (!Exists(existing)) existing = ParentDirectory(existing);
  WEIR_RETURN_IF_ERROR(CheckDirectory(existing, path));
  const std::string log = absl::StrCat(path, "/_delta_log");
  return Exists(log) ? CheckDirectory(log, path) : absl::OkStatus();
}

// A write on a condition that nothing fulfils: a store that lets us write looks at the condition
// and refuses, one that doesn't says so first.
absl::Status CheckBucket(const std::string& path, const TableRoots& roots) {
  WEIR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore> store, OpenTableStore(path, roots));
  constexpr char kProbe[] = "_delta_log/.weir-may-write";
  const absl::Status status = store->PutIfVersion(kProbe, "", "\"weir\"").status();
  if (absl::IsAborted(status) || absl::IsNotFound(status)) return absl::OkStatus();
  if (status.ok()) {
    store->Delete(kProbe).IgnoreError();
    return absl::FailedPreconditionError(absl::StrCat(
        "the table can't be at ", path, ": its store writes although it was told not to (If-Match ",
        "is ignored), so writers would overwrite each other's commits; use one with conditional ",
        "writes: Amazon S3, or MinIO since 2024"));
  }
  const std::string message =
      absl::StrCat("the table can't be written at ", path, ": ", status.message());
  if (absl::IsUnavailable(status) || absl::IsUnknown(status))
    return absl::UnavailableError(message);
  if (absl::IsPermissionDenied(status)) return absl::PermissionDeniedError(message);
  return absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobStore>> OpenTableStore(const std::string& path,
                                                          const TableRoots& roots) {
  WEIR_RETURN_IF_ERROR(CheckTablePath(path));
  WEIR_RETURN_IF_ERROR(roots.Check(path));
  if (IsObjectStorePath(path)) return OpenBlobStore(path);
  return LocalBlobStoreAt(path);
}

absl::Status CheckTablePathWritable(const std::string& path, const TableRoots& roots) {
  if (const absl::Status spelt = CheckTablePath(path); !spelt.ok())
    return absl::FailedPreconditionError(spelt.message());
  WEIR_RETURN_IF_ERROR(roots.Check(path));
  return IsObjectStorePath(path) ? CheckBucket(path, roots) : CheckLocal(path);
}

absl::StatusOr<DataFilePlace> PlaceDataFiles(const std::string& path,
                                             const std::string& scratch_directory,
                                             const TableRoots& roots) {
  if (!IsObjectStorePath(path)) {
    WEIR_RETURN_IF_ERROR(roots.Check(path));
    return DataFilePlace{path, nullptr};
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<BlobStore> store, OpenTableStore(path, roots));
  return DataFilePlace{scratch_directory, std::move(store)};
}

}  // namespace weir
