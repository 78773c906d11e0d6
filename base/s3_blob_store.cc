// Each write carries a random id in the object's metadata. An answer that was lost, or a 412 that
// answers the repetition of a write that had landed, is settled by reading that id back.

#include "base/s3_blob_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/blob_name.h"
#include "base/failpoint.h"
#include "base/http_client.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "base/s3_client.h"
#include "base/s3_download.h"
#include "base/s3_options.h"
#include "base/s3_upload.h"
#include "base/status_macros.h"
#include "base/xml_text.h"

namespace weir {
namespace {

constexpr char kIdHeader[] = "x-amz-meta-weir-id";
constexpr int kIdDigits = 32;
constexpr size_t kKeyBytesMax = 1024;
// Blobs read into memory are records and manifests; files go to disk.
constexpr int64_t kGetBytesMax = int64_t{256} << 20;
constexpr size_t kListedMax = 10'000'000;
constexpr int kAttemptsAtOpen = 3;

// A key as a listing with encoding-type=url gives it.
std::string DecodeKey(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool is_code = text[0] == '%' && text.size() >= 3 &&
                         absl::ascii_isxdigit(static_cast<unsigned char>(text[1])) &&
                         absl::ascii_isxdigit(static_cast<unsigned char>(text[2]));
    if (is_code) {
      out += absl::HexStringToBytes(absl::string_view(text.data() + 1, 2));
    } else {
      out += text[0] == '+' ? ' ' : text[0];
    }
    text.remove_prefix(is_code ? 3 : 1);
  }
  return out;
}

class S3BlobStore : public BlobStore {
 public:
  S3BlobStore(S3Location location, S3Endpoint endpoint, std::unique_ptr<HttpClient> own_http,
              std::unique_ptr<CredentialsProvider> own_credentials, S3StoreParts parts)
      : own_http_(std::move(own_http)),
        own_credentials_(std::move(own_credentials)),
        random_(parts.random),
        part_bytes_(parts.part_bytes),
        prefix_(location.prefix.empty() ? "" : absl::StrCat(location.prefix, "/")),
        client_(std::move(location), std::move(endpoint),
                {parts.http, parts.credentials, parts.clock, parts.random, std::move(parts.sleep),
                 parts.attempt_timeout_ms, parts.patience_ms}) {}

  absl::Status Probe();

  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override;
  absl::Status PutFileIfAbsent(const std::string& name, const std::string& local_path) override;
  absl::StatusOr<std::string> Get(const std::string& name) override;
  absl::StatusOr<int64_t> Size(const std::string& name) override;
  absl::Status GetToFile(const std::string& name, const std::string& local_path) override;
  absl::StatusOr<std::vector<Entry>> List(const std::string& prefix,
                                          const std::string& start_after) override;
  absl::Status Delete(const std::string& name) override;
  absl::StatusOr<Versioned> GetVersioned(const std::string& name) override;
  absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                           const std::string& version) override;
  absl::Status Replace(const std::string& name, std::string_view bytes) override;

 private:
  // Who wrote what stands at a name.
  enum class Owner { kOurs, kAnother, kNobody, kUnsure };
  struct Standing {
    Owner owner = Owner::kUnsure;
    std::string version;
  };

  absl::Status CheckName(const std::string& name) const;
  S3Request Request(const std::string& method, const std::string& name) const;
  S3Outcome Put(const std::string& name, std::string_view bytes, const std::string& id,
                HttpHeaders conditions) const;
  Standing ReadBack(const std::string& name, const std::string& id) const;
  absl::Status SettleCreation(const std::string& name, const std::string& id, bool is_unsure,
                              const absl::Status& error) const;
  absl::Status ListPage(const std::string& prefix, const std::string& start_after,
                        std::string* token, std::vector<Entry>* entries) const;

  const std::unique_ptr<HttpClient> own_http_;  // these two null when they are another's
  const std::unique_ptr<CredentialsProvider> own_credentials_;
  Random* const random_;
  const int64_t part_bytes_;
  const std::string prefix_;  // "" or "a/b/"
  const S3Client client_;
};

