#include "model/table_path.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

constexpr char kS3[] = "s3://";
constexpr char kFile[] = "file://";
constexpr char kAccepted[] =
    "accepted are a directory, file:///directory and s3://bucket/directory";

absl::Status Refuse(absl::string_view reason) { return absl::InvalidArgumentError(reason); }

// Without "." and empty segments.
absl::StatusOr<std::vector<std::string>> Segments(absl::string_view text) {
  std::vector<std::string> segments;
  for (const absl::string_view segment : absl::StrSplit(text, '/')) {
    if (segment == "..") return Refuse("it has a '..' segment; write where it leads");
    if (segment.find('\0') != absl::string_view::npos) return Refuse("it holds a NUL");
    if (!segment.empty() && segment != ".") segments.emplace_back(segment);
  }
  return segments;
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
bool IsBucketName(const std::string& name) {
  const auto fits = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '.';
  };
  return name.size() >= 3 && name.size() <= 63 && std::all_of(name.begin(), name.end(), fits) &&
         absl::ascii_isalnum(name.front()) && absl::ascii_isalnum(name.back()) &&
         !absl::StrContains(name, "..");
}

bool IsPlainKey(const std::string& segment) {
  return std::all_of(segment.begin(), segment.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '=';
  });
}

absl::StatusOr<std::string> NormalS3(const std::string& path) {
  auto segments = Segments(absl::StripPrefix(path, kS3));
  if (!segments.ok()) return segments.status();
  if (path.size() == 5 || path[5] == '/' || segments->empty())
    return Refuse("it names no bucket; write s3://bucket/directory");
  const std::string bucket = segments->front();
  if (absl::StrContains(bucket, "@") || absl::StrContains(bucket, ":"))
    return Refuse(
        "it takes no user, password or port: endpoint and credentials come from the environment of "
        "the coordinator and the workers");
  if (!IsBucketName(bucket))
    return Refuse(absl::StrCat("'", bucket,
                               "' can't be a bucket: 3 to 63 lower-case letters, digits, '-' "
                               "and '.'"));
  if (segments->size() == 1)
    return Refuse("a table needs a directory of its own; write s3://bucket/directory");
  for (size_t i = 1; i < segments->size(); ++i) {
    if (!IsPlainKey((*segments)[i]))
      return Refuse(
          absl::StrCat("in object stores a directory is made of letters, digits, "
                       "'-', '_', '.' and '=', not '",
                       (*segments)[i], "'"));
  }
  return absl::StrCat(kS3, absl::StrJoin(*segments, "/"));
}

}  // namespace

absl::StatusOr<std::string> NormalTablePath(const std::string& path,
                                            const std::string& base_directory) {
  if (path.empty()) return Refuse("it is empty");
  if (absl::StartsWith(path, kS3)) return NormalS3(path);
  absl::string_view local = path;
  if (absl::ConsumePrefix(&local, kFile)) {
    if (local.empty() || local[0] != '/')
      return Refuse("file:// takes an absolute path and no host: file:///directory");
  } else if (absl::StrContains(path, "://")) {
    const bool hadoop = absl::StartsWith(path, "s3a://") || absl::StartsWith(path, "s3n://");
    return Refuse(hadoop ? absl::StrCat("write s3://", path.substr(6)) : kAccepted);
  }
  auto segments = Segments(local);
  if (!segments.ok()) return segments.status();
  if (local[0] != '/') {
    std::vector<std::string> base = absl::StrSplit(base_directory, '/', absl::SkipEmpty());
    segments->insert(segments->begin(), base.begin(), base.end());
  }
  return absl::StrCat("/", absl::StrJoin(*segments, "/"));
}

absl::Status CheckTablePath(const std::string& path) {
  const absl::StatusOr<std::string> normal = NormalTablePath(path, "/");
  if (normal.ok() && *normal == path) return absl::OkStatus();
  // What stands before an '@' may be a password.
  const size_t at = path.find('@');
  return Refuse(absl::StrCat(
      "'", at == std::string::npos ? path : absl::StrCat("...", path.substr(at)),
      "' can't be a table's path: ",
      normal.ok() ? absl::StrCat("write ", *normal) : std::string(normal.status().message())));
}

bool IsObjectStorePath(const std::string& path) { return absl::StartsWith(path, kS3); }

}  // namespace weir
