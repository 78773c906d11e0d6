#include "base/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kHeaderBytesMax = 64 << 10;
// An exchange slower than this for so long is as good as dead.
constexpr long kLeastBytesPerSecond = 512;
constexpr long kSlowSecondsMax = 20;
// Read at once of a body that goes to a sink. libcurl's own 16 KiB make a download of a gigabyte
// 65,000 turns between the socket and the file.
constexpr long kSinkBufferBytes = 256 << 10;

// One exchange: what libcurl's callbacks work on.
struct Exchange {
  const HttpRequest* request = nullptr;
  HttpReply reply;
  size_t sent = 0;
  size_t header_bytes = 0;
  absl::Status failure;  // why a callback ended the exchange
};

size_t OnRead(char* out, size_t size, size_t count, void* context) {
  auto* exchange = static_cast<Exchange*>(context);
  const std::string_view left = exchange->request->body.substr(exchange->sent);
  const size_t bytes = std::min(left.size(), size * count);
  std::memcpy(out, left.data(), bytes);
  exchange->sent += bytes;
  return bytes;
}

// libcurl rewinds when a kept connection broke and it would send the request again on its own. The
// first one may have arrived, so that is the caller's to decide.
int OnSeek(void* context, curl_off_t offset, int /*origin*/) {
  const auto* exchange = static_cast<Exchange*>(context);
  return offset == 0 && exchange->sent == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

size_t OnHeader(char* bytes, size_t size, size_t count, void* context) {
  auto* exchange = static_cast<Exchange*>(context);
  const size_t length = size * count;
  const absl::string_view line = absl::StripAsciiWhitespace(absl::string_view(bytes, length));
  exchange->header_bytes += length;
  if (exchange->header_bytes > kHeaderBytesMax) {
    exchange->failure = absl::ResourceExhaustedError("the reply's headers are too large");
    return 0;
  }
  if (line.substr(0, 5) == "HTTP/") {  // also after an interim reply
    exchange->reply = HttpReply();
    const size_t space = line.find(' ');
    if (space != line.npos) exchange->reply.status = atoi(line.data() + space);
    return length;
  }
  if (const size_t colon = line.find(':'); colon != line.npos) {
    const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
    exchange->reply.headers[name] = std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return length;
}

size_t OnBody(char* bytes, size_t size, size_t count, void* context) {
  auto* exchange = static_cast<Exchange*>(context);
  const std::string_view piece(bytes, size * count);
  HttpReply& reply = exchange->reply;
  const HttpRequest& request = *exchange->request;
  if (request.sink != nullptr && reply.status >= 200 && reply.status < 300) {
    exchange->failure = request.sink(reply, piece);
    return exchange->failure.ok() ? piece.size() : 0;
  }
  if (static_cast<int64_t>(reply.body.size() + piece.size()) > request.reply_bytes_max) {
    exchange->failure = absl::ResourceExhaustedError(
        absl::StrCat("the reply is larger than ", request.reply_bytes_max, " bytes"));
    return 0;
  }
  reply.body.append(piece);
  return piece.size();
}

class HeaderList {
 public:
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    WEIR_CHECK(longer != nullptr, "out of memory");
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

bool HasLineBreak(const std::string& text) { return text.find_first_of("\r\n") != text.npos; }

absl::Status CheckRequest(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || HasLineBreak(name) || HasLineBreak(value))
      return absl::InvalidArgumentError(absl::StrCat("header ", name, " can't be sent"));
  }
  return absl::OkStatus();
}

// What the outcome of curl_easy_perform means for whoever may ask again.
absl::Status Meaning(CURL* handle, CURLcode code, const char* text) {
  const std::string message =
      absl::StrCat(text[0] != '\0' ? text : curl_easy_strerror(code), " (libcurl ", code, ")");
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return absl::FailedPreconditionError(message);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(message);
    default:
      break;
  }
  long sent = 0;
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
  return sent == 0 ? absl::UnavailableError(message) : absl::UnknownError(message);
}

class CurlHttpClient : public HttpClient {
 public:
  explicit CurlHttpClient(HttpClientOptions options) : options_(std::move(options)) {}
  ~CurlHttpClient() override {
    absl::MutexLock lock(&mutex_);
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }

  absl::StatusOr<HttpReply> Do(const HttpRequest& request) override;

 private:
  void SetUp(CURL* handle, Exchange* exchange, char* error_text) const;
  CURL* Take();
  void GiveBack(CURL* handle);

  const HttpClientOptions options_;
  absl::Mutex mutex_;
  std::vector<CURL*> idle_ ABSL_GUARDED_BY(mutex_);  // each with its kept connection
};

absl::StatusOr<HttpReply> CurlHttpClient::Do(const HttpRequest& request) {
  WEIR_RETURN_IF_ERROR(CheckRequest(request));
  HeaderList headers;
  for (const auto& [name, value] : request.headers)
    headers.Add(absl::StrCat(name, value.empty() ? ";" : ": ", value));
  headers.Add("Expect:");  // a round trip saved: bodies are small or must be sent anyway
  Exchange exchange;
  exchange.request = &request;
  char error_text[CURL_ERROR_SIZE] = "";
  CURL* handle = Take();
  SetUp(handle, &exchange, error_text);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(handle);
  const absl::Status status =
      code == CURLE_OK ? absl::OkStatus() : Meaning(handle, code, error_text);
  GiveBack(handle);
  if (!exchange.failure.ok()) return exchange.failure;
  WEIR_RETURN_IF_ERROR(status);
  return std::move(exchange.reply);
}

void CurlHttpClient::SetUp(CURL* handle, Exchange* exchange, char* error_text) const {
  const HttpRequest& request = *exchange->request;
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);  // the path was signed as it stands
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout_ms));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, kLeastBytesPerSecond);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kSlowSecondsMax);
  if (!options_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, exchange);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, exchange);
  if (request.sink != nullptr) curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kSinkBufferBytes);
  if (request.method == "PUT" || request.method == "POST") {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, OnRead);
    curl_easy_setopt(handle, CURLOPT_READDATA, exchange);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, exchange);
  } else if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

CURL* CurlHttpClient::Take() {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      CURL* handle = idle_.back();
      idle_.pop_back();
      return handle;
    }
  }
  CURL* handle = curl_easy_init();
  WEIR_CHECK(handle != nullptr, "libcurl gives no handle");
  return handle;
}

void CurlHttpClient::GiveBack(CURL* handle) {
  curl_easy_reset(handle);  // keeps connections and the name cache
  {
    absl::MutexLock lock(&mutex_);
    if (static_cast<int>(idle_.size()) < options_.idle_connections_max) {
      idle_.push_back(handle);
      return;
    }
  }
  curl_easy_cleanup(handle);
}

}  // namespace

std::string HttpReply::Header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

std::unique_ptr<HttpClient> MakeHttpClient(HttpClientOptions options) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  WEIR_CHECK(kReady == CURLE_OK, "libcurl doesn't start");
  return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace weir
