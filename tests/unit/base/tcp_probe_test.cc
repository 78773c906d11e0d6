#include "base/tcp_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

// A port of this machine; nobody accepts, the kernel answers.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    socklen_t size = sizeof(any);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&any), &size), 0);
    port_ = ntohs(any.sin_port);
  }
  ~Listener() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

TEST(TcpProbeTest, ListeningAnswersAndGoneRefuses) {
  Listener listener;
  EXPECT_EQ(ProbeTcp(listener.address(), 5000), ProbeResult::kAnswers);
  listener.Close();
  EXPECT_EQ(ProbeTcp(listener.address(), 5000), ProbeResult::kRefused);
}

TEST(TcpProbeTest, WhatCannotBeAskedIsSilent) {
  for (const char* address : {"", "w:1:2", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:http"}) {
    EXPECT_EQ(ProbeTcp(address, 50), ProbeResult::kSilent) << address;
  }
}

}  // namespace
}  // namespace weir
