#include "worker/exchange.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/memory_budget.h"
#include "gtest/gtest.h"
#include "tests/unit/worker/channels_test.h"
#include "worker/frame_codec.h"

namespace weir {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// Counts what happens on other threads and lets the test wait for it.
class Signal {
 public:
  void Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  bool AwaitAtLeast(int count) {
    absl::MutexLock lock(&mutex_);
    auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ExchangeTest : public ::testing::Test {
 protected:
  ExchangeTest()
      : inbox_([this] { pushed_.Add(); },
               [this](int64_t bytes) { receiver_->Grant(key_, bytes); }) {}

  void SetUp() override {
    receiver_ = MakeExchange();
    sender_ = MakeExchange();
    address_ = "127.0.0.1:" + std::to_string(*receiver_->Listen("127.0.0.1:0"));
    receiver_->Open(key_, EdgeTestSchema(), &inbox_);
  }

  void TearDown() override {
    channel_.reset();
    sender_->Shutdown();
    receiver_->Shutdown();
  }

  ChannelSender& Channel() {
    if (channel_ == nullptr) {
      channel_ = sender_->Connect(address_, key_,
                                  {[this] { woken_.Add(); },
                                   [this](EventTime time) {
                                     echoed_ = time.micros;
                                     echoes_.Add();
                                   }});
    }
    return *channel_;
  }

  Element Receive(int nth) {
    EXPECT_TRUE(pushed_.AwaitAtLeast(nth)) << "element " << nth << " never arrived";
    std::optional<Element> element = inbox_.Pop();
    return element ? *std::move(element) : Element(End{});
  }

  const ChannelKey key_{"job-1", Generation(3), 0, 1, 0};
  std::unique_ptr<Exchange> receiver_, sender_;
  std::string address_;
  Signal pushed_, woken_, echoes_;
  std::atomic<int64_t> echoed_{0};
  Inbox inbox_;
  std::unique_ptr<ChannelSender> channel_;
};

TEST_F(ExchangeTest, ElementsArriveInOrderAndUnchanged) {
  ASSERT_TRUE(Channel().Send(StatusChange{ChannelStatus::kActive}).ok());
  ASSERT_TRUE(Channel().Send(EdgeTestBatch({1, 2, 3}, {10, 20, 30})).ok());
  ASSERT_TRUE(Channel().Send(Watermark{EventTime{-5}}).ok());
  ASSERT_TRUE(Channel().Send(Barrier{Generation(3), CheckpointId(9), true}).ok());
  ASSERT_TRUE(Channel().Send(End{}).ok());
  EXPECT_EQ(std::get<StatusChange>(Receive(1)).status, ChannelStatus::kActive);
  EXPECT_EQ(ValuesOf(std::get<Batch>(Receive(2))), (std::vector<int64_t>{10, 20, 30}));
  EXPECT_EQ(std::get<Watermark>(Receive(3)).time, EventTime{-5});
  const Barrier barrier = std::get<Barrier>(Receive(4));
  EXPECT_EQ(barrier.id, CheckpointId(9));
  EXPECT_EQ(barrier.generation, Generation(3));
  EXPECT_TRUE(barrier.last);
  EXPECT_TRUE(std::holds_alternative<End>(Receive(5)));
  EXPECT_GT(Channel().remote_bytes(), 0);
}

TEST_F(ExchangeTest, WithoutCreditRowsWaitAndABarrierPasses) {
  const std::vector<uint16_t> groups(8192, 1);
  const std::vector<int64_t> values(8192, 2);
  // The first frame, whatever it is, is answered with what the channel may hold.
  ASSERT_TRUE(Channel().Send(StatusChange{ChannelStatus::kActive}).ok());
  ASSERT_TRUE(woken_.AwaitAtLeast(1));
  int sent = 0;
  while (Channel().CanSend()) {
    ASSERT_TRUE(Channel().Send(EdgeTestBatch(groups, values)).ok());
    ASSERT_LT(++sent, 1000) << "credit never ends";
  }
  ASSERT_TRUE(Channel().Send(Barrier{Generation(3), CheckpointId(1), false}).ok());
  ASSERT_TRUE(pushed_.AwaitAtLeast(sent + 2)) << "the barrier is held up";
  EXPECT_FALSE(Channel().CanSend());
  // Bounded: one step may overshoot by one batch, not more.
  EXPECT_LT(inbox_.bytes(), kChannelBytesMax + 8192 * 12);
  EXPECT_GT(inbox_.bytes(), kChannelBytesMax / 2);
  for (int i = 0; i < sent + 1; ++i) ASSERT_TRUE(inbox_.Pop().has_value());
  ASSERT_TRUE(woken_.AwaitAtLeast(1 + sent));
  EXPECT_TRUE(Channel().CanSend());
}

// Thousands of channels share one budget: each holds less, and none nothing.
TEST(InboxMemory, ManyChannelsHoldLessEach) {
  MemoryBudget memory(32 << 20);
  std::vector<std::unique_ptr<Inbox>> inboxes;
  auto open = [&](size_t count) {
    while (inboxes.size() < count)
      inboxes.push_back(std::make_unique<Inbox>([] {}, [](int64_t) {}, &memory));
    return inboxes[0]->capacity();
  };
  EXPECT_EQ(open(1), kChannelBytesMax);
  EXPECT_EQ(open(64), (32 << 20) / 64 / 2);
  EXPECT_EQ(open(2'000), kChannelBytesMin);
  const std::unique_ptr<ChannelSender> sender = MakeLocalSender(inboxes[0].get());
  EXPECT_TRUE(sender->CanSend());
  inboxes[0]->Push(EdgeTestBatch({1}, {1}), kChannelBytesMin);
  EXPECT_FALSE(sender->CanSend());
  EXPECT_EQ(memory.used(), kChannelBytesMin);
  inboxes[0]->Pop();
  EXPECT_TRUE(sender->CanSend());
  inboxes[0]->Push(EdgeTestBatch({1}, {1}), 100);
  inboxes.clear();  // what nobody took in goes with its channel
  EXPECT_EQ(memory.used(), 0);
}

TEST_F(ExchangeTest, TheOwnersAnswerComesBack) {
  ASSERT_TRUE(Channel().Send(StatusChange{ChannelStatus::kActive}).ok());
  ASSERT_TRUE(pushed_.AwaitAtLeast(1));
  receiver_->Echo(key_, EventTime{777});
  ASSERT_TRUE(echoes_.AwaitAtLeast(1));
  EXPECT_EQ(echoed_, 777);
}

TEST_F(ExchangeTest, AFencedGenerationsFramesGoNowhere) {
  receiver_->Close(key_.job, key_.generation);
  ASSERT_TRUE(Channel().Send(EdgeTestBatch({1}, {1})).ok());
  // The next generation's channel shares the stream, so its frame comes behind the refused one.
  ChannelKey next = key_;
  next.generation = Generation(4);
  Signal pushed;
  Inbox inbox([&] { pushed.Add(); }, [](int64_t) {});
  receiver_->Open(next, EdgeTestSchema(), &inbox);
  auto channel = sender_->Connect(address_, next, {[] {}, [](EventTime) {}});
  ASSERT_TRUE(channel->Send(Watermark{EventTime{1}}).ok());
  ASSERT_TRUE(pushed.AwaitAtLeast(1));
  EXPECT_TRUE(inbox_.Empty());
  receiver_->Close(next.job, next.generation);
}

TEST_F(ExchangeTest, SendFailsOnceThePeerIsGone) {
  ASSERT_TRUE(Channel().Send(Watermark{EventTime{1}}).ok());
  ASSERT_TRUE(pushed_.AwaitAtLeast(1));
  receiver_->Shutdown();
  ASSERT_TRUE(woken_.AwaitAtLeast(1)) << "nobody told the sender";
  absl::Status status;
  const absl::Time deadline = absl::Now() + kPatience;
  while ((status = Channel().Send(Watermark{EventTime{2}})).ok() && absl::Now() < deadline) {
  }
  EXPECT_TRUE(IsPeerLost(status)) << status;
  EXPECT_TRUE(Channel().CanSend()) << "a broken channel must not look blocked";
}

// A peer that takes a connection and never reads: what is sent to it waits. It can then die.
class SilentPeer {
 public:
  SilentPeer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener_, 5), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(at.sin_port));
  }
  ~SilentPeer() { Die(); }
  void Die() {
    if (listener_ >= 0) close(std::exchange(listener_, -1));
  }
  const std::string& address() const { return address_; }

 private:
  int listener_;
  std::string address_;
};

bool Becomes(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// The kernel of a stopped process still takes connections. Whoever starts a job holds locks here.
TEST_F(ExchangeTest, APeerThatDoesNotAnswerHoldsNobodyUp) {
  const SilentPeer stopped;
  address_ = stopped.address();
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Channel().Send(Watermark{EventTime{1}}).ok());
  channel_.reset();
  sender_->Shutdown();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

// Workers of a pod get another address with every start.
TEST_F(ExchangeTest, LinksToLostPeersGoAndGiveBackWhatTheyHeld) {
  MemoryBudget memory(int64_t{64} << 20);
  const std::unique_ptr<Exchange> exchange = MakeExchange(&memory, PlainTransport());
  for (int i = 0; i < 5; ++i) {
    SilentPeer peer;
    auto channel = exchange->Connect(peer.address(), key_, {[] {}, [](EventTime) {}});
    while (memory.used() == 0) ASSERT_TRUE(channel->Send(EdgeTestBatch({1}, {1})).ok());
    peer.Die();
    ASSERT_TRUE(Becomes([&] { return IsPeerLost(channel->Send(Watermark{EventTime{1}})); }));
    EXPECT_TRUE(Becomes([&] { return memory.used() == 0; })) << memory.used();
    EXPECT_EQ(memory.fair_share(), memory.limit()) << "one link at a time, and this is it";
  }
  exchange->Shutdown();
}

TEST_F(ExchangeTest, RefusesAnAddressInUse) {
  EXPECT_EQ(MakeExchange()->Listen(address_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(FrameCodec, RefusesTornBytes) {
  const std::string bytes = *EncodeBatch(EdgeTestBatch({1, 2}, {3, 4}));
  ASSERT_TRUE(DecodeBatch(EdgeTestSchema(), bytes).ok());
  for (size_t length : {size_t{0}, size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_EQ(DecodeBatch(EdgeTestSchema(), bytes.substr(0, length)).status().code(),
              absl::StatusCode::kDataLoss)
        << length;
  }
}

TEST(FrameCodec, RefusesAnotherSchema) {
  const std::string bytes = *EncodeBatch(EdgeTestBatch({1, 2}, {3, 4}));
  auto other = arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::utf8()),
                              arrow::field("c", arrow::utf8())});
  EXPECT_FALSE(DecodeBatch(other, bytes).ok());
}

}  // namespace
}  // namespace weir
