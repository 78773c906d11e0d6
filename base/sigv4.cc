#include "base/sigv4.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/digest.h"

namespace weir {
namespace {

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";
constexpr char kEnd[] = "aws4_request";

std::string Encode(std::string_view text, bool keep_slash) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ||
                       c == '_' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace

std::string SigV4Authorization(const SigV4Request& request, const SigV4Scope& scope,
                               const AwsCredentials& credentials) {
  std::string header_lines;
  std::vector<std::string> header_names;
  for (const auto& [name, value] : request.headers) {
    absl::StrAppend(&header_lines, name, ":", absl::StripAsciiWhitespace(value), "\n");
    header_names.push_back(name);
  }
  const std::string signed_headers = absl::StrJoin(header_names, ";");
  const std::string canonical =
      absl::StrCat(request.method, "\n", request.path, "\n", request.query, "\n", header_lines,
                   "\n", signed_headers, "\n", request.payload_hash);
  const std::string day = scope.time.substr(0, 8);
  const std::string scope_text =
      absl::StrCat(day, "/", scope.region, "/", scope.service, "/", kEnd);
  const std::string to_sign =
      absl::StrCat(kAlgorithm, "\n", scope.time, "\n", scope_text, "\n", Sha256Hex(canonical));
  const std::string day_key = HmacSha256(absl::StrCat("AWS4", credentials.secret_access_key), day);
  const std::string key =
      HmacSha256(HmacSha256(HmacSha256(day_key, scope.region), scope.service), kEnd);
  return absl::StrCat(kAlgorithm, " Credential=", credentials.access_key_id, "/", scope_text,
                      ",SignedHeaders=", signed_headers,
                      ",Signature=", absl::BytesToHexString(HmacSha256(key, to_sign)));
}

std::string SigV4Time(int64_t wall_us) {
  return absl::FormatTime("%Y%m%dT%H%M%SZ", absl::FromUnixMicros(wall_us), absl::UTCTimeZone());
}

std::string EncodeUri(std::string_view text) { return Encode(text, false); }
std::string EncodePath(std::string_view text) { return Encode(text, true); }

std::string EncodeQuery(const QueryParameters& parameters) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : parameters)
    encoded.emplace_back(EncodeUri(name), EncodeUri(value));
  std::sort(encoded.begin(), encoded.end());
  return absl::StrJoin(encoded, "&", absl::PairFormatter("="));
}

}  // namespace weir
