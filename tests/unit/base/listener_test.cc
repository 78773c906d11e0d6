#include "base/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace weir {
namespace {

using testing::HasSubstr;

// From an address of this machine; -1 when nobody listens.
int Connect(int port, const std::string& from = "127.0.0.1") {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, from.c_str(), &address.sin_addr);
  EXPECT_EQ(bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return socket;
  close(socket);
  return -1;
}

// Whether the other end closed the connection, which a listener does at once or not at all.
bool IsClosedByPeer(int socket) {
  pollfd polled = {socket, POLLIN, 0};
  char byte;
  return poll(&polled, 1, 10'000) == 1 && recv(socket, &byte, 1, 0) <= 0;
}

class ListenerTest : public testing::Test {
 protected:
  void Listen(const ListenerBounds& bounds) {
    auto opened = Listener::Open("--listen", {"127.0.0.1", 0}, bounds);
    ASSERT_TRUE(opened.ok()) << opened.status();
    listener_ = *std::move(opened);
    listener_->Start([this](int socket) {
      absl::MutexLock lock(&mutex_);
      taken_.push_back(socket);
    });
  }
  ~ListenerTest() override {
    listener_.reset();
    for (const int socket : taken_) close(socket);
    for (const int socket : made_) close(socket);
  }
  int Made(const std::string& from = "127.0.0.1") {
    made_.push_back(Connect(listener_->port(), from));
    return made_.back();
  }
  bool AwaitTaken(size_t count) {
    absl::MutexLock lock(&mutex_);
    auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return taken_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
  }
  void CloseOneTaken() {
    absl::MutexLock lock(&mutex_);
    close(taken_.back());
    taken_.pop_back();
  }

  absl::Mutex mutex_;
  std::vector<int> taken_;
  std::vector<int> made_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HandsOutNoMoreThanItMay) {
  Listen({.connections_max = 3, .per_address_max = 3});
  for (int i = 0; i < 3; ++i) Made();
  ASSERT_TRUE(AwaitTaken(3));
  EXPECT_TRUE(IsClosedByPeer(Made()));
  EXPECT_TRUE(IsClosedByPeer(Made("127.0.0.2")));
  CloseOneTaken();
  Made();
  EXPECT_TRUE(AwaitTaken(3));
}

TEST_F(ListenerTest, OneAddressLeavesPlacesToOthers) {
  Listen({.connections_max = 10, .per_address_max = 2});
  Made();
  Made();
  ASSERT_TRUE(AwaitTaken(2));
  EXPECT_TRUE(IsClosedByPeer(Made()));
  Made("127.0.0.2");
  Made("127.0.0.2");
  EXPECT_TRUE(AwaitTaken(4));
  EXPECT_TRUE(IsClosedByPeer(Made("127.0.0.2")));
}

TEST_F(ListenerTest, HearsAgainOnceThereAreFilesAgain) {
  Listen({.connections_max = 1'000, .per_address_max = 1'000});
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  const int next = dup(socket);
  close(next);
  none.rlim_cur = static_cast<rlim_t>(next);  // no new files; those there stay
  setrlimit(RLIMIT_NOFILE, &none);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(listener_->port()));
  EXPECT_EQ(connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  made_.push_back(socket);
  {
    absl::MutexLock lock(&mutex_);
    auto any = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !taken_.empty(); };
    EXPECT_FALSE(mutex_.AwaitWithTimeout(absl::Condition(&any), absl::Milliseconds(300)));
  }
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(AwaitTaken(1));
  Made();
  EXPECT_TRUE(AwaitTaken(2));
}

TEST_F(ListenerTest, StopsWhenDestroyed) {
  Listen({.connections_max = 3, .per_address_max = 3});
  const int port = listener_->port();
  Made();
  ASSERT_TRUE(AwaitTaken(1));
  listener_.reset();
  EXPECT_EQ(Connect(port), -1);
}

TEST(ListenerOpenTest, NamesWhatCannotBeListenedOn) {
  const ListenerBounds bounds{.connections_max = 1, .per_address_max = 1};
  const auto first = Listener::Open("--listen", {"127.0.0.1", 0}, bounds);
  ASSERT_TRUE(first.ok());
  for (const HostPort& taken : {HostPort{"127.0.0.1", (*first)->port()}, HostPort{"192.0.2.1", 0},
                                HostPort{"no such host", 1}}) {
    const absl::Status status = Listener::Open("--listen", taken, bounds).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("choose another --listen"));
  }
}

TEST(ListenerOpenTest, ListensEverywhere) {
  const ListenerBounds bounds{.connections_max = 1, .per_address_max = 1};
  for (const char* host : {"0.0.0.0", "::", "localhost"}) {
    const auto opened = Listener::Open("--listen", {host, 0}, bounds);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const int socket = Connect((*opened)->port());
    EXPECT_GE(socket, 0) << host;
    close(socket);
  }
}

}  // namespace
}  // namespace weir
