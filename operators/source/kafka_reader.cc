#include "operators/source/kafka_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/status_macros.h"
#include "librdkafka/rdkafka.h"
#include "operators/bad_rows.h"
#include "operators/source/kafka_stats.h"

namespace weir {
namespace {

// Fetching is poked at most this often.
constexpr int64_t kPokeIntervalUs = 2'000;
constexpr int kOutOfRangeQueryMs = 1'000;
// One alone may have been made before the connection and be read after the first record.
constexpr int kStatsToBelieve = 2;

void OnLog(const rd_kafka_t*, int level, const char* facility, const char* text) {
  // Syslog levels. Lost and refused connections are told by Trouble(); warnings about settings are
  // about our own.
  std::string_view what = facility;
  if (level > 4 || what == "FAIL" || what == "ERROR" || what == "CONFWARN") {
    WEIR_LOG(kDebug, "librdkafka", {"facility", facility}, {"text", text});
  } else {
    WEIR_LOG(kWarning, "librdkafka", {"facility", facility}, {"text", text});
  }
}

// Errors of a partition that waiting may heal; librdkafka retries by itself.
bool MayPass(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return false;
    default:  // Over a hundred codes of brokers, and newer brokers have more.
      return true;
  }
}

absl::Status FinalError(rd_kafka_resp_err_t error, const std::string& where, const char* text) {
  std::string message = absl::StrCat(where, ": ", text, " (", rd_kafka_err2name(error), ")");
  if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
      error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
    return absl::PermissionDeniedError(
        absl::StrCat(message, "; grant the job's Kafka user READ on the topic"));
  }
  return absl::DataLossError(message);
}

}  // namespace

// What one Poll gathers. Keys are kept apart and appended at the end, so that payloads lie one
// behind the other, each followed by '\n': the layout that the decoder parses in one pass.
struct KafkaReader::Collector {
  KafkaReader* reader;
  Partition* partition;
  int max_records;
  int64_t max_bytes;
  RawRecords* records;
  std::string keys;
};

KafkaReader::KafkaReader(KafkaSpec spec, KafkaReaderOptions options, Clock* clock)
    : spec_(std::move(spec)),
      options_(std::move(options)),
      clock_(clock),
      memory_(options_.memory) {}

KafkaReader::~KafkaReader() {
  if (client_ == nullptr) return;
  rd_kafka_queue_cb_event_enable(events_, nullptr, nullptr);
  for (auto& [number, partition] : partitions_) {
    if (partition->queue == nullptr) continue;
    rd_kafka_queue_cb_event_enable(partition->queue, nullptr, nullptr);
    rd_kafka_consume_stop(topic_, number);
    // What is left in the queue of a partition whose topic was deleted keeps the partition, its
    // broker and rd_kafka_destroy waiting for each other (2.0.2).
    rd_kafka_consume_callback_queue(
        partition->queue, 0, [](rd_kafka_message_t*, void*) {}, nullptr);
    rd_kafka_queue_destroy(partition->queue);
  }
  rd_kafka_queue_destroy(events_);
  rd_kafka_topic_destroy(topic_);
  rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

absl::Status KafkaReader::Assign(int32_t partition, int64_t next_offset) {
  WEIR_CHECK(next_offset >= 0, "partition ", partition, " at offset ", next_offset);
  auto [entry, fresh] = partitions_.emplace(partition, std::make_unique<Partition>());
  WEIR_CHECK(fresh, "partition ", partition, " assigned twice");
  entry->second->position = next_offset;
  return client_ == nullptr ? absl::OkStatus() : StartPartition(partition, entry->second.get());
}

absl::Status KafkaReader::Start() {
  const int partitions = static_cast<int>(partitions_.size());
  WEIR_ASSIGN_OR_RETURN(const int64_t prefetch, ReservePrefetch(partitions));
  limits_ = PrefetchLimitsFor(prefetch, partitions);
  WEIR_ASSIGN_OR_RETURN(KafkaConf conf, MakeKafkaConf(spec_, options_, limits_));
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int error, const char* text, void* self) {
    static_cast<KafkaReader*>(self)->OnClientError(error, text);
  });
  rd_kafka_conf_set_stats_cb(conf.get(), [](rd_kafka_t*, char* json, size_t size, void* self) {
    static_cast<KafkaReader*>(self)->OnStats({json, size});
    return 0;
  });
  char error[512];
  client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), error, sizeof(error));
  if (client_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no Kafka client for topic '", spec_.topic,
                                                   "' at ", spec_.brokers, ": ", error));
  }
  (void)conf.release();  // The client owns it now.
  started_us_ = clock_->MonotonicMicros();
  topic_ = rd_kafka_topic_new(client_, spec_.topic.c_str(), nullptr);
  WEIR_CHECK(topic_ != nullptr, "topic ", spec_.topic);
  events_ = rd_kafka_queue_get_main(client_);
  rd_kafka_queue_cb_event_enable(
      events_,
      [](rd_kafka_t* client, void* self) {
        static_cast<KafkaReader*>(self)->events_waiting_.store(true);
        WakeCallback(client, self);
      },
      this);
  // The callback tells only of a queue that was empty: what came before it would keep it silent.
  events_waiting_.store(true);
  for (auto& [number, partition] : partitions_) {
    WEIR_RETURN_IF_ERROR(StartPartition(number, partition.get()));
  }
  return absl::OkStatus();
}

