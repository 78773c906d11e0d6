// Which bucket, at which endpoint: read from a URI and from the environment variables that AWS's
// own tools read.
#ifndef WEIR_BASE_S3_OPTIONS_H_
#define WEIR_BASE_S3_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/aws_credentials.h"

namespace weir {

struct S3Location {
  std::string bucket;
  std::string prefix;  // "" or "a/b", a blob name

  std::string Uri() const;  // "s3://bucket/prefix"
};

// "s3://bucket" or "s3://bucket/prefix", with or without a '/' at the end. INVALID_ARGUMENT saying
// what is accepted; a URI with a user or a password in it is refused without being repeated.
absl::StatusOr<S3Location> ParseS3Uri(const std::string& uri);

struct S3Endpoint {
  std::string scheme;  // "http" or "https"
  std::string host;    // with the port unless it is the scheme's own; with the bucket unless
                       // path_style
  bool path_style = false;
  std::string region;
  std::string ca_file;  // "" = the system's certificates

  std::string Url() const;  // "https://host"
};

// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (default: AWS in the region), AWS_REGION or
// AWS_DEFAULT_REGION or `region` of the profile in AWS_CONFIG_FILE (~/.aws/config; us-east-1 when
// an endpoint is set), AWS_CA_BUNDLE, WEIR_S3_PATH_STYLE = true | false (default: true when an
// endpoint is set or the bucket's name has a dot). INVALID_ARGUMENT naming the variable.
absl::StatusOr<S3Endpoint> S3EndpointFrom(const Environment& environment,
                                          const std::string& bucket);

}  // namespace weir

#endif  // WEIR_BASE_S3_OPTIONS_H_
