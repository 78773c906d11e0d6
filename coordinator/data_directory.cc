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
  return absl::OkStatus();
}

}  // namespace weir
