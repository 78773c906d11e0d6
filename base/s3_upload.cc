#include "base/s3_upload.h"

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/failpoint.h"
#include "base/s3_client.h"
#include "base/status_macros.h"
#include "base/xml_text.h"

namespace weir {
namespace {

constexpr int64_t kPartsMax = 10'000;
// The store may drop an upload that is under way (a rule on the bucket, a conflict at its end).
constexpr int kUploadsMax = 3;

class Upload {
 public:
  Upload(const S3Client& client, const std::string& key) : client_(client), key_(key) {}

  absl::Status Begin(const HttpHeaders& headers);
  // NOT_FOUND when the store dropped the upload.
  absl::Status SendParts(const std::string& path, int64_t file_bytes, int64_t part_bytes);
  S3Outcome Complete() const;
  void Abort() const;

 private:
  S3Request Request(const std::string& method, QueryParameters query) const {
    S3Request request;
    request.method = method;
    request.key = key_;
    request.query = std::move(query);
    return request;
  }

  const S3Client& client_;
  const std::string key_;
  std::string id_;
  std::vector<std::string> etags_;  // of the parts, in order
};

// A begun upload is no object: what is unknown of it is as good as not done.
absl::Status Certain(const S3Outcome& outcome) {
  if (absl::IsUnknown(outcome.error)) return absl::UnavailableError(outcome.error.message());
  return outcome.error;
}

absl::Status Upload::Begin(const HttpHeaders& headers) {
  S3Request request = Request("POST", {{"uploads", ""}});
  request.headers = headers;
  const S3Outcome outcome = client_.Do(request);
  if (outcome.answer == S3Answer::kNotFound)
    return absl::FailedPreconditionError(outcome.error.message());
  WEIR_RETURN_IF_ERROR(Certain(outcome));
  id_ = XmlText(outcome.reply.body, "UploadId");
  if (id_.empty()) return absl::InternalError("the store begins an upload without an id");
  return absl::OkStatus();
}

absl::Status Upload::SendParts(const std::string& path, int64_t file_bytes, int64_t part_bytes) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  for (int64_t at = 0; at < file_bytes; at += part_bytes) {
    bytes.resize(static_cast<size_t>(std::min(part_bytes, file_bytes - at)));
    if (!file.read(&bytes[0], static_cast<std::streamsize>(bytes.size())))
      return absl::InternalError(absl::StrCat("reading ", path, ": it is shorter than it was"));
    S3Request request =
        Request("PUT", {{"partNumber", absl::StrCat(etags_.size() + 1)}, {"uploadId", id_}});
    request.body = bytes;
    const S3Outcome outcome = client_.Do(request);
    WEIR_RETURN_IF_ERROR(Certain(outcome));
    etags_.push_back(outcome.reply.Header("etag"));
  }
  return absl::OkStatus();
}

S3Outcome Upload::Complete() const {
  std::string body = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags_.size(); ++i) {
    absl::StrAppend(&body, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>", XmlEscape(etags_[i]),
                    "</ETag></Part>");
  }
  absl::StrAppend(&body, "</CompleteMultipartUpload>");
  S3Request request = Request("POST", {{"uploadId", id_}});
  request.headers = {{"if-none-match", "*"}};
  request.body = body;
  return client_.Do(request);
}

// Whether or not it works: what stays behind costs space until the bucket's rule removes it.
void Upload::Abort() const { client_.Do(Request("DELETE", {{"uploadId", id_}})); }

}  // namespace

S3UploadOutcome UploadFileInParts(const S3Client& client, const std::string& key,
                                  const HttpHeaders& headers, const std::string& path,
                                  int64_t file_bytes, int64_t part_bytes) {
  part_bytes = std::max(part_bytes, (file_bytes + kPartsMax - 1) / kPartsMax);
  absl::Status error;
  for (int i = 0; i < kUploadsMax; ++i) {
    Upload upload(client, key);
    error = upload.Begin(headers);
    if (!error.ok()) return {S3Uploaded::kFailed, error};
    error = upload.SendParts(path, file_bytes, part_bytes);
    if (absl::IsNotFound(error)) continue;
    if (error.ok()) error = Failpoint("blob_store.before_complete");
    if (!error.ok()) {
      upload.Abort();
      return {S3Uploaded::kFailed, error};
    }
    const S3Outcome end = upload.Complete();
    error = end.error;
    if (end.answer == S3Answer::kDone) return {S3Uploaded::kDone, absl::OkStatus()};
    if (end.answer == S3Answer::kConditionFailed) {
      // An object stands there, so this upload can't end well any more.
      upload.Abort();
      return {S3Uploaded::kConditionFailed, error};
    }
    if (end.maybe_done) return {S3Uploaded::kUnsure, error};
    if (end.answer == S3Answer::kNotFound) continue;
    upload.Abort();
    return {S3Uploaded::kFailed, error};
  }
  return {S3Uploaded::kFailed, absl::UnavailableError(error.message())};
}

}  // namespace weir
