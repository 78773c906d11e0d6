// Signed requests to one bucket, repeated until their answer is certain or patience ends.
#ifndef WEIR_BASE_S3_CLIENT_H_
#define WEIR_BASE_S3_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/aws_credentials.h"
#include "base/http_client.h"
#include "base/s3_options.h"
#include "base/sigv4.h"

namespace weir {

class Clock;
class Random;

// What one answer, or its absence, says about a request.
enum class S3Answer {
  kDone,
  kNotFound,          // the key or the upload; not the bucket
  kConditionFailed,   // If-Match or If-None-Match: nothing happened
  kBusy,              // nothing happened; asking again may help
  kUnsure,            // may have happened, or may yet; asking again may help
  kStaleCredentials,  // nothing happened; other credentials may help, now or soon
  kRefused,           // nothing happened; asking again won't help
};
// Pure. Errors by S3's codes where there is a body, else by the HTTP status; a 200 whose body is an
// error counts as that error. Source: "Error responses", Amazon S3 API Reference.
S3Answer ClassifyS3(const absl::StatusOr<HttpReply>& reply);

struct S3Request {
  std::string method;
  std::string key;  // of the bucket, not encoded; "" = the bucket itself
  QueryParameters query;
  HttpHeaders headers;  // names in lower case; all are signed
  std::string_view body;
  int64_t reply_bytes_max = int64_t{16} << 20;
  int attempts_max = 10;
  // Of a GET whose body goes elsewhere: see HttpRequest. `resume` gives further headers for each
  // attempt, as an attempt may have delivered a part.
  std::function<absl::Status(const HttpReply& head, std::string_view bytes)> sink;
  std::function<HttpHeaders()> resume;
  // Bytes that the attempts so far have delivered and none need deliver again: whenever one ends
  // with more than any before it, attempts and patience are counted from there.
  std::function<int64_t()> progress;
};

struct S3Outcome {
  S3Answer answer = S3Answer::kRefused;  // of the last attempt
  HttpReply reply;                       // of the last attempt, when one came
  absl::Status error;                    // unless kDone: what and why, for people
  // An attempt may have happened although the last answer doesn't say so.
  bool maybe_done = false;
};

struct S3ClientParts {
  HttpClient* http = nullptr;
  CredentialsProvider* credentials = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  std::function<void(int64_t micros)> sleep;
  int64_t attempt_timeout_ms = 10'000;  // of a request without much of a body
  int64_t patience_ms = 30'000;         // no further attempt after that
};

// Thread-safe; calls block. Between attempts it waits a random part of a bound that doubles from 50
// ms to 2 s ("full jitter": Exponential Backoff And Jitter, AWS Architecture Blog), and makes none
// after its patience. Messages hold no secret and no header.
class S3Client {
 public:
  S3Client(S3Location location, S3Endpoint endpoint, S3ClientParts parts);

  S3Outcome Do(const S3Request& request) const;
  // "s3://bucket/key"
  std::string UriOf(const std::string& key) const;
  const S3Location& location() const { return location_; }
  const S3Endpoint& endpoint() const { return endpoint_; }

 private:
  HttpRequest Sign(const S3Request& request, const AwsCredentials& credentials) const;
  absl::Status Explain(const S3Request& request, S3Answer answer,
                       const absl::StatusOr<HttpReply>& reply,
                       const AwsCredentials& credentials) const;
  void Wait(int attempt) const;

  const S3Location location_;
  const S3Endpoint endpoint_;
  const S3ClientParts parts_;
};

}  // namespace weir

#endif  // WEIR_BASE_S3_CLIENT_H_
