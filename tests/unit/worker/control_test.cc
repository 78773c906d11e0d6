#include "worker/control.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// Takes connections and closes them: no coordinator.
class ClosingServer {
 public:
  ClosingServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener_, 5), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(at.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~ClosingServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& address() const { return address_; }
  // `count` further connections.
  bool AwaitTries(int count) {
    absl::MutexLock lock(&mutex_);
    const int goal = tries_ + count;
    auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return tries_ >= goal; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
  }

 private:
  void Serve() {
    for (int peer; (peer = accept(listener_, nullptr, nullptr)) >= 0; close(peer)) {
      absl::MutexLock lock(&mutex_);
      ++tries_;
    }
  }

  const int listener_;
  std::string address_;
  absl::Mutex mutex_;
  int tries_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

class Handler : public ControlHandler {
 public:
  void OnWelcome(const std::string&) override {}
  void OnDeploy(DeploymentSpec) override {}
  void OnStart(const JobId&, Generation) override {}
  void OnTrigger(const JobId&, Generation, CheckpointId, bool) override {}
  void OnPublished(const JobId&, Generation, CheckpointId) override {}
  void OnCancel(const JobId&, Generation, const std::string&) override {}
  void OnDescribeSource(int64_t, KafkaSpec, bool) override {}
  void OnAddPartitions(const JobId&, Generation, TaskId, std::vector<PartitionPosition>) override {}
  void OnDrain() override {}
  void OnDrained() override {}
  void OnGivenUp(const absl::Status& why) override {
    absl::MutexLock lock(&mutex_);
    given_up_ = why;
  }

  absl::Status given_up() {
    absl::MutexLock lock(&mutex_);
    return given_up_;
  }
  absl::Status AwaitGivenUp() {
    absl::MutexLock lock(&mutex_);
    auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !given_up_.ok(); };
    mutex_.AwaitWithTimeout(absl::Condition(&over), kPatience);
    return given_up_;
  }

 private:
  absl::Mutex mutex_;
  absl::Status given_up_ ABSL_GUARDED_BY(mutex_);
};

TEST(MayPassTest, IsSaidOfWhatLiesOutside) {
  for (const absl::Status& status :
       {absl::UnavailableError("no answer"), absl::UnknownError("answer lost"),
        absl::DeadlineExceededError("late"), absl::ResourceExhaustedError("disk full")}) {
    EXPECT_TRUE(MayPass(status)) << status;
  }
  for (const absl::Status& status :
       {absl::OkStatus(), absl::PermissionDeniedError("not yours"), absl::DataLossError("altered"),
        absl::OutOfRangeError("too large"), absl::InternalError("broken"),
        absl::FailedPreconditionError("gone"), absl::InvalidArgumentError("bad")}) {
    EXPECT_FALSE(MayPass(status)) << status;
  }
}

TEST(CoordinatorLinkTest, WaitsForTheFirstSessionByTheMonotonicClock) {
  ClosingServer server;
  Handler handler;
  FakeClock clock;
  const auto link = ConnectToCoordinator({server.address()}, Registration(), 60'000,
                                         PlainTransport(), &clock, &handler);
  ASSERT_TRUE(server.AwaitTries(1));
  clock.wall_us += int64_t{7'200} * 1'000'000;
  ASSERT_TRUE(server.AwaitTries(2));
  EXPECT_TRUE(handler.given_up().ok()) << "the wall clock was set, nothing else";
  clock.monotonic_us += int64_t{61} * 1'000'000;
  const absl::Status why = handler.AwaitGivenUp();
  EXPECT_EQ(why.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(why.message().find(server.address()), absl::string_view::npos) << why;
}

}  // namespace
}  // namespace weir
