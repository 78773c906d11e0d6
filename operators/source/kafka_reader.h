// PartitionReader over librdkafka.
#ifndef WEIR_OPERATORS_SOURCE_KAFKA_READER_H_
#define WEIR_OPERATORS_SOURCE_KAFKA_READER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/memory_share.h"
#include "operators/source/kafka_config.h"
#include "operators/source/partition_reader.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_message_s;

namespace weir {

class Clock;

// One librdkafka client, started at the first Poll, when the number of partitions is known and
// `prefetch_bytes` can be shared out among their queues.
//
// The legacy ("simple") consumer is used on purpose: it needs no group id and no right to one,
// starts each partition at its own offset, and adding one disturbs no other. Each partition has a
// queue of its own, so that one that isn't polled holds up none.
//
// A topic that vanished after the start, and brokers that are away, are waited for (Trouble).
//
// What librdkafka can't tell: that a topic was deleted and created again with at least as many
// records as we had read. Fewer give OUT_OF_RANGE.
class KafkaReader : public PartitionReader {
 public:
  KafkaReader(KafkaSpec spec, KafkaReaderOptions options, Clock* clock);
  ~KafkaReader() override;

  absl::Status Assign(int32_t partition, int64_t next_offset) override;
  absl::StatusOr<Polled> Poll(int32_t partition, int max_records, int64_t max_bytes) override;
  int64_t EndOffset(int32_t partition) override;
  std::string Trouble() override;
  void SetWake(std::function<void()> wake) override;

 private:
  struct Partition {
    rd_kafka_queue_s* queue = nullptr;
    int64_t position = 0;
    bool at_end = false;  // the broker said so, and no record came since
    bool reachable = false;
    int stats_without_broker = 0;  // in a row
    int64_t last_stable_offset = -1;
    int64_t low_offset = -1;
    absl::Status error;   // final; returned by the next Poll
    std::string trouble;  // passing
    // How much the last poll returned, to reserve for the next.
    int64_t expected_bytes = 0;
    // The queue was nearly full and fetching may have paused (see Poke).
    bool was_full = false;
    int64_t record_bytes = 200;  // rolling average
  };
  struct Collector;

  absl::Status Start();
  absl::StatusOr<int64_t> ReservePrefetch(int partitions);
  absl::Status StartPartition(int32_t number, Partition* partition);
  // Runs callbacks that wait: errors, statistics.
  void ServeEvents();
  void Poke(int32_t number, Partition* partition, bool starving);

  void OnMessage(rd_kafka_message_s* message, Collector* out);
  void OnPartitionError(const rd_kafka_message_s* message, Collector* out);
  absl::Status OutOfRange(const Collector& out);
  void OnClientError(int error, const char* text);
  void OnStats(std::string_view json);
  void Answered(Partition* partition);
  void BrokersAnswered();
  static void WakeCallback(rd_kafka_s* client, void* reader);

  const KafkaSpec spec_;
  const KafkaReaderOptions options_;
  Clock* const clock_;

  rd_kafka_s* client_ = nullptr;  // null before the first Poll
  rd_kafka_topic_s* topic_ = nullptr;
  rd_kafka_queue_s* events_ = nullptr;
  PrefetchLimits limits_;
  std::map<int32_t, std::unique_ptr<Partition>> partitions_;
  int64_t last_poke_us_ = 0;
  MemoryShare memory_;  // reserved for fetching ahead

  // Brokers. All are believed away after an error that says so, or some statistics in a row without
  // one that is up.
  int64_t away_since_us_ = -1;  // -1 = some are there
  int64_t started_us_ = 0;
  int stats_without_broker_ = 0;
  std::string last_error_;

  std::atomic<bool> events_waiting_{false};
  absl::Mutex wake_mutex_;
  std::function<void()> wake_ ABSL_GUARDED_BY(wake_mutex_);
};

std::unique_ptr<PartitionReaderFactory> MakeKafkaReaderFactory(const KafkaReaderOptions& options,
                                                               Clock* clock);

// PartitionReaderFactory::Describe by librdkafka (kafka_describe.cc).
absl::StatusOr<SourceDescription> DescribeKafkaTopic(const KafkaSpec& spec,
                                                     const KafkaReaderOptions& options,
                                                     bool resolve_offsets, int timeout_ms);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_KAFKA_READER_H_
