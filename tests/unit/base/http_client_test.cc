// Against a server of this process that answers raw bytes, so that it can break off anywhere.
#include "base/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

// Serves one connection after the other; `serve` gets each socket and closes it by returning.
class RawServer {
 public:
  explicit RawServer(std::function<void(int socket, int number)> serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] {
      for (int number = 0;; ++number) {
        const int connection = accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        serve_(connection, number);
        close(connection);
      }
    });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& url() const { return url_; }

  // One request from the socket: its head and a body of `body_bytes`; "" at the end.
  static std::string Read(int connection, size_t body_bytes = 0) {
    std::string text;
    char buffer[4096];
    while (true) {
      const size_t head = text.find("\r\n\r\n");
      if (head != text.npos && text.size() >= head + 4 + body_bytes) return text;
      const ssize_t got = recv(connection, buffer, sizeof(buffer), 0);
      if (got <= 0) return "";
      text.append(buffer, got);
    }
  }
  static void Write(int connection, const std::string& text) {
    send(connection, text.data(), text.size(), MSG_NOSIGNAL);
  }

 private:
  const std::function<void(int, int)> serve_;
  int listener_ = -1;
  std::string url_;
  std::thread thread_;
};

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"1\"\r\n\r\nok";

HttpRequest Request(const std::string& method, const std::string& url, std::string_view body = "") {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.body = body;
  request.timeout_ms = 5'000;
  return request;
}

TEST(HttpClientTest, SendsAndReceives) {
  std::string seen;
  RawServer server([&](int connection, int) {
    seen = RawServer::Read(connection, 5);
    RawServer::Write(connection, kOk);
  });
  const auto client = MakeHttpClient({});
  HttpRequest request = Request("PUT", server.url() + "/a%20b?x=1", "bytes");
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}};
  const auto reply = client->Do(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "ok");
  EXPECT_EQ(reply->Header("etag"), "\"1\"");
  EXPECT_EQ(reply->Header("missing"), "");
  EXPECT_THAT(seen, HasSubstr("PUT /a%20b?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nX-One: 1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_FALSE(absl::StrContains(seen, "Expect"));
}

TEST(HttpClientTest, KeepsTheConnection) {
  std::atomic<int> connections{0};
  std::atomic<int> requests{0};
  RawServer server([&](int connection, int) {
    ++connections;
    while (!RawServer::Read(connection).empty()) {
      ++requests;
      RawServer::Write(connection, kOk);
    }
  });
  const auto client = MakeHttpClient({});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client->Do(Request("GET", server.url())).ok());
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(connections, 1);
}

TEST(HttpClientTest, FollowsNoRedirect) {
  RawServer server([&](int connection, int) {
    RawServer::Read(connection);
    RawServer::Write(
        connection,
        "HTTP/1.1 307 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(MakeHttpClient({})->Do(Request("GET", server.url()))->status, 307);
}

TEST(HttpClientTest, SaysThatNothingWasSent) {
  std::string url;
  {
    url = RawServer([](int, int) {}).url();
  }
  const auto client = MakeHttpClient({});
  EXPECT_EQ(client->Do(Request("PUT", url, "x")).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->Do(Request("GET", "http://no-such-host.invalid/")).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->Do(Request("GET", "file:///etc/passwd")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HttpClientTest, DoesNotKnowWhatBecameOfALostRequest) {
  RawServer server([&](int connection, int number) {
    RawServer::Read(connection, 1);
    if (number == 1)
      RawServer::Write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntorn");
  });
  const auto client = MakeHttpClient({});
  EXPECT_EQ(client->Do(Request("PUT", server.url(), "x")).status().code(),
            absl::StatusCode::kUnknown);
  EXPECT_EQ(client->Do(Request("PUT", server.url(), "x")).status().code(),
            absl::StatusCode::kUnknown);
}

TEST(HttpClientTest, EndsAnExchangeInTime) {
  RawServer server([&](int connection, int) {
    RawServer::Read(connection, 1);
    RawServer::Read(connection, 1);  // until the client goes
  });
  HttpRequest request = Request("PUT", server.url(), "x");
  request.timeout_ms = 100;
  EXPECT_EQ(MakeHttpClient({})->Do(request).status().code(), absl::StatusCode::kUnknown);
}

// libcurl would send a body again when a kept connection breaks; the first may have been applied.
TEST(HttpClientTest, NeverSendsABodyTwice) {
  std::atomic<int> bodies{0};
  RawServer server([&](int connection, int number) {
    if (number == 0) {
      RawServer::Read(connection);
      RawServer::Write(connection, kOk);
    }
    if (!RawServer::Read(connection, 5).empty()) ++bodies;
    // Breaks off without an answer.
  });
  const auto client = MakeHttpClient({});
  ASSERT_TRUE(client->Do(Request("GET", server.url())).ok());
  EXPECT_EQ(client->Do(Request("PUT", server.url(), "bytes")).status().code(),
            absl::StatusCode::kUnknown);
  EXPECT_EQ(bodies, 1);
}

TEST(HttpClientTest, BoundsAReply) {
  RawServer server([&](int connection, int) {
    RawServer::Read(connection);
    RawServer::Write(connection, kOk);
  });
  HttpRequest request = Request("GET", server.url());
  request.reply_bytes_max = 1;
  EXPECT_EQ(MakeHttpClient({})->Do(request).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(HttpClientTest, GivesABodyToItsSinkUnlessItIsAnError) {
  RawServer server([&](int connection, int number) {
    RawServer::Read(connection);
    RawServer::Write(connection,
                     number == 0 ? kOk : "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nwhy");
  });
  const auto client = MakeHttpClient({});
  std::string got;
  HttpRequest request = Request("GET", server.url());
  request.sink = [&](const HttpReply& head, std::string_view bytes) {
    got += absl::StrCat(head.status, " ", std::string(bytes));
    return absl::OkStatus();
  };
  EXPECT_EQ(client->Do(request)->body, "");
  EXPECT_EQ(got, "200 ok");
  EXPECT_EQ(client->Do(request)->body, "why");
  EXPECT_EQ(got, "200 ok");
}

TEST(HttpClientTest, EndsWithTheErrorOfItsSink) {
  RawServer server([&](int connection, int) {
    RawServer::Read(connection);
    RawServer::Write(connection, kOk);
  });
  HttpRequest request = Request("GET", server.url());
  request.sink = [](const HttpReply&, std::string_view) {
    return absl::ResourceExhaustedError("disk full");
  };
  EXPECT_EQ(MakeHttpClient({})->Do(request).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(HttpClientTest, LetsNobodySmuggleAHeader) {
  HttpRequest request = Request("GET", "http://127.0.0.1:1/");
  request.headers = {{"x-token", "canary\r\nx-evil: 1"}};
  const absl::Status status = MakeHttpClient({})->Do(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(absl::StrContains(status.message(), "canary"));
}

}  // namespace
}  // namespace weir
