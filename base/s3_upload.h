// A large object, sent in parts.
#ifndef WEIR_BASE_S3_UPLOAD_H_
#define WEIR_BASE_S3_UPLOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/http_client.h"

namespace weir {

class S3Client;

// How an upload ended.
enum class S3Uploaded {
  kDone,
  kConditionFailed,  // an object stands there, perhaps this very one: an answer may have been lost
  kUnsure,           // the object may stand there, or may yet
  kFailed,           // it doesn't and won't: `error` says why
};
struct S3UploadOutcome {
  S3Uploaded kind = S3Uploaded::kFailed;
  absl::Status error;
};

// Sends the file in parts of `part_bytes` (more when there would be over 10,000) and creates `key`
// only if absent, with `headers`. A failed upload is aborted, unless its end may yet arrive.
// Source: "Uploading and copying objects using multipart upload", Amazon S3 User Guide.
S3UploadOutcome UploadFileInParts(const S3Client& client, const std::string& key,
                                  const HttpHeaders& headers, const std::string& path,
                                  int64_t file_bytes, int64_t part_bytes);

}  // namespace weir

#endif  // WEIR_BASE_S3_UPLOAD_H_
