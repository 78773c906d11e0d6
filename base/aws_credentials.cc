#include "base/aws_credentials.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/posix_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/xml_text.h"

namespace weir {
namespace {

constexpr int64_t kRefreshBeforeUs = int64_t{300} * 1'000'000;
// Between two questions after one that failed, while the old credentials still hold.
constexpr int64_t kAskAgainUs = int64_t{10} * 1'000'000;
constexpr int64_t kTokenServiceTimeoutMs = 10'000;

// Credentials go into headers: what can't stand there is no credential.
absl::Status CheckPrintable(const AwsCredentials& credentials, const std::string& where) {
  for (const std::string* part :
       {&credentials.access_key_id, &credentials.secret_access_key, &credentials.session_token}) {
    for (const char c : *part) {
      if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
        return absl::FailedPreconditionError(
            absl::StrCat("credentials in ", where,
                         " hold a blank or a control character: was the file cut or quoted?"));
      }
    }
  }
  return absl::OkStatus();
}

// Of a source that has given credentials before: a file that is being written anew, or a token
// about to be replaced, passes.
absl::Status MayPass(const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(
      status.message(), " (this process had credentials from there before and asks again)"));
}

class FixedCredentials : public CredentialsProvider {
 public:
  explicit FixedCredentials(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
  absl::StatusOr<AwsCredentials> Get() override { return credentials_; }
  void Refused(const AwsCredentials&) override {}

 private:
  const AwsCredentials credentials_;
};

// Reads the file once, and again when what it gave was refused: somebody may rotate it.
class FileCredentials : public CredentialsProvider {
 public:
  FileCredentials(std::string path, std::string profile)
      : path_(std::move(path)), profile_(std::move(profile)) {}

  absl::StatusOr<AwsCredentials> Get() override {
    absl::MutexLock lock(&mutex_);
    if (!known_.has_value()) {
      absl::StatusOr<AwsCredentials> read = Read();
      if (!read.ok()) return has_read_ ? MayPass(read.status()) : read.status();
      known_ = *std::move(read);
      has_read_ = true;
    }
    return *known_;
  }

  void Refused(const AwsCredentials& credentials) override {
    absl::MutexLock lock(&mutex_);
    if (known_.has_value() && known_->access_key_id == credentials.access_key_id) known_.reset();
  }

 private:
  absl::StatusOr<AwsCredentials> Read() const {
    const absl::StatusOr<std::string> text = ReadFile(path_);
    if (!text.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("credentials file: ", text.status().message()));
    }
    const auto id = IniValue(*text, profile_, "aws_access_key_id");
    const auto secret = IniValue(*text, profile_, "aws_secret_access_key");
    if (!id.has_value() || !secret.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "profile '", profile_, "' of ", path_,
          " has no aws_access_key_id and aws_secret_access_key; add them or set AWS_PROFILE"));
    }
    AwsCredentials credentials{*id, *secret,
                               IniValue(*text, profile_, "aws_session_token").value_or("")};
    WEIR_RETURN_IF_ERROR(CheckPrintable(credentials, path_));
    return credentials;
  }

  const std::string path_;
  const std::string profile_;
  absl::Mutex mutex_;
  std::optional<AwsCredentials> known_ ABSL_GUARDED_BY(mutex_);
  bool has_read_ ABSL_GUARDED_BY(mutex_) = false;
};

struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;
  std::string endpoint;  // of the token service
};

// AssumeRoleWithWebIdentity: AWS Security Token Service API Reference.
class WebIdentityCredentials : public CredentialsProvider {
 public:
  WebIdentityCredentials(WebIdentity identity, HttpClient* http, Clock* clock)
      : identity_(std::move(identity)), http_(http), clock_(clock) {}

  absl::StatusOr<AwsCredentials> Get() override {
    absl::MutexLock lock(&mutex_);
    const int64_t now_us = clock_->WallMicros();
    const bool holds = known_.has_value() && now_us < expires_us_;
    if (holds && (now_us < refresh_us_ || clock_->MonotonicMicros() < not_before_us_))
      return *known_;
    absl::Status status = Ask();
    if (status.ok()) return *known_;
    not_before_us_ = clock_->MonotonicMicros() + kAskAgainUs;
    if (!holds) return has_asked_ ? MayPass(status) : status;
    WEIR_LOG(kWarning, "credentials can't be renewed yet", {"error", status.message()});
    return *known_;
  }

  void Refused(const AwsCredentials& credentials) override {
    absl::MutexLock lock(&mutex_);
    if (known_.has_value() && known_->access_key_id == credentials.access_key_id) known_.reset();
  }

 private:
  absl::Status Ask() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const WebIdentity identity_;
  HttpClient* const http_;
  Clock* const clock_;
  absl::Mutex mutex_;  // held while asking: everybody waits for one answer
  std::optional<AwsCredentials> known_ ABSL_GUARDED_BY(mutex_);
  int64_t refresh_us_ ABSL_GUARDED_BY(mutex_) = 0;  // wall time
  int64_t expires_us_ ABSL_GUARDED_BY(mutex_) = 0;  // wall time
  int64_t not_before_us_ ABSL_GUARDED_BY(mutex_) = 0;
  bool has_asked_ ABSL_GUARDED_BY(mutex_) = false;  // with success
};

