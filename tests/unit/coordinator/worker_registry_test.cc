#include "coordinator/worker_registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeSession : public WorkerSession {
 public:
  void Send(const ToWorker& message) override {
    if (std::holds_alternative<WelcomeMessage>(message.body)) welcomed = true;
    if (const auto* no = std::get_if<RefusedMessage>(&message.body)) refused = no->why;
  }
  void Close() override { closed = true; }

  bool welcomed = false;
  bool closed = false;
  std::string refused;
};

class WorkerRegistryTest : public ::testing::Test {
 protected:
  struct Process {
    std::shared_ptr<FakeSession> session = std::make_shared<FakeSession>();
    WorkerRegistration registration;
  };
  Process Register(const std::string& address, const std::string& instance) {
    Process process;
    process.registration.address = address;
    process.registration.slots = 1;
    process.registration.instance = instance;
    registry_.OnRegister(process.session, process.registration, now_us_, 0);
    return process;
  }
  void Heartbeat(const Process& process) {
    WorkerRegistry::Worker* worker = registry_.Hear(process.session, now_us_);
    ASSERT_NE(worker, nullptr);
    registry_.OnHeartbeat(worker, {}, now_us_);
  }
  const WorkerRegistry::Worker* Close(const Process& process, bool* replaced) {
    return registry_.OnClosed(process.session, now_us_, 0, replaced);
  }
  std::vector<std::string> Instances() {
    std::vector<std::string> instances;
    for (const auto& [id, worker] : registry_.workers()) {
      instances.push_back(worker.registration.instance);
    }
    return instances;
  }

  int64_t now_us_ = 1'000'000;
  WorkerRegistry registry_{"/data"};
};

TEST_F(WorkerRegistryTest, ASecondProcessIsRefusedWhileTheFirstLives) {
  const Process first = Register("w:1", "a");
  const Process second = Register("w:1", "b");
  EXPECT_FALSE(second.session->welcomed);
  Heartbeat(first);
  EXPECT_EQ(second.session->refused, "") << "that heartbeat may have been on its way";
  now_us_ += kSignOfLifeUs;
  Heartbeat(first);
  EXPECT_THAT(second.session->refused, HasSubstr("registered as w:1 and alive"));
  EXPECT_THAT(second.session->refused, HasSubstr("--advertise"));
  EXPECT_TRUE(second.session->closed);
  EXPECT_FALSE(first.session->closed);
  EXPECT_THAT(Instances(), ElementsAre("a"));
}

TEST_F(WorkerRegistryTest, ARestartedProcessTakesItsPlaceWhenTheStreamBreaks) {
  const Process first = Register("w:1", "a");
  const Process second = Register("w:1", "b");
  bool replaced = false;
  EXPECT_EQ(Close(first, &replaced), nullptr);
  EXPECT_TRUE(replaced);
  EXPECT_TRUE(second.session->welcomed);
  EXPECT_THAT(Instances(), ElementsAre("b"));
}

TEST_F(WorkerRegistryTest, ARestartedProcessTakesItsPlaceWhenTheLeaseRunsOut) {
  const Process first = Register("w:1", "a");
  now_us_ += kLeaseUs - 1;
  const Process second = Register("w:1", "b");
  EXPECT_THAT(registry_.Expire(now_us_, 0), IsEmpty());
  now_us_ += 1;
  EXPECT_THAT(registry_.Expire(now_us_, 0), ElementsAre("w:1"));
  EXPECT_TRUE(first.session->closed);
  EXPECT_THAT(Instances(), ElementsAre("b"));
}

TEST_F(WorkerRegistryTest, OneThatWaitsMayLeave) {
  const Process first = Register("w:1", "a");
  const Process second = Register("w:1", "b");
  bool replaced = false;
  EXPECT_EQ(Close(second, &replaced), nullptr);
  EXPECT_EQ(Close(first, &replaced)->registration.instance, "a");
  EXPECT_FALSE(replaced);
  EXPECT_FALSE(second.session->welcomed);
}

TEST_F(WorkerRegistryTest, OnlyTheLastOfThoseThatWaitGetsIn) {
  const Process first = Register("w:1", "a");
  const Process second = Register("w:1", "b");
  const Process third = Register("w:1", "c");
  EXPECT_TRUE(second.session->closed);
  bool replaced = false;
  Close(first, &replaced);
  EXPECT_THAT(Instances(), ElementsAre("c"));
}

TEST_F(WorkerRegistryTest, ABrokenStreamMakesASuspectThatTheSameProcessReplaces) {
  const Process first = Register("w:1", "a");
  bool replaced = false;
  const std::string id = Close(first, &replaced)->id;
  EXPECT_TRUE(registry_.Find(id)->suspect);
  EXPECT_EQ(registry_.Any(), nullptr) << "nobody to ask";
  EXPECT_EQ(Close(first, &replaced), nullptr) << "told twice" << registry_.workers().size();
  const Process again = Register("w:1", "a");
  EXPECT_TRUE(again.session->welcomed);
  EXPECT_EQ(registry_.Find(id), nullptr);
  EXPECT_THAT(registry_.workers(), SizeIs(1));
}

TEST_F(WorkerRegistryTest, WhoIsGoneForCertainIsRemembered) {
  const Process first = Register("w:1", "a");
  const Process second = Register("w:2", "b");
  bool replaced = false;
  const std::string gone = Close(first, &replaced)->id;
  const std::string silent = Close(second, &replaced)->id;
  EXPECT_TRUE(registry_.Remove(gone, /*gone=*/true));
  EXPECT_TRUE(registry_.Remove(silent, /*gone=*/false));
  EXPECT_FALSE(registry_.Remove(gone, /*gone=*/true)) << "twice";
  EXPECT_THAT(registry_.gone(), ElementsAre(gone));
}

TEST_F(WorkerRegistryTest, OthersAddressesAreTheirOwn) {
  Register("w:1", "a");
  const Process other = Register("w:2", "b");
  EXPECT_TRUE(other.session->welcomed);
  EXPECT_THAT(registry_.workers(), SizeIs(2));
  registry_.Clear();
  EXPECT_TRUE(other.session->closed);
  EXPECT_THAT(registry_.workers(), IsEmpty());
}

}  // namespace
}  // namespace weir
