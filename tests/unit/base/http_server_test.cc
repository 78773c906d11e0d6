#include "base/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>

#include "base/address.h"
#include "base/metrics.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpRoutes Routes() {
  HttpRoutes routes;
  routes.metrics = [] { return HttpResponse{.body = "weir_up 1\n"}; };
  routes.ready = [] { return HttpResponse{.status = 503, .body = "no coordinator\n"}; };
  return routes;
}

httplib::Client ClientOf(const HttpServer& server) {
  const HostPort address = *ParseHostPort(server.address());
  return httplib::Client(address.host, address.port);
}

TEST(HttpServerTest, ServesItsRoutes) {
  auto server = StartHttpServer("127.0.0.1:0", Routes());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->address(), StartsWith("127.0.0.1:"));
  EXPECT_NE((*server)->address(), "127.0.0.1:0");
  auto client = ClientOf(**server);
  auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_EQ(metrics->body, "weir_up 1\n");
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  auto ready = client.Get("/readyz");
  EXPECT_EQ(ready->status, 503);
  EXPECT_EQ(ready->body, "no coordinator\n");
}

TEST(HttpServerTest, RefusesUnknownPagesAndMethods) {
  auto server = StartHttpServer("127.0.0.1:0", Routes());
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = ClientOf(**server);
  auto missing = client.Get("/secrets");
  EXPECT_EQ(missing->status, 404);
  EXPECT_THAT(missing->body, HasSubstr("/metrics"));
  EXPECT_EQ(client.Get("/")->status, 404) << "no pages were given";
  EXPECT_EQ(client.Post("/metrics", "x", "text/plain")->status, 404);
}

HttpRoutes RoutesWithPages() {
  HttpRoutes routes = Routes();
  routes.pages = [](const HttpRequest& request) {
    if (request.path == "/missing") return HttpResponse{.status = 404, .body = ""};
    if (request.path == "/gone") return HttpResponse{404, "application/json", "{}"};
    return HttpResponse{200, "text/html; charset=utf-8", "page " + request.path};
  };
  return routes;
}

TEST(HttpServerTest, PagesGetAllOtherPaths) {
  auto server = StartHttpServer("127.0.0.1:0", RoutesWithPages());
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = ClientOf(**server);
  EXPECT_EQ(client.Get("/")->body, "page /");
  EXPECT_EQ(client.Get("/a%20b/c?d=e")->body, "page /a b/c");
  EXPECT_EQ(client.Get("/metrics")->body, "weir_up 1\n");
  EXPECT_EQ(client.Get("/missing")->status, 404);
  EXPECT_THAT(client.Get("/missing")->body, HasSubstr("404 GET /missing"));
  EXPECT_EQ(client.Get("/gone")->body, "{}");
  auto head = client.Head("/");
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(client.Post("/", "x", "text/plain")->status, 404);
  EXPECT_EQ(client.Put("/", "x", "text/plain")->status, 404);
  EXPECT_EQ(client.Delete("/")->status, 404);
  EXPECT_EQ(client.Options("/")->status, 404);
}

TEST(HttpServerTest, EveryAnswerKeepsBrowsersFromElsewhere) {
  auto server = StartHttpServer("127.0.0.1:0", RoutesWithPages());
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = ClientOf(**server);
  for (const char* path : {"/", "/metrics", "/healthz", "/readyz", "/missing", "/gone"}) {
    auto answer = client.Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_THAT(answer->get_header_value("Content-Security-Policy"),
                AllOf(HasSubstr("default-src 'self'"), HasSubstr("frame-ancestors 'none'")))
        << path;
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(answer->get_header_value("X-Frame-Options"), "DENY") << path;
    EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store") << path;
    EXPECT_FALSE(answer->has_header("Access-Control-Allow-Origin")) << path;
  }
}

TEST(HttpServerTest, AsksWhoIsThere) {
  HttpRoutes routes = RoutesWithPages();
  routes.admit = [](const HttpCaller& caller) {
    if (caller.authorization.empty()) return absl::UnauthenticatedError("a token, please");
    if (caller.authorization != "Bearer good") return absl::PermissionDeniedError("not you");
    return absl::OkStatus();
  };
  routes.challenge = "Basic realm=\"weir\"";
  auto server = StartHttpServer("127.0.0.1:0", routes);
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = ClientOf(**server);
  for (const char* path : {"/", "/metrics", "/missing"}) {
    auto refused = client.Get(path);
    EXPECT_EQ(refused->status, 401) << path;
    EXPECT_EQ(refused->body, "a token, please\n");
    EXPECT_EQ(refused->get_header_value("WWW-Authenticate"), "Basic realm=\"weir\"");
    auto forbidden = client.Get(path, {{"Authorization", "Bearer other"}});
    EXPECT_EQ(forbidden->status, 403) << path;
    EXPECT_FALSE(forbidden->has_header("WWW-Authenticate"));
  }
  EXPECT_EQ(client.Get("/", {{"Authorization", "Bearer good"}})->status, 200);
  EXPECT_EQ(client.Get("/healthz")->status, 200) << "probes have nothing to show";
  EXPECT_EQ(client.Get("/readyz")->status, 503);
}

TEST(HttpServerTest, RefusesAPortInUse) {
  auto first = StartHttpServer("127.0.0.1:0", Routes());
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = StartHttpServer((*first)->address(), Routes());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr((*first)->address()), HasSubstr("is in use")));
}

TEST(HttpServerTest, FreesThePortWhenItGoes) {
  auto first = StartHttpServer("127.0.0.1:0", Routes());
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = (*first)->address();
  auto client = ClientOf(**first);
  client.set_keep_alive(true);
  ASSERT_TRUE(client.Get("/healthz"));
  first->reset();
  EXPECT_TRUE(StartHttpServer(address, Routes()).ok());
}

TEST(HttpServerTest, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "7071", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536"})
    EXPECT_EQ(StartHttpServer(address, Routes()).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  EXPECT_EQ(StartHttpServer("203.0.113.1:7071", Routes()).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "not an address of this machine";
}

TEST(AddressTest, ReadsHostsAndPorts) {
  EXPECT_EQ(*ParseHostPort("localhost:7070"), (HostPort{"localhost", 7070}));
  EXPECT_EQ(*ParseHostPort("[::1]:80"), (HostPort{"::1", 80}));
  EXPECT_EQ(ToString(HostPort{"::1", 80}), "[::1]:80");
  EXPECT_EQ(ToString(HostPort{"10.0.0.1", 80}), "10.0.0.1:80");
  for (const char* bad : {":80", "::1:80", "a:-1", "a:", "http://a:80", "[]:80"})
    EXPECT_EQ(ParseHostPort(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace weir
