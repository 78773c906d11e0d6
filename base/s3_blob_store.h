// A blob store in a bucket of Amazon S3, or of a store that speaks its protocol with conditional
// writes (If-None-Match and If-Match on PUT).
#ifndef WEIR_BASE_S3_BLOB_STORE_H_
#define WEIR_BASE_S3_BLOB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/aws_credentials.h"
#include "base/blob_store.h"

namespace weir {

class Clock;
class HttpClient;
class Random;

struct S3StoreParts {
  // Null: of the store's own. Shared ones save connections and questions to the token service.
  HttpClient* http = nullptr;
  CredentialsProvider* credentials = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  std::function<void(int64_t micros)> sleep;  // between two attempts
  // Files larger than this are sent in parts of this size; each upload holds one part in memory.
  int64_t part_bytes = int64_t{8} << 20;
  int64_t attempt_timeout_ms = 10'000;  // one request without much of a body
  int64_t patience_ms = 30'000;         // no further attempt after that
  bool probe = true;                    // ask for one name at the start
};

// The store of blobs below `uri` = s3://bucket/prefix; endpoint, region and credentials from the
// environment (s3_options.h, aws_credentials.h). Asks the store for one name: UNAVAILABLE when it
// can't be reached, when it doesn't know the credentials or takes this machine's clock for wrong
// (both may pass), PERMISSION_DENIED or FAILED_PRECONDITION when secret, rights, bucket or region
// are wrong, INVALID_ARGUMENT for a bad URI or variable; each names the next step, none a secret.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenS3BlobStore(const std::string& uri,
                                                           const Environment& environment,
                                                           S3StoreParts parts);

}  // namespace weir

#endif  // WEIR_BASE_S3_BLOB_STORE_H_
