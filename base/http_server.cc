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
  to.set_header("Content-Security-Policy",
                "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "object-src 'none'");
  to.set_header("X-Frame-Options", "DENY");
  to.set_header("Referrer-Policy", "no-referrer");
  to.set_header("Cross-Origin-Resource-Policy", "same-origin");
  to.set_header("Cache-Control", "no-store");
  to.set_content(from.body, from.content_type.c_str());
}

// Gives the connection the files as they are now: rotation needs no thread, and no lock around the
// context that all connections share.
int UseFiles(SSL* ssl, void* argument) {
  const TlsFiles& files = *static_cast<const TlsFiles*>(argument);
  X509_STORE* authorities = X509_STORE_new();
  const bool good = SSL_use_certificate_chain_file(ssl, files.cert.c_str()) == 1 &&
                    SSL_use_PrivateKey_file(ssl, files.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
                    X509_STORE_load_file(authorities, files.ca.c_str()) == 1 &&
                    SSL_set0_verify_cert_store(ssl, authorities) == 1;
  if (!good) X509_STORE_free(authorities);
  return good ? 1 : 0;
}

std::unique_ptr<httplib::Server> MakeServer(const TlsFiles* files) {
  if (files == nullptr) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>([files](SSL_CTX& context) {
    SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_cb(&context, UseFiles, const_cast<TlsFiles*>(files));
    return true;
  });
}

HttpCaller CallerOf(const httplib::Request& request) {
  HttpCaller caller;
  caller.authorization = request.get_header_value("Authorization");
  caller.host = request.get_header_value("Host");
  if (request.ssl == nullptr) return caller;
  X509* certificate = SSL_get1_peer_certificate(request.ssl);
  caller.has_certificate =
      certificate != nullptr && SSL_get_verify_result(request.ssl) == X509_V_OK;
  X509_free(certificate);
  return caller;
}

class LibraryHttpServer : public HttpServer {
 public:
  LibraryHttpServer(HttpRoutes routes, const TlsFiles* tls)
      : routes_(std::move(routes)),
        tls_(tls == nullptr ? TlsFiles() : *tls),
        library_(MakeServer(tls == nullptr ? nullptr : &tls_)),
        server_(*library_) {
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
  std::string url() const override {
    return absl::StrCat(tls_.cert.empty() ? "http://" : "https://", address_);
  }

 private:
  void AddRoutes() {
    server_.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      Reply(HttpResponse{.body = "ok\n"}, response);
    });
    Add("/readyz", routes_.ready, /*admit=*/false);
    Add("/metrics", routes_.metrics, /*admit=*/true);
    if (routes_.pages != nullptr) {
      server_.Get("/.*", [this](const httplib::Request& request, httplib::Response& response) {
        const HttpCaller caller = CallerOf(request);
        if (!Admit(caller, response)) return;
        const HttpResponse page = routes_.pages({request.path, caller});
        if (page.status == 404 && page.body.empty()) {
          response.status = 404;  // told by the error handler
          return;
        }
        Reply(page, response);
      });
    }
    server_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      Reply(HttpResponse{.status = response.status,
                         .body = absl::StrCat(response.status, " ", request.method, " ",
                                              request.path, "; see /metrics, /healthz, /readyz\n")},
            response);
    });
  }

  void Add(const char* path, const std::function<HttpResponse()>& handler, bool admit) {
    if (handler == nullptr) return;
    server_.Get(path, [this, &handler, admit](const httplib::Request& request,
                                              httplib::Response& response) {
      if (!admit || Admit(CallerOf(request), response)) Reply(handler(), response);
    });
  }

  // False when it has answered with a refusal.
  bool Admit(const HttpCaller& caller, httplib::Response& response) const {
    const absl::Status admitted =
        routes_.admit == nullptr ? absl::OkStatus() : routes_.admit(caller);
    if (admitted.ok()) return true;
    const bool unknown = absl::IsUnauthenticated(admitted);
    if (unknown && !routes_.challenge.empty()) {
      response.set_header("WWW-Authenticate", routes_.challenge);
    }
    Reply(
        HttpResponse{.status = unknown ? 401 : 403, .body = absl::StrCat(admitted.message(), "\n")},
        response);
    return false;
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
  const TlsFiles tls_;
  const std::unique_ptr<httplib::Server> library_;
  httplib::Server& server_;  // *library_
  std::string address_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> StartHttpServer(const std::string& address,
                                                            HttpRoutes routes,
                                                            const TlsFiles* tls) {
  WEIR_ASSIGN_OR_RETURN(const HostPort wanted, ParseHostPort(address));
  auto server = std::make_unique<LibraryHttpServer>(std::move(routes), tls);
  WEIR_RETURN_IF_ERROR(server->Bind(wanted));
  server->Serve();
  return server;
}

}  // namespace weir
