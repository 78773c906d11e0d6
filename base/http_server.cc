#include "base/http_server.h"

#include <httplib.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr int kThreads = 4;
// An idle scraper's connection holds one of the threads, so it is let go soon.
constexpr int kKeepAliveSeconds = 2;
constexpr int kRequestBytesMax = 64 * 1024;

void Reply(const HttpResponse& from, httplib::Response& to) {
  to.status = from.status;
  to.set_header("X-Content-Type-Options", "nosniff");
  to.set_content(from.body, from.content_type.c_str());
}

class LibraryHttpServer : public HttpServer {
 public:
  explicit LibraryHttpServer(HttpRoutes routes) : routes_(std::move(routes)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_keep_alive_timeout(kKeepAliveSeconds);
    server_.set_payload_max_length(kRequestBytesMax);
    // The library's default, SO_REUSEPORT, would let two processes share the port in silence.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    AddRoutes();
  }

  ~LibraryHttpServer() override {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  absl::Status Bind(const HostPort& wanted) {
    errno = 0;
    int port = wanted.port;
    if (port == 0) {
      port = server_.bind_to_any_port(wanted.host);
    } else if (!server_.bind_to_port(wanted.host, port)) {
      port = -1;
    }
    if (port <= 0) return BindError(wanted, errno);
    address_ = ToString(HostPort{wanted.host, port});
    return absl::OkStatus();
  }

  void Serve() {
    thread_ = std::thread([this] {
      SetThreadName("http/accept");
      server_.listen_after_bind();
    });
    // stop() of a server that has not begun to listen does nothing, so a destructor that came
    // sooner would wait for ever.
    while (!server_.is_running()) std::this_thread::yield();
  }

  const std::string& address() const override { return address_; }

 private:
  void AddRoutes() {
    server_.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      Reply(HttpResponse{.body = "ok\n"}, response);
    });
    Add("/metrics", routes_.metrics);
    Add("/readyz", routes_.ready);
    Add("/", routes_.index);
    server_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      response.set_content(absl::StrCat(response.status, " ", request.method, " ", request.path,
                                        "; see /metrics, /healthz, /readyz\n"),
                           "text/plain; charset=utf-8");
    });
  }

  void Add(const char* path, const std::function<HttpResponse()>& handler) {
    if (handler == nullptr) return;
    server_.Get(path, [&handler](const httplib::Request&, httplib::Response& response) {
      Reply(handler(), response);
    });
  }

  static absl::Status BindError(const HostPort& address, int error) {
    if (error == EADDRINUSE) {
      return absl::FailedPreconditionError(absl::StrCat(
          "address ", ToString(address),
          " is in use by another process; stop that one or choose another with --http"));
    }
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", ToString(address), ": ",
                     error == 0 ? "not an address of this machine" : std::strerror(error),
                     "; choose another with --http"));
  }

  const HttpRoutes routes_;
  httplib::Server server_;
  std::string address_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> StartHttpServer(const std::string& address,
                                                            HttpRoutes routes) {
  WEIR_ASSIGN_OR_RETURN(const HostPort wanted, ParseHostPort(address));
  auto server = std::make_unique<LibraryHttpServer>(std::move(routes));
  WEIR_RETURN_IF_ERROR(server->Bind(wanted));
  server->Serve();
  return server;
}

}  // namespace weir
