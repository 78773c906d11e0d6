// AWS Signature Version 4: signing requests with a secret key.
// Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
#ifndef WEIR_BASE_SIGV4_H_
#define WEIR_BASE_SIGV4_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

// Secret: never printed, logged or put into an error.
struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // "" when permanent
};

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

struct SigV4Request {
  std::string method;
  std::string path;                            // encoded, from '/'
  std::string query;                           // by EncodeQuery
  std::map<std::string, std::string> headers;  // to sign, names in lower case; "host" among them
  std::string payload_hash;                    // hexadecimal SHA-256, or UNSIGNED-PAYLOAD
};

struct SigV4Scope {
  std::string region;
  std::string service;
  std::string time;  // by SigV4Time; the same as the header x-amz-date
};

// The value of the header Authorization.
std::string SigV4Authorization(const SigV4Request& request, const SigV4Scope& scope,
                               const AwsCredentials& credentials);

// "20130524T000000Z" from microseconds since 1970.
std::string SigV4Time(int64_t wall_us);
// Everything but A-Z a-z 0-9 - . _ ~ as %XX; '/' stays in a path.
std::string EncodeUri(std::string_view text);
std::string EncodePath(std::string_view text);
// Sorted and encoded: "list-type=2&prefix=a%2Fb", each with its '='.
std::string EncodeQuery(const QueryParameters& parameters);

}  // namespace weir

#endif  // WEIR_BASE_SIGV4_H_
