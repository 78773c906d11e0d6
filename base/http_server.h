// The HTTP side of each process: /metrics, /healthz, /readyz and, on the coordinator, more pages.
#ifndef WEIR_BASE_HTTP_SERVER_H_
#define WEIR_BASE_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace weir {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Handlers run on the server's own threads (at most 4). The destructor stops serving.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  // "127.0.0.1:7071", with the real port when 0 was asked for.
  virtual const std::string& address() const = 0;
};

struct HttpRoutes {
  std::function<HttpResponse()> metrics;
  std::function<HttpResponse()> ready;  // 200 or 503 with the reason
  std::function<HttpResponse()> index;  // "/", may be empty
};

// FAILED_PRECONDITION "address ... is in use ..." when the port is taken.
absl::StatusOr<std::unique_ptr<HttpServer>> StartHttpServer(const std::string& address,
                                                            HttpRoutes routes);

}  // namespace weir

#endif  // WEIR_BASE_HTTP_SERVER_H_
