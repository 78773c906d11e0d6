#include "base/blob_name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kSegmentBytesMax = 255;

absl::Status CheckSegment(absl::string_view segment, absl::string_view name) {
  if (segment.empty() || segment == "." || segment == ".." || segment.size() > kSegmentBytesMax ||
      segment.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "blob name '", name,
        "': accepted are relative names of '/'-separated segments, none of them empty, '.', '..' "
        "or longer than 255 bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBlobName(const std::string& name) {
  for (const absl::string_view segment : absl::StrSplit(name, '/'))
    WEIR_RETURN_IF_ERROR(CheckSegment(segment, name));
  return absl::OkStatus();
}

absl::Status CheckBlobPrefix(const std::string& prefix) {
  const size_t slash = prefix.rfind('/');
  if (slash == std::string::npos) return absl::OkStatus();
  return CheckBlobName(prefix.substr(0, slash));
}

}  // namespace weir