// Librdkafka's limits are fixed for its client's life, so the reader keeps what it takes; half of
// what is there is left for readers to come.
absl::StatusOr<int64_t> KafkaReader::ReservePrefetch(int partitions) {
  const MemoryBudget* const all = options_.memory;
  if (all == nullptr) return options_.prefetch_bytes;
  const int64_t least = LeastPrefetchBytes(partitions);
  const int64_t left = all->limit() - all->used();
  int64_t wanted = std::min({options_.prefetch_bytes, all->fair_share() / 2, left / 2});
  wanted = std::max(wanted, least);
  if (memory_.Resize(wanted) || memory_.Resize(wanted = least)) return wanted;
  constexpr int64_t kMiB = 1 << 20;
  return FatalError(
      absl::StrCat("reading ", partitions, " partitions of topic '", spec_.topic, "' needs ",
                   least / kMiB + 1, " MiB for records fetched ahead, and of the ",
                   all->limit() / kMiB, " MiB that this worker has for that, ", left / kMiB,
                   " are left; give the workers ", (all->used() + least) * 100 / all->limit() - 99,
                   " % more memory (--memory), or spread the job over more of them"));
}

absl::Status KafkaReader::StartPartition(int32_t number, Partition* partition) {
  partition->queue = rd_kafka_queue_get_partition(client_, spec_.topic.c_str(), number);
  WEIR_CHECK(partition->queue != nullptr, "partition ", number);
  rd_kafka_queue_cb_event_enable(partition->queue, &KafkaReader::WakeCallback, this);
  if (rd_kafka_consume_start(topic_, number, partition->position) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("can't read partition ", number, " of topic '",
                                          spec_.topic, "' at offset ", partition->position, ": ",
                                          rd_kafka_err2str(rd_kafka_last_error())));
}

absl::StatusOr<PartitionReader::Polled> KafkaReader::Poll(int32_t number, int max_records,
                                                          int64_t max_bytes) {
  if (client_ == nullptr) WEIR_RETURN_IF_ERROR(Start());
  ServeEvents();
  Partition& partition = *partitions_.at(number);
  if (!partition.error.ok()) return partition.error;

  Polled polled;
  polled.records.partition = number;
  Collector collector{this, &partition, max_records, max_bytes, &polled.records, {}};
  const int64_t queued = static_cast<int64_t>(rd_kafka_queue_length(partition.queue));
  if (queued > 0) {
    const int64_t expected = std::min<int64_t>(queued, max_records);
    polled.records.arena.reserve(
        std::min(max_bytes, expected * (partition.record_bytes + partition.record_bytes / 4)) +
        partition.record_bytes + 64);
    for (std::vector<int64_t>* column :
         {&polled.records.payload_begin, &polled.records.payload_end, &polled.records.key_begin,
          &polled.records.key_end, &polled.records.offsets, &polled.records.timestamps_ms}) {
      column->reserve(expected);
    }
    rd_kafka_consume_callback_queue(
        partition.queue, 0,
        [](rd_kafka_message_t* message, void* collector) {
          auto* out = static_cast<Collector*>(collector);
          out->reader->OnMessage(message, out);
        },
        &collector);
  }
  RawRecords& records = polled.records;
  if (records.size() > 0) {
    partition.record_bytes = static_cast<int64_t>(records.arena.size()) / records.size() + 1;
    const int64_t keys_at = static_cast<int64_t>(records.arena.size());
    records.arena += collector.keys;
    for (int64_t i = 0; i < records.size(); ++i) {
      if (records.key_begin[i] < 0) continue;
      records.key_begin[i] += keys_at;
      records.key_end[i] += keys_at;
    }
  } else if (!partition.error.ok()) {
    return partition.error;
  }
  Poke(number, &partition, /*starving=*/queued == 0);
  polled.position = partition.position;
  return polled;
}

