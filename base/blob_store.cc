#include "base/blob_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/aws_credentials.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/random.h"
#include "base/s3_blob_store.h"
#include "base/s3_options.h"
#include "base/status_macros.h"

namespace weir {
namespace {

// All stores of a process share its connections and its credentials; both live for the process.
HttpClient* SharedHttp(const std::string& ca_file) {
  static HttpClient* const http = [&] {  // the environment doesn't change
    HttpClientOptions options;
    options.ca_file = ca_file;
    return MakeHttpClient(std::move(options)).release();
  }();
  return http;
}

absl::StatusOr<CredentialsProvider*> SharedCredentials(const std::string& region,
                                                       HttpClient* http) {
  static absl::Mutex mutex(absl::kConstInit);
  static CredentialsProvider* shared = nullptr;
  absl::MutexLock lock(&mutex);
  if (shared == nullptr) {
    WEIR_ASSIGN_OR_RETURN(
        std::unique_ptr<CredentialsProvider> made,
        MakeCredentialsProvider(ProcessEnvironment(), region, http, SystemClock()));
    shared = made.release();
  }
  return shared;
}

absl::StatusOr<std::unique_ptr<BlobStore>> OpenOnS3(const std::string& uri,
                                                    const ObjectStoreManner& manner) {
  const Environment environment = ProcessEnvironment();
  WEIR_ASSIGN_OR_RETURN(const S3Location location, ParseS3Uri(uri));
  WEIR_ASSIGN_OR_RETURN(const S3Endpoint endpoint, S3EndpointFrom(environment, location.bucket));
  S3StoreParts parts;
  HttpClient* const shared = SharedHttp(endpoint.ca_file);
  WEIR_ASSIGN_OR_RETURN(parts.credentials, SharedCredentials(endpoint.region, shared));
  parts.http = manner.own_connections ? nullptr : shared;
  parts.attempt_timeout_ms = manner.attempt_timeout_ms;
  parts.patience_ms = manner.patience_ms;
  parts.probe = manner.probe;
  parts.clock = SystemClock();
  parts.random = SystemRandom();
  parts.sleep = [](int64_t micros) { absl::SleepFor(absl::Microseconds(micros)); };
  return OpenS3BlobStore(uri, environment, std::move(parts));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobStore>> OpenBlobStore(const std::string& uri,
                                                         const ObjectStoreManner& manner) {
  constexpr char kFileScheme[] = "file://";
  if (absl::StartsWith(uri, kFileScheme)) {
    const std::string path(absl::StripPrefix(uri, kFileScheme));
    if (path.empty() || path[0] != '/') {
      return absl::InvalidArgumentError(absl::StrCat(
          "data URI '", uri, "' names a host; accepted is a path or file:///absolute/path"));
    }
    return OpenLocalBlobStore(path);
  }
  if (absl::StartsWith(uri, "s3://")) return OpenOnS3(uri, manner);
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
