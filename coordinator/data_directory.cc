#include "coordinator/data_directory.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/blob_store.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr char kName[] = "VERSION";
constexpr char kPrefix[] = "weir data ";
// Until the store answers for certain whether it swapped.
constexpr int kAttempts = 5;
// No content has it.
constexpr char kNoVersion[] = "\"weir\"";

// A store that ignores conditions would let two coordinators append the same record. Asked of the
// mark itself, whose content stays what it is even if the answers are wrong.
absl::Status CheckConditions(BlobStore* blobs, const std::string& mark, const std::string& uri) {
  const absl::Status created = blobs->PutIfAbsent(kName, mark);
  absl::Status swapped = absl::UnknownError("");
  for (int i = 0; i < kAttempts && absl::IsUnknown(swapped); ++i)
    swapped = blobs->PutIfVersion(kName, mark, kNoVersion).status();
  if (created.ok() || swapped.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the store of ", uri, " overwrites an object although it was told not to (If-",
        created.ok() ? "None-" : "",
        "Match is ignored), so it can't keep a cluster's data; use one with conditional writes: "
        "Amazon S3, or MinIO since 2024"));
  }
  if (!absl::IsAlreadyExists(created)) return created;
  return absl::IsAborted(swapped) ? absl::OkStatus() : swapped;
}

}  // namespace

absl::Status OpenDataDirectory(BlobStore* blobs, const std::string& uri) {
  absl::StatusOr<std::string> mark = blobs->Get(kName);
  if (absl::IsNotFound(mark.status())) {
    // Whether or not this one wins, the mark is read back: another coordinator may start as well.
    const absl::Status put = blobs->PutIfAbsent(kName, absl::StrCat(kPrefix, kDataVersion, "\n"));
    if (!put.ok() && !absl::IsAlreadyExists(put) && !absl::IsUnknown(put)) return put;
    mark = blobs->Get(kName);
  }
  WEIR_RETURN_IF_ERROR(mark.status());
  absl::string_view text = *mark;
  int version = 0;
  if (!absl::ConsumePrefix(&text, kPrefix) || !absl::SimpleAtoi(text, &version) || version < 1) {
    return absl::DataLossError(absl::StrCat(
        uri, "/", kName, " doesn't look like a mark of weir: is this the cluster's data?"));
  }
  if (version > kDataVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the data in ", uri, " has version ", version, ", this weir knows versions up to ",
        kDataVersion, ": run the newer weir that wrote it, or choose another --data"));
  }
  return CheckConditions(blobs, *mark, uri);
}

}  // namespace weir
