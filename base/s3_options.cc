#include "base/s3_options.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/blob_name.h"
#include "base/posix_file.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr char kScheme[] = "s3://";
// A key may have 1,024 bytes; what follows the prefix needs most of them.
constexpr size_t kPrefixBytesMax = 512;

bool IsBucketName(absl::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  for (const char c : name) {
    const bool inside = absl::ascii_islower(static_cast<unsigned char>(c)) ||
                        absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '.';
    if (!inside) return false;
  }
  return name.front() != '.' && name.front() != '-' && name.back() != '.' && name.back() != '-';
}

bool IsHost(absl::string_view host) {
  for (const char c : host) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != ':' &&
        c != '[' && c != ']') {
      return false;
    }
  }
  return !host.empty();
}

absl::Status BadEndpoint(const std::string& variable) {
  // Not repeated: it may hold a password.
  return absl::InvalidArgumentError(
      absl::StrCat(variable, " is not an endpoint; accepted is http://host:port or https://host"));
}

// Scheme and host of an endpoint's URL.
absl::Status ParseEndpoint(const std::string& variable, absl::string_view url, S3Endpoint* out) {
  for (const char* scheme : {"http", "https"}) {
    if (absl::ConsumePrefix(&url, absl::StrCat(scheme, "://"))) {
      out->scheme = scheme;
      break;
    }
  }
  absl::ConsumeSuffix(&url, "/");
  // A port that the scheme implies is left out of the header Host, and so of what is signed.
  absl::ConsumeSuffix(&url, out->scheme == "http" ? ":80" : ":443");
  if (out->scheme.empty() || !IsHost(url)) return BadEndpoint(variable);
  out->host = std::string(url);
  return absl::OkStatus();
}

std::string RegionFrom(const Environment& environment) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const auto region = environment(name); region.has_value()) return *region;
  }
  const std::string path =
      environment("AWS_CONFIG_FILE")
          .value_or(absl::StrCat(environment("HOME").value_or(""), "/.aws/config"));
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return "";
  const std::string profile = environment("AWS_PROFILE").value_or("default");
  const std::string section = profile == "default" ? profile : absl::StrCat("profile ", profile);
  return IniValue(*text, section, "region").value_or("");
}

bool IsRegion(const std::string& region) {
  for (const char c : region) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') return false;
  }
  return !region.empty();
}

}  // namespace

std::string S3Location::Uri() const {
  return absl::StrCat(kScheme, bucket, prefix.empty() ? "" : "/", prefix);
}

absl::StatusOr<S3Location> ParseS3Uri(const std::string& uri) {
  constexpr char kAccepted[] =
      "accepted is s3://bucket/prefix, with a bucket of 3 to 63 lower-case letters, digits, '-' "
      "and '.'";
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, kScheme))
    return absl::InvalidArgumentError(absl::StrCat("not an s3:// URI; ", kAccepted));
  if (rest.substr(0, rest.find('/')).find('@') != rest.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("credentials don't belong into a data URI: set AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY; ",
                     kAccepted));
  }
  S3Location location;
  const size_t slash = rest.find('/');
  location.bucket = std::string(rest.substr(0, slash));
  if (!IsBucketName(location.bucket))
    return absl::InvalidArgumentError(absl::StrCat("data URI '", uri, "': ", kAccepted));
  if (slash == rest.npos) return location;
  location.prefix = std::string(absl::StripSuffix(rest.substr(slash + 1), "/"));
  if (location.prefix.empty()) return location;
  if (location.prefix.size() > kPrefixBytesMax || !CheckBlobName(location.prefix).ok() ||
      location.prefix.find_first_of("?#\r\n\t") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("data URI '", absl::string_view(uri).substr(0, 100),
                     "': the prefix has an empty segment, '.', '..', '?', '#' or is longer than ",
                     kPrefixBytesMax, " bytes; ", kAccepted));
  }
  return location;
}

std::string S3Endpoint::Url() const { return absl::StrCat(scheme, "://", host); }

absl::StatusOr<S3Endpoint> S3EndpointFrom(const Environment& environment,
                                          const std::string& bucket) {
  S3Endpoint endpoint;
  for (const char* name : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    if (const auto url = environment(name); url.has_value()) {
      WEIR_RETURN_IF_ERROR(ParseEndpoint(name, *url, &endpoint));
      break;
    }
  }
  const bool is_aws = endpoint.host.empty();
  endpoint.region = RegionFrom(environment);
  if (endpoint.region.empty() && !is_aws) endpoint.region = "us-east-1";
  if (!IsRegion(endpoint.region)) {
    return absl::InvalidArgumentError(
        "no region for the object store: set AWS_REGION, for instance to eu-central-1");
  }
  endpoint.path_style = !is_aws || absl::StrContains(bucket, ".");
  if (const auto style = environment("WEIR_S3_PATH_STYLE"); style.has_value()) {
    if (*style != "true" && *style != "false")
      return absl::InvalidArgumentError("WEIR_S3_PATH_STYLE: accepted are true and false");
    endpoint.path_style = *style == "true";
  }
  if (is_aws) {
    endpoint.scheme = "https";
    endpoint.host = absl::StrCat("s3.", endpoint.region, ".amazonaws.com");
  }
  if (!endpoint.path_style) endpoint.host = absl::StrCat(bucket, ".", endpoint.host);
  endpoint.ca_file = environment("AWS_CA_BUNDLE").value_or("");
  return endpoint;
}

}  // namespace weir
