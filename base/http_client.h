// HTTP requests to other servers, libcurl behind them.
#ifndef WEIR_BASE_HTTP_CLIENT_H_
#define WEIR_BASE_HTTP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // empty when a sink took it

  // "" when absent.
  std::string Header(const std::string& name) const;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  // GET, HEAD, PUT, POST, DELETE
  std::string url;     // http or https, encoded
  HttpHeaders headers;
  std::string_view body;  // of PUT and POST; outlives the call
  int64_t timeout_ms = 30'000;
  int64_t reply_bytes_max = int64_t{16} << 20;  // of a body that no sink takes
  // Takes the body of a 2xx reply piece by piece, with the reply's status and headers; an error
  // ends the exchange and is the result of the call.
  std::function<absl::Status(const HttpReply& head, std::string_view bytes)> sink;
};

// Thread-safe; calls block. Follows no redirects, keeps connections for the next request, and never
// sends a body twice on its own: the caller alone decides about another attempt.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Any reply that arrived whole is OK, whatever its status. Errors:
  //   UNAVAILABLE         the request was not sent
  //   UNKNOWN             it was sent, in part or whole, and no whole reply came
  //   RESOURCE_EXHAUSTED  the reply is larger than allowed
  //   FAILED_PRECONDITION the server's certificate isn't trusted
  //   INVALID_ARGUMENT    URL or headers can't be sent
  // Messages name host and cause, never a header.
  virtual absl::StatusOr<HttpReply> Do(const HttpRequest& request) = 0;
};

struct HttpClientOptions {
  int64_t connect_timeout_ms = 3'000;  // name lookup, TCP and TLS
  std::string ca_file;                 // certificates to trust; "" = the system's
  int idle_connections_max = 16;
};
std::unique_ptr<HttpClient> MakeHttpClient(HttpClientOptions options);

}  // namespace weir

#endif  // WEIR_BASE_HTTP_CLIENT_H_
