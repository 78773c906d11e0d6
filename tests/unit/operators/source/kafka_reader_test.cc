// The reader against librdkafka's in-process broker. What that one can't show (transactions,
// truncation, outages) is in tests/integration/test_kafka_reader.py.
#include "operators/source/kafka_reader.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/memory_budget.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "librdkafka/rdkafka.h"
#include "model/options.h"
#include "operators/bad_rows.h"
#include "operators/source/dev_broker.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTopic[] = "events";

class KafkaReaderTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto broker = StartDevBroker();
    ASSERT_TRUE(broker.ok()) << broker.status();
    broker_ = broker->release();
  }
  static void TearDownTestSuite() { delete broker_; }

  KafkaReaderTest() {
    spec_.brokers = kDevBrokers;
    // A topic for each test.
    spec_.topic =
        std::string(kTopic) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name();
    options_.dev_brokers = broker_->brokers();
    readers_ = MakeKafkaReaderFactory(options_, SystemClock());
  }

  // Waits until the broker has them.
  void Produce(int32_t partition, const std::vector<std::optional<std::string>>& values,
               const std::string& key = "") {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[512];
    rd_kafka_conf_set(conf, "bootstrap.servers", broker_->brokers().c_str(), error, sizeof(error));
    rd_kafka_conf_set(conf, "linger.ms", "0", error, sizeof(error));
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ASSERT_NE(producer, nullptr) << error;
    for (const std::optional<std::string>& value : values) {
      void* bytes = value ? const_cast<char*>(value->data()) : nullptr;
      const size_t size = value ? value->size() : 0;
      const void* key_bytes = key.empty() ? nullptr : key.data();
      ASSERT_EQ(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(spec_.topic.c_str()),
                                  RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_VALUE(bytes, size),
                                  RD_KAFKA_V_KEY(key_bytes, key.size()),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    EXPECT_EQ(rd_kafka_flush(producer, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
  }

  void Open(const std::vector<int64_t>& offsets) {
    auto reader = readers_->Open(spec_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
    reader_->SetWake([this] {
      absl::MutexLock lock(&mutex_);
      woken_ = true;
    });
    for (size_t p = 0; p < offsets.size(); ++p) {
      ASSERT_TRUE(reader_->Assign(static_cast<int32_t>(p), offsets[p]).ok());
    }
  }

  // Waits for a wake; false when none came for long.
  bool AwaitWake() {
    absl::MutexLock lock(&mutex_);
    const bool woken = mutex_.AwaitWithTimeout(absl::Condition(&woken_), absl::Seconds(20));
    woken_ = false;
    return woken;
  }

  // Polls, sleeping between wakes, until the position is reached.
  std::vector<RawRecords> ReadTo(int32_t partition, int64_t position, int max_records = 1000,
                                 int64_t max_bytes = 1 << 20) {
    std::vector<RawRecords> polls;
    for (;;) {
      auto polled = reader_->Poll(partition, max_records, max_bytes);
      EXPECT_TRUE(polled.ok()) << polled.status();
      if (!polled.ok()) return polls;
      const bool any = polled->records.size() > 0;
      if (any) polls.push_back(std::move(polled->records));
      if (polled->position >= position) return polls;
      if (!any && !AwaitWake()) {
        ADD_FAILURE() << "stuck at " << polled->position << ": " << reader_->Trouble();
        return polls;
      }
    }
  }

  static inline DevBroker* broker_ = nullptr;
  KafkaSpec spec_;
  KafkaReaderOptions options_;
  std::unique_ptr<PartitionReaderFactory> readers_;
  absl::Mutex mutex_;
  bool woken_ = false;
  std::unique_ptr<PartitionReader> reader_;
};

std::vector<std::string> Values(const std::vector<RawRecords>& polls) {
  std::vector<std::string> values;
  for (const RawRecords& raw : polls) {
    for (int64_t i = 0; i < raw.size(); ++i) {
      values.push_back(raw.IsTombstone(i) ? "<tombstone>" : std::string(raw.Payload(i)));
    }
  }
  return values;
}

TEST_F(KafkaReaderTest, ReadsFromAnOffsetInOrder) {
  Produce(0, {"a", "b", "", std::nullopt, "c"}, "key");
  Open({1});
  const std::vector<RawRecords> polls = ReadTo(0, 5);
  EXPECT_THAT(Values(polls), ElementsAre("b", "", "<tombstone>", "c"));
  EXPECT_EQ(polls[0].offsets[0], 1);
  EXPECT_EQ(polls[0].Key(0), "key");
  EXPECT_GT(polls[0].timestamps_ms[0], 1'600'000'000'000);
}

TEST_F(KafkaReaderTest, LeavesTheLayoutThatTheDecoderLikes) {
  Produce(0, {"one", std::nullopt, "three"}, "key");
  Open({0});
  // How many polls it takes depends on how the producer was scheduled.
  for (const RawRecords& raw : ReadTo(0, 3)) {
    std::string payloads, keys;
    for (int64_t i = 0; i < raw.size(); ++i) {
      if (!raw.IsTombstone(i)) payloads += std::string(raw.Payload(i)) + "\n";
      keys += raw.Key(i);
    }
    EXPECT_EQ(raw.arena, payloads + keys);
    EXPECT_EQ(keys.size(), 3u * static_cast<size_t>(raw.size()));
  }
}

TEST_F(KafkaReaderTest, BoundsWhatOnePollReturnsAndLosesNothing) {
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::to_string(i) + std::string(100, 'x'));
  Produce(0, values);
  Open({0});
  int64_t next = 0;
  for (const RawRecords& raw : ReadTo(0, 500, /*max_records=*/7)) {
    EXPECT_LE(raw.size(), 7);
    for (int64_t offset : raw.offsets) EXPECT_EQ(offset, next++);
  }
  for (const RawRecords& raw : ReadTo(0, 1000, 1000, /*max_bytes=*/1024)) {
    EXPECT_LE(raw.arena.size(), 1024u + 200);
    for (int64_t offset : raw.offsets) EXPECT_EQ(offset, next++);
  }
  EXPECT_EQ(next, 1000);
}

TEST_F(KafkaReaderTest, SmallPrefetchStillReadsOn) {
  options_.prefetch_bytes = 1;  // The least that the limits allow.
  readers_ = MakeKafkaReaderFactory(options_, SystemClock());
  std::vector<std::optional<std::string>> values(8000, std::string(200, 'x'));
  Produce(0, values);
  Open({0});
  EXPECT_EQ(Values(ReadTo(0, 8000)).size(), 8000u);
}

TEST_F(KafkaReaderTest, PartitionsHaveQueuesOfTheirOwn) {
  Produce(0, {"a"});
  Produce(1, {"b", "c"});
  Open({0, 0});
  EXPECT_THAT(Values(ReadTo(1, 2)), ElementsAre("b", "c"));
  EXPECT_THAT(Values(ReadTo(0, 1)), ElementsAre("a"));
}

TEST_F(KafkaReaderTest, PartitionAssignedLater) {
  Produce(0, {"a"});
  Produce(1, {"b"});
  Open({0});
  EXPECT_THAT(Values(ReadTo(0, 1)), ElementsAre("a"));
  ASSERT_TRUE(reader_->Assign(1, 0).ok());
  EXPECT_THAT(Values(ReadTo(1, 1)), ElementsAre("b"));
  Produce(0, {"c"});
  EXPECT_THAT(Values(ReadTo(0, 2)), ElementsAre("c"));
}

TEST_F(KafkaReaderTest, EndIsUnknownThenWhatWasHeard) {
  Produce(0, {"a", "b"});
  Open({0});
  EXPECT_EQ(reader_->EndOffset(0), -1);
  ReadTo(0, 2);
  while (reader_->EndOffset(0) < 2) {
    ASSERT_TRUE(AwaitWake());
    ASSERT_TRUE(reader_->Poll(0, 1, 1).ok());
  }
  EXPECT_EQ(reader_->EndOffset(0), 2);
  EXPECT_EQ(reader_->Trouble(), "");
}

TEST_F(KafkaReaderTest, PositionOutsideIsAnError) {
  Produce(0, {"a", "b"});
  Open({7});
  absl::Status status;
  while ((status = reader_->Poll(0, 1, 1).status()).ok()) ASSERT_TRUE(AwaitWake());
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("position 7 is gone"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("0 to 2"));
}

TEST_F(KafkaReaderTest, UnreachableBrokersAreTroubleNotAnError) {
  spec_.brokers = "127.0.0.1:1";
  Open({0});
  while (reader_->Trouble().empty()) {
    auto polled = reader_->Poll(0, 1, 1);
    ASSERT_TRUE(polled.ok()) << polled.status();
    EXPECT_EQ(polled->position, 0);
    ASSERT_TRUE(AwaitWake());
  }
  EXPECT_THAT(reader_->Trouble(), HasSubstr("brokers 127.0.0.1:1 unreachable for "));
  EXPECT_EQ(reader_->EndOffset(0), -1);
}

TEST_F(KafkaReaderTest, Describes) {
  Produce(1, {"a", "b"});
  spec_.stop_at_latest = true;
  auto description = readers_->Describe(spec_, /*resolve_offsets=*/true, 10'000);
  ASSERT_TRUE(description.ok()) << description.status();
  ASSERT_EQ(description->partitions.size(), 4u);
  EXPECT_EQ(description->partitions[1].start_offset, 0);
  EXPECT_EQ(description->partitions[1].stop_offset, 2);
  EXPECT_EQ(description->partitions[0].stop_offset, 0);
  spec_.start.kind = StartPosition::Kind::kLatest;
  spec_.stop_at_latest = false;
  description = readers_->Describe(spec_, true, 10'000);
  EXPECT_EQ(description->partitions[1].start_offset, 2);
  EXPECT_EQ(description->partitions[1].stop_offset, -1);
}

TEST_F(KafkaReaderTest, DescribeTellsWhoGaveNoAnswer) {
  spec_.brokers = "127.0.0.1:1";
  const absl::Status status = readers_->Describe(spec_, true, 500).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
}

TEST_F(KafkaReaderTest, TheDevelopmentBrokerKnowsNoTimes) {
  spec_.start = {StartPosition::Kind::kTimestamp, 0};
  EXPECT_EQ(readers_->Describe(spec_, true, 500).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KafkaReaderTest, TheDevelopmentBrokerMustRun) {
  readers_ = MakeKafkaReaderFactory("");
  EXPECT_EQ(readers_->Open(spec_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(readers_->Describe(spec_, true, 500).status().message()),
              HasSubstr("weir dev --kafka"));
}

TEST_F(KafkaReaderTest, EndsWithoutHavingRead) {
  Produce(0, std::vector<std::optional<std::string>>(100, "x"));
  Open({0});
  ASSERT_TRUE(reader_->Poll(0, 1, 1).ok());
  reader_.reset();
  Open({0});
  reader_.reset();
}

absl::Status Refused(const std::string& property, const std::string& value) {
  KafkaSpec spec;
  spec.brokers = "127.0.0.1:1";
  spec.properties[property] = value;
  return MakeKafkaConf(spec, {}, PrefetchLimitsFor(0, 1)).status();
}

TEST(KafkaConf, AcceptsSecuritySettingsOnly) {
  EXPECT_TRUE(Refused("security.protocol", "PLAINTEXT").ok());
  EXPECT_TRUE(Refused("client.rack", "a").ok());
  for (const char* name : {"sasl.kerberos.kinit.cmd", "plugin.library.paths", "group.id",
                           "enable.auto.commit", "sasl.oauthbearer.token.endpoint.url", "x"}) {
    const absl::Status status = Refused(name, "true");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    EXPECT_THAT(std::string(status.message()), HasSubstr("security.protocol"));
  }
}

TEST(KafkaConf, RefusesMechanismsThatRunCommands) {
  for (const char* mechanism : {"GSSAPI", "OAUTHBEARER", "plain"}) {
    EXPECT_FALSE(Refused("sasl.mechanism", mechanism).ok()) << mechanism;
  }
  // Its default is GSSAPI.
  EXPECT_THAT(std::string(Refused("security.protocol", "SASL_SSL").message()),
              HasSubstr("needs sasl.mechanism"));
}

// Whatever SQL offers as a security setting must arrive.
TEST(KafkaConf, AcceptsWhatSqlOffers) {
  int settings = 0;
  for (const OptionSchema& option : KafkaSourceOptions()) {
    if (!IsSecuritySetting(option)) continue;
    ++settings;
    const std::string value = option.allowed.empty() ? "x" : std::string(option.allowed.front());
    const absl::Status status = Refused(std::string(option.name), value);
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("isn't accepted")))
        << option.name;
  }
  EXPECT_GE(settings, 10);
}

// What waits and one more fetch of each partition stay within the number, until the floors.
TEST(PrefetchLimits, HoldForAllPartitionsTogether) {
  for (const int partitions : {1, 4, 64, 250}) {
    const int64_t bytes = 16 << 20;
    const PrefetchLimits limits = PrefetchLimitsFor(bytes, partitions);
    EXPECT_LE(partitions * (limits.kbytes * 1024 + limits.fetch_bytes), bytes) << partitions;
    EXPECT_LE(partitions * limits.records * (kRecordOverheadBytes + 200), bytes / 2) << partitions;
    KafkaSpec spec;
    spec.brokers = "127.0.0.1:1";
    EXPECT_TRUE(MakeKafkaConf(spec, {}, limits).ok());
  }
  const PrefetchLimits least = PrefetchLimitsFor(1 << 20, 5'000);
  EXPECT_LE(5'000 * (least.kbytes * 1024 + least.fetch_bytes), LeastPrefetchBytes(5'000));
  KafkaSpec spec;
  spec.brokers = "127.0.0.1:1";
  EXPECT_TRUE(MakeKafkaConf(spec, {}, least).ok());
}

std::unique_ptr<KafkaReader> ReaderOf(MemoryBudget* memory, int partitions) {
  KafkaSpec spec;
  spec.brokers = "127.0.0.1:1";
  spec.topic = "many";
  auto reader =
      std::make_unique<KafkaReader>(spec, KafkaReaderOptions{.memory = memory}, SystemClock());
  for (int p = 0; p < partitions; ++p) EXPECT_TRUE(reader->Assign(p, 0).ok());
  return reader;
}

// Each reader alone kept to its bound before, and many of them to none.
TEST(KafkaReaderMemory, ReadersOfAProcessShareOneBudget) {
  MemoryBudget memory(16 << 20);
  {
    const auto first = ReaderOf(&memory, 4), second = ReaderOf(&memory, 4);
    ASSERT_TRUE(first->Poll(0, 1, 1).ok());
    ASSERT_TRUE(second->Poll(0, 1, 1).ok());
    EXPECT_EQ(memory.used(), 8 << 20);
    const auto third = ReaderOf(&memory, 4);
    ASSERT_TRUE(third->Poll(0, 1, 1).ok());
    EXPECT_GT(memory.used(), 8 << 20);
    EXPECT_LT(memory.used(), 12 << 20);
  }
  EXPECT_EQ(memory.used(), 0);
}

TEST(KafkaReaderMemory, TooManyPartitionsAreRefusedByName) {
  MemoryBudget memory(16 << 20);
  const auto fits = ReaderOf(&memory, 600);
  ASSERT_TRUE(fits->Poll(0, 1, 1).ok());
  const auto reader = ReaderOf(&memory, 600);
  const absl::Status refused = reader->Poll(0, 1, 1).status();
  EXPECT_TRUE(IsFatal(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("600 partitions of topic 'many' needs 10 MiB"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--memory"));
}

TEST(PrefetchLimits, SharedAmongPartitionsDownToAFloor) {
  const PrefetchLimits one = PrefetchLimitsFor(64 << 20, 1);
  const PrefetchLimits eight = PrefetchLimitsFor(64 << 20, 8);
  EXPECT_EQ(one.kbytes, 32768);
  EXPECT_EQ(eight.kbytes, 4096);
  EXPECT_GT(one.records, 7 * eight.records);
  EXPECT_EQ(PrefetchLimitsFor(0, 0).kbytes, 8);
  EXPECT_EQ(PrefetchLimitsFor(0, 0).records, 14);
}

}  // namespace
}  // namespace weir