absl::Status S3BlobStore::Probe() {
  S3Request request;
  request.method = "GET";
  request.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", prefix_}};
  request.attempts_max = kAttemptsAtOpen;
  const S3Outcome outcome = client_.Do(request);
  if (outcome.answer == S3Answer::kDone) return absl::OkStatus();
  const std::string message(outcome.error.message());
  switch (outcome.answer) {
    case S3Answer::kBusy:
    case S3Answer::kUnsure:
      if (outcome.reply.status == 403) return outcome.error;  // it answers: the clock is wrong
      return absl::UnavailableError(absl::StrCat(
          message, "; is AWS_ENDPOINT_URL right, and does the store run and answer there?"));
    case S3Answer::kNotFound:
      return absl::FailedPreconditionError(
          absl::StrCat(message, "; is AWS_ENDPOINT_URL that of an S3 store?"));
    default:
      return outcome.error;
  }
}

absl::Status S3BlobStore::CheckName(const std::string& name) const {
  WEIR_RETURN_IF_ERROR(CheckBlobName(name));
  if (prefix_.size() + name.size() > kKeyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("blob name '", name.substr(0, 100), "...' is longer than a key of S3 may be"));
  }
  return absl::OkStatus();
}

S3Request S3BlobStore::Request(const std::string& method, const std::string& name) const {
  S3Request request;
  request.method = method;
  request.key = prefix_ + name;
  return request;
}

S3Outcome S3BlobStore::Put(const std::string& name, std::string_view bytes, const std::string& id,
                           HttpHeaders conditions) const {
  S3Request request = Request("PUT", name);
  request.headers = std::move(conditions);
  request.headers.emplace_back(kIdHeader, id);
  request.body = bytes;
  return client_.Do(request);
}

S3BlobStore::Standing S3BlobStore::ReadBack(const std::string& name, const std::string& id) const {
  const S3Outcome outcome = client_.Do(Request("HEAD", name));
  if (outcome.answer == S3Answer::kNotFound) return {Owner::kNobody, ""};
  if (outcome.answer != S3Answer::kDone) return {Owner::kUnsure, ""};
  const bool is_ours = outcome.reply.Header(kIdHeader) == id;
  return {is_ours ? Owner::kOurs : Owner::kAnother, outcome.reply.Header("etag")};
}

// After a creation that was refused because something stands there, or whose answers were lost
// (`is_unsure`), with `error` the last of them.
absl::Status S3BlobStore::SettleCreation(const std::string& name, const std::string& id,
                                         bool is_unsure, const absl::Status& error) const {
  switch (ReadBack(name, id).owner) {
    case Owner::kOurs:
      return absl::OkStatus();
    case Owner::kAnother:
      // Ours can't land any more as long as it stands.
      return absl::AlreadyExistsError(
          absl::StrCat("blob ", client_.UriOf(prefix_ + name), " exists"));
    case Owner::kNobody:
      if (!is_unsure) {  // it was deleted since
        return absl::AlreadyExistsError(
            absl::StrCat("blob ", client_.UriOf(prefix_ + name), " existed"));
      }
      break;
    case Owner::kUnsure:
      break;
  }
  return absl::UnknownError(error.message());
}

absl::Status S3BlobStore::PutIfAbsent(const std::string& name, std::string_view bytes) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Failpoint("blob_store.before_put"));
  const std::string id = RandomHex(*random_, kIdDigits);
  const S3Outcome outcome = Put(name, bytes, id, {{"if-none-match", "*"}});
  if (const absl::Status hit = Failpoint("blob_store.after_put"); !hit.ok())
    return absl::UnknownError(hit.message());
  if (outcome.answer == S3Answer::kDone) return absl::OkStatus();
  if (outcome.answer == S3Answer::kConditionFailed || outcome.maybe_done)
    return SettleCreation(name, id, outcome.maybe_done, outcome.error);
  if (outcome.answer == S3Answer::kNotFound)
    return absl::FailedPreconditionError(outcome.error.message());
  return outcome.error;
}