void KafkaReader::OnMessage(rd_kafka_message_t* message, Collector* out) {
  Partition& partition = *out->partition;
  if (message->err) [[unlikely]] {
    OnPartitionError(message, out);
    return;
  }
  if (message->offset < partition.position) [[unlikely]]
    return;  // Read already.
  RawRecords& records = *out->records;
  records.offsets.push_back(message->offset);
  records.timestamps_ms.push_back(rd_kafka_message_timestamp(message, nullptr));
  if (message->payload == nullptr) {
    records.payload_begin.push_back(-1);
    records.payload_end.push_back(-1);
  } else {
    records.payload_begin.push_back(static_cast<int64_t>(records.arena.size()));
    records.arena.append(static_cast<const char*>(message->payload), message->len);
    records.payload_end.push_back(static_cast<int64_t>(records.arena.size()));
    records.arena.push_back('\n');
  }
  if (message->key == nullptr) {
    records.key_begin.push_back(-1);
    records.key_end.push_back(-1);
  } else {
    records.key_begin.push_back(static_cast<int64_t>(out->keys.size()));
    out->keys.append(static_cast<const char*>(message->key), message->key_len);
    records.key_end.push_back(static_cast<int64_t>(out->keys.size()));
  }
  partition.position = message->offset + 1;
  partition.at_end = false;
  if (records.size() >= out->max_records ||
      static_cast<int64_t>(records.arena.size()) >= out->max_bytes) {
    rd_kafka_yield(client_);  // The rest stays in the queue.
  }
  // Once per poll: it answers, so it is there.
  if (records.size() == 1) {
    Answered(&partition);
  }
}

void KafkaReader::OnPartitionError(const rd_kafka_message_t* message, Collector* out) {
  Partition& partition = *out->partition;
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // Past aborted transactions and control records, too.
    partition.position = std::max(partition.position, message->offset);
    partition.at_end = true;
    Answered(&partition);
    return;
  }
  const std::string where =
      absl::StrCat("partition ", message->partition, " of topic '", spec_.topic, "'");
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    partition.error = OutOfRange(*out);
  } else if (MayPass(message->err)) {
    partition.trouble = absl::StrCat(where, ": ", rd_kafka_err2str(message->err));
  } else {
    partition.error = FinalError(message->err, where, rd_kafka_message_errstr(message));
  }
  // Records that came before the error are returned first.
  if (!partition.error.ok()) rd_kafka_yield(client_);
}

absl::Status KafkaReader::OutOfRange(const Collector& out) {
  const int32_t number = out.records->partition;
  std::string there = "the broker doesn't tell what it has";
  int64_t low = -1;
  int64_t high = -1;
  // The job is about to fail: the wait doesn't matter.
  if (rd_kafka_query_watermark_offsets(client_, spec_.topic.c_str(), number, &low, &high,
                                       kOutOfRangeQueryMs) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    there = absl::StrCat("the broker has offsets ", low, " to ", high);
  }
  return absl::OutOfRangeError(absl::StrCat(
      "partition ", number, " of topic '", spec_.topic, "': position ", out.partition->position,
      " is gone: ", there,
      ". Records were deleted before they were read, or the topic was created anew; reading on "
      "would lose rows silently. Submit the job anew to start from what is there"));
}

// Before 2.2, librdkafka looks at full queues again only once a second, however soon they are
// drained (issue 2879). Any request to the partition's broker wakes the thread that looks, and one
// whose answer nobody awaits costs us nothing.
void KafkaReader::Poke(int32_t number, Partition* partition, bool starving) {
  const int64_t queued = static_cast<int64_t>(rd_kafka_queue_length(partition->queue));
  const int64_t kbytes = queued * partition->record_bytes / 1024;
  if (queued * 4 >= limits_.records * 3 || kbytes * 4 >= limits_.kbytes * 3) {
    partition->was_full = true;
    return;
  }
  const bool half_empty = queued * 2 < limits_.records && kbytes * 2 < limits_.kbytes;
  if (!half_empty || !(partition->was_full || (starving && !partition->at_end))) return;
  const int64_t now = clock_->MonotonicMicros();
  // A queue that is empty without having been full may just wait for the network.
  if (now - last_poke_us_ < (partition->was_full ? kPokeIntervalUs : 10 * kPokeIntervalUs)) return;
  last_poke_us_ = now;
  partition->was_full = false;
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, spec_.topic.c_str(), number)->offset =
      RD_KAFKA_OFFSET_END;
  (void)rd_kafka_offsets_for_times(client_, list, /*timeout_ms=*/0);
  rd_kafka_topic_partition_list_destroy(list);
}

