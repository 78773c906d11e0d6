#include "state/keyed/local_files.h"

#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "state/keyed/state_file.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

}  // namespace

absl::Status MakeLocal(const StateFile& file, const std::string& blob, const std::string& path,
                       BlobStore& blobs, Random& random) {
  std::error_code ignored;
  if (fs::file_size(path, ignored) == static_cast<uintmax_t>(file.size)) {
    absl::StatusOr<FileDigest> found = DigestFile(path);
    if (found.ok() && found->checksum == file.checksum) return absl::OkStatus();
  }
  fs::remove(path, ignored);
  const std::string part = absl::StrCat(path, ".", MakeUuid(random), ".part");
  auto remove = absl::MakeCleanup([&part] {
    std::error_code failed;
    fs::remove(part, failed);
  });
  absl::Status status = blobs.GetToFile(blob, part);
  if (absl::IsNotFound(status)) {
    return absl::DataLossError(absl::StrCat("state file ", blob, " is missing"));
  }
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("can't fetch state file ", blob, ": ", status.message()));
  }
  WEIR_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(part));
  if (digest.size != file.size) {
    return absl::DataLossError(
        absl::StrCat("state file ", blob, " has ", digest.size, " bytes instead of ", file.size));
  }
  if (digest.checksum != file.checksum) {
    return absl::DataLossError(absl::StrCat("state file ", blob, " is altered: its checksum is ",
                                            digest.checksum, " instead of ", file.checksum));
  }
  std::error_code failed;
  fs::rename(part, path, failed);
  if (!failed) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("can't keep state file ", path, ": ", failed.message()));
}

}  // namespace weir
