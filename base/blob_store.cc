#include "base/blob_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/aws_credentials.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/s3_blob_store.h"

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
  if (absl::StartsWith(uri, "s3://")) {
    S3StoreParts parts;
    parts.clock = SystemClock();
    parts.random = SystemRandom();
    parts.sleep = [](int64_t micros) { absl::SleepFor(absl::Microseconds(micros)); };
    return OpenS3BlobStore(uri, ProcessEnvironment(), std::move(parts));
  }
  if (const size_t colon = uri.find("://"); colon != std::string::npos) {
    return absl::UnimplementedError(absl::StrCat(
        "data URI: scheme '", uri.substr(0, colon),
        "' is not supported; accepted is a path, file:///absolute/path or s3://bucket/prefix"));
  }
  if (uri.empty())
    return absl::InvalidArgumentError(
        "the data URI is empty; give a path, file:///path or s3://bucket/prefix");
  return OpenLocalBlobStore(uri);
}

}  // namespace weir