int64_t KafkaReader::EndOffset(int32_t number) {
  const Partition& partition = *partitions_.at(number);
  if (!partition.reachable || away_since_us_ >= 0) return -1;
  const int64_t queued = static_cast<int64_t>(rd_kafka_queue_length(partition.queue));
  if (partition.at_end && queued == 0) return partition.position;
  // The broker is up, but has said nothing of this partition yet.
  if (partition.last_stable_offset < 0) return -1;
  return std::max(partition.last_stable_offset, partition.position + queued);
}

std::string KafkaReader::Trouble() {
  if (away_since_us_ >= 0) {
    int64_t seconds = (clock_->MonotonicMicros() - away_since_us_) / 1'000'000;
    return absl::StrCat("brokers ", spec_.brokers, " unreachable for ", seconds, " s",
                        last_error_.empty() ? "" : ": ", last_error_);
  }
  std::vector<std::string> troubles;
  for (const auto& [number, partition] : partitions_) {
    if (!partition->trouble.empty()) troubles.push_back(partition->trouble);
  }
  if (troubles.size() > 3) {
    const size_t more = troubles.size() - 3;
    troubles.resize(3);
    troubles.push_back(absl::StrCat("and ", more, " more"));
  }
  return absl::StrJoin(troubles, "; ");
}

void KafkaReader::SetWake(std::function<void()> wake) {
  absl::MutexLock lock(&wake_mutex_);
  wake_ = std::move(wake);
}

void KafkaReader::WakeCallback(rd_kafka_t*, void* self) {
  auto* reader = static_cast<KafkaReader*>(self);
  absl::MutexLock lock(&reader->wake_mutex_);
  if (reader->wake_) reader->wake_();
}

void KafkaReader::ServeEvents() {
  if (events_waiting_.exchange(false)) rd_kafka_poll(client_, 0);
}

void KafkaReader::OnClientError(int error, const char* text) {
  // "All brokers down" says less than the error before it.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    if (away_since_us_ < 0) away_since_us_ = clock_->MonotonicMicros();
  } else {
    last_error_ = text;
  }
}

void KafkaReader::OnStats(std::string_view json) {
  KafkaStats stats;
  if (!ParseKafkaStats(json, spec_.topic, &stats)) return;
  if (stats.any_broker_up) {
    BrokersAnswered();
  } else if (++stats_without_broker_ >= kStatsToBelieve && away_since_us_ < 0) {
    away_since_us_ = clock_->MonotonicMicros();
  }
  for (const auto& [number, seen] : stats.partitions) {
    auto entry = partitions_.find(number);
    if (entry == partitions_.end()) continue;
    Partition& partition = *entry->second;
    partition.stats_without_broker = seen.broker_up ? 0 : partition.stats_without_broker + 1;
    if (seen.broker_up) partition.reachable = true;
    if (partition.stats_without_broker >= kStatsToBelieve) partition.reachable = false;
    if (seen.last_stable_offset >= 0) partition.last_stable_offset = seen.last_stable_offset;
    if (seen.low_offset >= 0) partition.low_offset = seen.low_offset;
  }
}

void KafkaReader::Answered(Partition* partition) {
  partition->reachable = true;
  partition->stats_without_broker = 0;
  partition->trouble.clear();
  BrokersAnswered();
}

void KafkaReader::BrokersAnswered() {
  stats_without_broker_ = 0;
  away_since_us_ = -1;
  last_error_.clear();
}

namespace {

class KafkaReaderFactory : public PartitionReaderFactory {
 public:
  KafkaReaderFactory(KafkaReaderOptions options, Clock* clock)
      : options_(std::move(options)), clock_(clock) {}

  absl::StatusOr<std::unique_ptr<PartitionReader>> Open(const KafkaSpec& spec) override {
    // Refuses what can be refused now; the reader makes its own when it knows its partitions.
    WEIR_RETURN_IF_ERROR(MakeKafkaConf(spec, options_, PrefetchLimitsFor(0, 1)).status());
    return std::make_unique<KafkaReader>(spec, options_, clock_);
  }

  absl::StatusOr<SourceDescription> Describe(const KafkaSpec& spec, bool resolve_offsets,
                                             int timeout_ms) override {
    return DescribeKafkaTopic(spec, options_, resolve_offsets, timeout_ms);
  }

 private:
  const KafkaReaderOptions options_;
  Clock* const clock_;
};

}  // namespace

std::unique_ptr<PartitionReaderFactory> MakeKafkaReaderFactory(const KafkaReaderOptions& options,
                                                               Clock* clock) {
  return std::make_unique<KafkaReaderFactory>(options, clock);
}

std::unique_ptr<PartitionReaderFactory> MakeKafkaReaderFactory(const std::string& dev_brokers) {
  return MakeKafkaReaderFactory(KafkaReaderOptions{.dev_brokers = dev_brokers}, SystemClock());
}

}  // namespace weir