absl::Status S3BlobStore::PutFileIfAbsent(const std::string& name, const std::string& local_path) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  struct stat info {};
  if (stat(local_path.c_str(), &info) != 0) return ErrnoError(errno, "reading", local_path);
  if (info.st_size <= part_bytes_) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(local_path));
    return PutIfAbsent(name, bytes);
  }
  WEIR_RETURN_IF_ERROR(Failpoint("blob_store.before_put"));
  const std::string id = RandomHex(*random_, kIdDigits);
  const S3UploadOutcome outcome = UploadFileInParts(client_, prefix_ + name, {{kIdHeader, id}},
                                                    local_path, info.st_size, part_bytes_);
  if (const absl::Status hit = Failpoint("blob_store.after_put"); !hit.ok())
    return absl::UnknownError(hit.message());
  switch (outcome.kind) {
    case S3Uploaded::kDone:
      return absl::OkStatus();
    case S3Uploaded::kConditionFailed:
      return SettleCreation(name, id, false, outcome.error);
    case S3Uploaded::kUnsure:
      return SettleCreation(name, id, true, outcome.error);
    case S3Uploaded::kFailed:
      return outcome.error;
  }
  return absl::InternalError("no such outcome of an upload");
}

absl::StatusOr<std::string> S3BlobStore::Get(const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(Versioned blob, GetVersioned(name));
  return std::move(blob.bytes);
}

absl::StatusOr<int64_t> S3BlobStore::Size(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const S3Outcome outcome = client_.Do(Request("HEAD", name));
  if (absl::IsUnknown(outcome.error)) return absl::UnavailableError(outcome.error.message());
  WEIR_RETURN_IF_ERROR(outcome.error);
  int64_t size = 0;
  if (!absl::SimpleAtoi(outcome.reply.Header("content-length"), &size))
    return absl::UnavailableError(absl::StrCat("the store doesn't say how long ", name, " is"));
  return size;
}

absl::StatusOr<BlobStore::Versioned> S3BlobStore::GetVersioned(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  S3Request request = Request("GET", name);
  request.reply_bytes_max = kGetBytesMax;
  S3Outcome outcome = client_.Do(request);
  // Reading changes nothing, so nothing about it is unknown.
  if (absl::IsUnknown(outcome.error)) return absl::UnavailableError(outcome.error.message());
  WEIR_RETURN_IF_ERROR(outcome.error);
  std::string version = outcome.reply.Header("etag");
  return Versioned{std::move(outcome.reply.body), std::move(version)};
}

absl::Status S3BlobStore::GetToFile(const std::string& name, const std::string& local_path) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const absl::Status status = DownloadToFile(client_, prefix_ + name, local_path);
  // ABORTED: replaced between two parts.
  if (absl::IsUnknown(status) || absl::IsAborted(status))
    return absl::UnavailableError(status.message());
  return status;
}

absl::StatusOr<std::vector<BlobStore::Entry>> S3BlobStore::List(const std::string& prefix,
                                                                const std::string& start_after) {
  WEIR_RETURN_IF_ERROR(CheckBlobPrefix(prefix));
  std::vector<Entry> entries;
  std::string token;
  do {
    WEIR_RETURN_IF_ERROR(ListPage(prefix, start_after, &token, &entries));
    if (entries.size() > kListedMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat(client_.UriOf(prefix_ + prefix), " has more than ", kListedMax, " objects"));
    }
  } while (!token.empty());
  // Stores list in byte order, but for directory buckets.
  const auto by_name = [](const Entry& a, const Entry& b) { return a.name < b.name; };
  if (!std::is_sorted(entries.begin(), entries.end(), by_name))
    std::sort(entries.begin(), entries.end(), by_name);
  return entries;
}

// Appends the page that `token` names ("" = the first) and sets it to the next one's, "" at the
// end.
absl::Status S3BlobStore::ListPage(const std::string& prefix, const std::string& start_after,
                                   std::string* token, std::vector<Entry>* entries) const {
  S3Request request;
  request.method = "GET";
  request.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix_ + prefix}};
  if (!token->empty()) {
    request.query.emplace_back("continuation-token", *token);
  } else if (!start_after.empty()) {
    request.query.emplace_back("start-after", prefix_ + start_after);
  }
  const S3Outcome outcome = client_.Do(request);
  if (absl::IsUnknown(outcome.error)) return absl::UnavailableError(outcome.error.message());
  if (outcome.answer == S3Answer::kNotFound)
    return absl::FailedPreconditionError(outcome.error.message());
  WEIR_RETURN_IF_ERROR(outcome.error);
  for (const std::string_view object : XmlElements(outcome.reply.body, "Contents")) {
    const std::string key = DecodeKey(XmlText(object, "Key"));
    Entry entry;
    if (!absl::StartsWith(key, prefix_) ||
        !absl::SimpleAtoi(XmlText(object, "Size"), &entry.size)) {
      return absl::InternalError(
          absl::StrCat("the store lists '", key, "' where ", prefix_, " was asked for"));
    }
    entry.name = key.substr(prefix_.size());
    // Other tools leave objects that are no blobs: "folders" with a '/' at the end.
    if (!CheckBlobName(entry.name).ok() || entry.name <= start_after) continue;
    if (absl::StartsWith(entry.name, prefix)) entries->push_back(std::move(entry));
  }
  const bool has_more = XmlText(outcome.reply.body, "IsTruncated") == "true";
  const std::string next = has_more ? XmlText(outcome.reply.body, "NextContinuationToken") : "";
  if (has_more && (next.empty() || next == *token))
    return absl::InternalError("the store says that a listing goes on, but not where");
  *token = next;
  return absl::OkStatus();
}

