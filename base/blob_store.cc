#include "base/blob_store.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir {

absl::StatusOr<std::unique_ptr<BlobStore>> OpenBlobStore(const std::string& uri) {
  constexpr char kFileScheme[] = "file://";
  if (absl::StartsWith(uri, kFileScheme)) {
    const std::string path(absl::StripPrefix(uri, kFileScheme));
    if (path.empty() || path[0] != '/') {
      return absl::InvalidArgumentError(absl::StrCat(
          "data URI '", uri, "' names a host; accepted is a path or file:///absolute/path"));
    }
    return OpenLocalBlobStore(path);
  }
  if (const size_t colon = uri.find("://"); colon != std::string::npos) {
    return absl::UnimplementedError(
        absl::StrCat("data URI '", uri, "': scheme '", uri.substr(0, colon),
                     "' is not supported; accepted is a path or file:///absolute/path"));
  }
  if (uri.empty())
    return absl::InvalidArgumentError("the data URI is empty; give a path or file:///path");
  return OpenLocalBlobStore(uri);
}

}  // namespace weir