absl::Status WebIdentityCredentials::Ask() {
  const absl::StatusOr<std::string> token = ReadFile(identity_.token_file);
  if (!token.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("AWS_WEB_IDENTITY_TOKEN_FILE: ", token.status().message()));
  }
  const std::string form =
      EncodeQuery({{"Action", "AssumeRoleWithWebIdentity"},
                   {"Version", "2011-06-15"},
                   {"RoleArn", identity_.role_arn},
                   {"RoleSessionName", identity_.session_name},
                   {"WebIdentityToken", std::string(absl::StripAsciiWhitespace(*token))}});
  HttpRequest request;
  request.method = "POST";
  request.url = absl::StrCat(identity_.endpoint, "/");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = form;
  request.timeout_ms = kTokenServiceTimeoutMs;
  const absl::StatusOr<HttpReply> reply = http_->Do(request);
  const std::string where = absl::StrCat("token service ", identity_.endpoint);
  if (!reply.ok())
    return absl::UnavailableError(absl::StrCat(where, ": ", reply.status().message()));
  if (reply->status != 200) {
    // Only the code: a message may repeat the token.
    const std::string text = absl::StrCat(where, " answers ", reply->status, " ",
                                          XmlText(reply->body, "Code").substr(0, 80));
    if (reply->status >= 500 || reply->status == 429) return absl::UnavailableError(text);
    return absl::PermissionDeniedError(
        absl::StrCat(text, "; check AWS_ROLE_ARN and the role's trust in this token"));
  }
  AwsCredentials credentials{XmlText(reply->body, "AccessKeyId"),
                             XmlText(reply->body, "SecretAccessKey"),
                             XmlText(reply->body, "SessionToken")};
  absl::Time expiration;
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() ||
      !absl::ParseTime(absl::RFC3339_full, XmlText(reply->body, "Expiration"), &expiration,
                       nullptr)) {
    return absl::UnavailableError(absl::StrCat(where, " answers without usable credentials"));
  }
  WEIR_RETURN_IF_ERROR(CheckPrintable(credentials, where));
  const int64_t now_us = clock_->WallMicros();
  expires_us_ = absl::ToUnixMicros(expiration);
  refresh_us_ = expires_us_ - std::min(kRefreshBeforeUs, (expires_us_ - now_us) / 4);
  known_ = std::move(credentials);
  has_asked_ = true;
  return absl::OkStatus();
}

std::string TokenServiceEndpoint(const Environment& environment, const std::string& region) {
  for (const char* name : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) {
    if (const auto url = environment(name); url.has_value())
      return std::string(absl::StripSuffix(*url, "/"));
  }
  return absl::StrCat("https://sts.", region, ".amazonaws.com");
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

std::optional<std::string> IniValue(const std::string& text, const std::string& section,
                                    const std::string& key) {
  bool inside = false;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (absl::ConsumePrefix(&line, "[")) {
      inside = absl::StripAsciiWhitespace(line.substr(0, line.find(']'))) == section;
      continue;
    }
    const size_t equals = line.find('=');
    if (!inside || equals == line.npos) continue;
    if (absl::StripAsciiWhitespace(line.substr(0, equals)) == key)
      return std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<CredentialsProvider>> MakeCredentialsProvider(
    const Environment& environment, const std::string& region, HttpClient* http, Clock* clock) {
  const auto id = environment("AWS_ACCESS_KEY_ID");
  const auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (id.has_value() != secret.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(id.has_value() ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                     " is set without its other half; set both or none"));
  }
  if (id.has_value()) {
    AwsCredentials credentials{*id, *secret, environment("AWS_SESSION_TOKEN").value_or("")};
    WEIR_RETURN_IF_ERROR(CheckPrintable(credentials, "the environment"));
    return std::make_unique<FixedCredentials>(std::move(credentials));
  }
  if (const auto file = environment("AWS_WEB_IDENTITY_TOKEN_FILE"); file.has_value()) {
    const auto role = environment("AWS_ROLE_ARN");
    if (!role.has_value()) {
      return absl::FailedPreconditionError(
          "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN; set both or none");
    }
    return std::make_unique<WebIdentityCredentials>(
        WebIdentity{*file, *role, environment("AWS_ROLE_SESSION_NAME").value_or("weir"),
                    TokenServiceEndpoint(environment, region)},
        http, clock);
  }
  const auto named_file = environment("AWS_SHARED_CREDENTIALS_FILE");
  const auto profile = environment("AWS_PROFILE");
  const std::string path =
      named_file.value_or(absl::StrCat(environment("HOME").value_or(""), "/.aws/credentials"));
  if (named_file.has_value() || profile.has_value() || ReadFile(path).ok())
    return std::make_unique<FileCredentials>(path, profile.value_or("default"));
  return absl::FailedPreconditionError(absl::StrCat(
      "no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
      "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or write ",
      path));
}

}  // namespace weir
