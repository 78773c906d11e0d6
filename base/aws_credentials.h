// Where credentials for an object store come from: the environment, a web identity token (as
// Kubernetes mounts it), or the shared credentials file. Never from specs, flags or URIs.
#ifndef WEIR_BASE_AWS_CREDENTIALS_H_
#define WEIR_BASE_AWS_CREDENTIALS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/sigv4.h"

namespace weir {

class Clock;
class HttpClient;

// The value of an environment variable; none when unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// Thread-safe; calls may block for a request to the token service.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // UNAVAILABLE when the token service can't be asked; FAILED_PRECONDITION when a file or variable
  // is missing or malformed; PERMISSION_DENIED when the token is refused. After the first success
  // every error is UNAVAILABLE: somebody may be rotating them. No message holds a secret.
  virtual absl::StatusOr<AwsCredentials> Get() = 0;
  // The store refused these: the next Get reads or asks again, unless it has others by now.
  virtual void Refused(const AwsCredentials& credentials) = 0;
};

// The first of these that is set decides; an error there doesn't fall through to the next.
//   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2. AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: exchanged at the token
//      service (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, else that of AWS in `region`), again when a
//      quarter of their life or five minutes are left
//   3. profile AWS_PROFILE ("default") of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials)
// FAILED_PRECONDITION naming all three when none is there. Metadata services are not asked.
absl::StatusOr<std::unique_ptr<CredentialsProvider>> MakeCredentialsProvider(
    const Environment& environment, const std::string& region, HttpClient* http, Clock* clock);

// The value of `key` in section `section` of a file in AWS's INI format; none when absent.
std::optional<std::string> IniValue(const std::string& text, const std::string& section,
                                    const std::string& key);

}  // namespace weir

#endif  // WEIR_BASE_AWS_CREDENTIALS_H_