absl::Status S3BlobStore::Delete(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const S3Outcome outcome = client_.Do(Request("DELETE", name));
  if (outcome.answer == S3Answer::kDone || outcome.answer == S3Answer::kNotFound)
    return absl::OkStatus();
  if (outcome.maybe_done) return absl::UnknownError(outcome.error.message());
  return outcome.error;
}

absl::StatusOr<std::string> S3BlobStore::PutIfVersion(const std::string& name,
                                                      std::string_view bytes,
                                                      const std::string& version) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Failpoint("blob_store.before_put"));
  const std::string id = RandomHex(*random_, kIdDigits);
  const S3Outcome outcome = Put(name, bytes, id, {{"if-match", version}});
  if (const absl::Status hit = Failpoint("blob_store.after_put"); !hit.ok())
    return absl::UnknownError(hit.message());
  if (outcome.answer == S3Answer::kDone) {
    const std::string now = outcome.reply.Header("etag");
    if (now.empty()) return absl::UnknownError("the store answers without an ETag");
    return now;
  }
  const bool is_refused =
      outcome.answer == S3Answer::kConditionFailed || outcome.answer == S3Answer::kNotFound;
  if (!is_refused && !outcome.maybe_done) return outcome.error;
  const Standing standing = ReadBack(name, id);
  if (standing.owner == Owner::kOurs) return standing.version;
  // Another's content after an attempt whose answer was lost: it may have followed ours.
  if (outcome.maybe_done || standing.owner == Owner::kUnsure)
    return absl::UnknownError(outcome.error.message());
  return absl::AbortedError(absl::StrCat("blob ", client_.UriOf(prefix_ + name), " is ",
                                         standing.owner == Owner::kNobody ? "gone" : "changed"));
}

absl::Status S3BlobStore::Replace(const std::string& name, std::string_view bytes) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const std::string id = RandomHex(*random_, kIdDigits);
  const S3Outcome outcome = Put(name, bytes, id, {});
  if (outcome.answer == S3Answer::kDone) return absl::OkStatus();
  if (outcome.maybe_done) return absl::UnknownError(outcome.error.message());
  if (outcome.answer == S3Answer::kNotFound)
    return absl::FailedPreconditionError(outcome.error.message());
  return outcome.error;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobStore>> OpenS3BlobStore(const std::string& uri,
                                                           const Environment& environment,
                                                           S3StoreParts parts) {
  WEIR_ASSIGN_OR_RETURN(const S3Location location, ParseS3Uri(uri));
  WEIR_ASSIGN_OR_RETURN(S3Endpoint endpoint, S3EndpointFrom(environment, location.bucket));
  std::unique_ptr<HttpClient> own_http;
  if (parts.http == nullptr) {
    HttpClientOptions options;
    options.ca_file = endpoint.ca_file;
    own_http = MakeHttpClient(std::move(options));
    parts.http = own_http.get();
  }
  std::unique_ptr<CredentialsProvider> own_credentials;
  if (parts.credentials == nullptr) {
    WEIR_ASSIGN_OR_RETURN(own_credentials, MakeCredentialsProvider(environment, endpoint.region,
                                                                   parts.http, parts.clock));
    parts.credentials = own_credentials.get();
  }
  const bool probe = parts.probe;
  auto store = std::make_unique<S3BlobStore>(location, std::move(endpoint), std::move(own_http),
                                             std::move(own_credentials), std::move(parts));
  if (probe) WEIR_RETURN_IF_ERROR(store->Probe());
  return store;
}

}  // namespace weir
