// The HTTP side of each process: /metrics, /healthz, /readyz and, on the coordinator, more pages.
#ifndef WEIR_BASE_HTTP_SERVER_H_
#define WEIR_BASE_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/certificate.h"

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
  // "http://127.0.0.1:7071", or https.
  virtual std::string url() const = 0;
};

// What a request shows of who sent it.
struct HttpCaller {
  std::string authorization;     // the header, may be empty
  bool has_certificate = false;  // of the authority that the server trusts
  std::string host;              // that it asked for; the header, may be empty
};

// A GET or HEAD.
struct HttpRequest {
  std::string path;  // decoded, without the query
  HttpCaller caller;
};

struct HttpRoutes {
  std::function<HttpResponse()> metrics;
  std::function<HttpResponse()> ready;  // 200 or 503 with the reason
  // All other paths; 404 where it knows none. May be empty.
  std::function<HttpResponse(const HttpRequest&)> pages;
  // Asked before all but /healthz and /readyz, which probes must reach: OK, or why not. Null = all.
  std::function<absl::Status(const HttpCaller&)> admit;
  std::string challenge;  // WWW-Authenticate of a 401, so that a browser asks; empty = none
};

// Every answer tells browsers to load nothing from elsewhere, to show it in no frame, to guess no
// type and to store nothing. Only GET and HEAD are served.
// With `tls` it speaks HTTPS only; a client may show a certificate, and one of another authority
// ends the connection. The files are read anew for each connection.
// FAILED_PRECONDITION "address ... is in use ..." when the port is taken.
absl::StatusOr<std::unique_ptr<HttpServer>> StartHttpServer(const std::string& address,
                                                            HttpRoutes routes,
                                                            const TlsFiles* tls = nullptr);

}  // namespace weir

#endif  // WEIR_BASE_HTTP_SERVER_H_
