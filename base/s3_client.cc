#include "base/s3_client.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xml_text.h"

namespace weir {
namespace {

constexpr int64_t kFirstWaitUs = 50'000;
constexpr int64_t kLongestWaitUs = 2'000'000;
constexpr int kAttemptsBeforeWarning = 4;
// An attempt may take this longer for each MiB that it sends.
constexpr int64_t kPerMebibyteMs = 1'000;
constexpr int64_t kStreamMs = 600'000;
constexpr size_t kServerTextMax = 200;

S3Answer ClassifyCode(int status, const std::string& code) {
  static const auto* const kBusyCodes = new std::set<std::string>{
      "SlowDown",       "SlowDownRead",         "SlowDownWrite",
      "RequestTimeout", "ServiceUnavailable",   "XAmzContentSHA256Mismatch",
      "BadDigest",      "IncompleteBody",       "TooManyRequests",
      "Throttling",     "RequestTimeTooSkewed", "XMinioServerNotInitialized"};
  static const auto* const kStaleCodes = new std::set<std::string>{
      "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired"};
  if (kBusyCodes->count(code) != 0) return S3Answer::kBusy;
  if (kStaleCodes->count(code) != 0) return S3Answer::kStaleCredentials;
  if (code == "NoSuchBucket") return S3Answer::kRefused;
  switch (status) {
    case 404:
      return S3Answer::kNotFound;
    case 412:
      return S3Answer::kConditionFailed;
    case 408:
    case 409:  // another conditional write or upload of the key is under way
    case 425:
    case 429:
      return S3Answer::kBusy;
    case 501:
    case 505:
    case 507:
      return S3Answer::kRefused;
    default:
      return status >= 500 ? S3Answer::kUnsure : S3Answer::kRefused;
  }
}

std::string ErrorCode(const HttpReply& reply) {
  if (!absl::StrContains(reply.body, "<Error")) return "";
  return XmlText(reply.body, "Code");
}

absl::StatusCode CodeFor(const HttpReply& reply, const std::string& code) {
  if (reply.status == 401 || reply.status == 403) return absl::StatusCode::kPermissionDenied;
  if (reply.status == 501) return absl::StatusCode::kUnimplemented;
  if (reply.status == 507 || absl::StrContains(code, "Quota") ||
      absl::StrContains(code, "StorageFull")) {
    return absl::StatusCode::kResourceExhausted;
  }
  return absl::StatusCode::kFailedPrecondition;
}

// What to do about it, for the errors that people meet.
std::string Advice(const HttpReply& reply, const std::string& code, const S3Location& location) {
  if (code == "NoSuchBucket")
    return absl::StrCat("; make the bucket ", location.bucket, " or correct the URI");
  if (code == "RequestTimeTooSkewed")
    return "; this machine's clock differs from the store's: set it, or wait until it is set";
  if (reply.status == 301 || reply.status == 307 || code == "AuthorizationHeaderMalformed" ||
      code == "PermanentRedirect") {
    const std::string region = reply.Header("x-amz-bucket-region");
    return absl::StrCat("; the bucket is elsewhere: set AWS_REGION",
                        region.empty() ? "" : absl::StrCat(" to ", region));
  }
  if (reply.status == 401 || reply.status == 403) {
    return absl::StrCat(
        "; check the credentials and that they may read, write, list and delete in ",
        location.Uri());
  }
  return "";
}

// Servers may repeat what they were sent.
std::string WithoutSecrets(std::string text, const AwsCredentials& credentials) {
  for (const std::string* secret :
       {&credentials.secret_access_key, &credentials.session_token, &credentials.access_key_id}) {
    if (secret->empty()) continue;
    text = absl::StrReplaceAll(text, {{*secret, "[removed]"}});
  }
  return text;
}

}  // namespace

S3Answer ClassifyS3(const absl::StatusOr<HttpReply>& reply) {
  if (!reply.ok()) {
    if (absl::IsUnavailable(reply.status())) return S3Answer::kBusy;
    if (absl::IsUnknown(reply.status())) return S3Answer::kUnsure;
    return S3Answer::kRefused;
  }
  const std::string code = ErrorCode(*reply);
  if (reply->status >= 200 && reply->status < 300)
    return code.empty() ? S3Answer::kDone : ClassifyCode(500, code);
  return ClassifyCode(reply->status, code);
}

S3Client::S3Client(S3Location location, S3Endpoint endpoint, S3ClientParts parts)
    : location_(std::move(location)), endpoint_(std::move(endpoint)), parts_(std::move(parts)) {}

std::string S3Client::UriOf(const std::string& key) const {
  return absl::StrCat("s3://", location_.bucket, "/", key);
}

S3Outcome S3Client::Do(const S3Request& request) const {
  S3Outcome outcome;
  const int64_t patience_us = parts_.patience_ms * 1'000;
  int64_t deadline_us = parts_.clock->MonotonicMicros() + patience_us;
  int64_t delivered = 0;
  for (int attempt = 0; attempt < request.attempts_max; ++attempt) {
    if (attempt > 0) Wait(attempt - 1);
    const absl::StatusOr<AwsCredentials> credentials = parts_.credentials->Get();
    absl::StatusOr<HttpReply> reply = credentials.ok()
                                          ? parts_.http->Do(Sign(request, *credentials))
                                          : absl::StatusOr<HttpReply>(credentials.status());
    outcome.answer = ClassifyS3(reply);
    if (outcome.answer == S3Answer::kDone) {
      outcome.reply = *std::move(reply);
      outcome.error = absl::OkStatus();
      return outcome;
    }
    outcome.error = Explain(request, outcome.answer, reply, credentials.value_or(AwsCredentials()));
    outcome.reply = std::move(reply).value_or(HttpReply());
    outcome.maybe_done |= outcome.answer == S3Answer::kUnsure;
    if (outcome.answer == S3Answer::kStaleCredentials) {
      parts_.credentials->Refused(*credentials);
    } else if (outcome.answer != S3Answer::kBusy && outcome.answer != S3Answer::kUnsure) {
      return outcome;
    }
    if (request.progress != nullptr && request.progress() > delivered) {
      delivered = request.progress();
      deadline_us = parts_.clock->MonotonicMicros() + patience_us;
      attempt = 0;
    }
    if (parts_.clock->MonotonicMicros() >= deadline_us) break;
    if (attempt == kAttemptsBeforeWarning)
      WEIR_LOG(kWarning, "the object store is slow to do it", {"error", outcome.error.message()});
  }
  return outcome;
}

// Waits before attempt number `attempt` + 1 after the first.
void S3Client::Wait(int attempt) const {
  const int64_t bound = std::min(kLongestWaitUs, kFirstWaitUs << std::min(attempt, 10));
  parts_.sleep(static_cast<int64_t>(parts_.random->Next() % static_cast<uint64_t>(bound)) + 1);
}

HttpRequest S3Client::Sign(const S3Request& request, const AwsCredentials& credentials) const {
  SigV4Request to_sign;
  to_sign.method = request.method;
  to_sign.path = EncodePath(absl::StrCat(
      "/",
      endpoint_.path_style ? absl::StrCat(location_.bucket, request.key.empty() ? "" : "/") : "",
      request.key));
  to_sign.query = EncodeQuery(request.query);
  to_sign.payload_hash = Sha256Hex(request.body);
  SigV4Scope scope{endpoint_.region, "s3", SigV4Time(parts_.clock->WallMicros())};
  to_sign.headers = {{"host", endpoint_.host},
                     {"x-amz-content-sha256", to_sign.payload_hash},
                     {"x-amz-date", scope.time}};
  if (!credentials.session_token.empty())
    to_sign.headers["x-amz-security-token"] = credentials.session_token;
  for (const auto& [name, value] : request.headers) to_sign.headers[name] = value;
  if (request.resume != nullptr) {
    for (const auto& [name, value] : request.resume()) to_sign.headers[name] = value;
  }

  HttpRequest http;
  http.method = request.method;
  http.url =
      absl::StrCat(endpoint_.Url(), to_sign.path, to_sign.query.empty() ? "" : "?", to_sign.query);
  http.headers.assign(to_sign.headers.begin(), to_sign.headers.end());
  http.headers.emplace_back("Authorization", SigV4Authorization(to_sign, scope, credentials));
  http.body = request.body;
  http.reply_bytes_max = request.reply_bytes_max;
  http.sink = request.sink;
  http.timeout_ms = request.sink != nullptr
                        ? kStreamMs
                        : parts_.attempt_timeout_ms +
                              static_cast<int64_t>(request.body.size() >> 20) * kPerMebibyteMs;
  return http;
}

absl::Status S3Client::Explain(const S3Request& request, S3Answer answer,
                               const absl::StatusOr<HttpReply>& reply,
                               const AwsCredentials& credentials) const {
  const std::string what =
      absl::StrCat(request.method, " ", UriOf(request.key), " at ", endpoint_.Url(), ": ");
  if (!reply.ok()) {
    return absl::Status(
        reply.status().code(),
        absl::StrCat(what, WithoutSecrets(std::string(reply.status().message()), credentials)));
  }
  const std::string code = ErrorCode(*reply);
  std::string said = absl::StrCat(code, " ", XmlText(reply->body, "Message"));
  said = WithoutSecrets(said, credentials).substr(0, kServerTextMax);
  const std::string text = absl::StrCat(what, "the store answers ", reply->status, " ", said);
  switch (answer) {
    case S3Answer::kDone:
      return absl::OkStatus();
    case S3Answer::kNotFound:
      return absl::NotFoundError(text);
    case S3Answer::kConditionFailed:
      return absl::AbortedError(text);
    case S3Answer::kBusy:
      return absl::UnavailableError(absl::StrCat(text, Advice(*reply, code, location_)));
    case S3Answer::kUnsure:
      return absl::UnknownError(text);
    case S3Answer::kStaleCredentials:
      // Not a refusal: they may be on their way here, or to the store.
      return absl::UnavailableError(
          absl::StrCat(text,
                       "; check the credentials: they have expired, or the store doesn't know "
                       "them; renew them where this process has them from"));
    case S3Answer::kRefused:
      return absl::Status(CodeFor(*reply, code),
                          absl::StrCat(text, Advice(*reply, code, location_)));
  }
  return absl::InternalError(text);
}

}  // namespace weir
