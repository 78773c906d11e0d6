// librdkafka's settings for one source, and who may choose what.
#ifndef WEIR_OPERATORS_SOURCE_KAFKA_CONFIG_H_
#define WEIR_OPERATORS_SOURCE_KAFKA_CONFIG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/plan.h"

struct rd_kafka_conf_s;

namespace weir {

class MemoryBudget;

// Broker name that means the broker of `weir dev --kafka`.
inline constexpr char kDevBrokers[] = "dev";

// What librdkafka allocates for one queued record besides its bytes.
inline constexpr int64_t kRecordOverheadBytes = 350;

struct KafkaReaderOptions {
  // Addresses that replace the broker name "dev"; empty = that name is refused.
  std::string dev_brokers;
  // What one reader (one source task) may hold of fetched records, librdkafka's overhead per record
  // included. Bounds memory; smaller means more round trips while catching up.
  int64_t prefetch_bytes = 64 << 20;
  // What all readers of the process may hold. One reserves half of its fair share when it starts,
  // at most `prefetch_bytes`. Null = no bound.
  MemoryBudget* memory = nullptr;
};

struct DestroyKafkaConf {
  void operator()(rd_kafka_conf_s* conf) const;
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_s, DestroyKafkaConf>;

// The addresses to connect to. INVALID_ARGUMENT for "dev" without a development broker.
absl::StatusOr<std::string> ResolveBrokers(const KafkaSpec& spec, const std::string& dev_brokers);

// How much one of `partitions` queues may hold before fetching pauses, and how much one more fetch
// may bring then. A broker sends at least one batch of one partition, as its producer made it,
// however large: that is librdkafka's to hold beyond these.
struct PrefetchLimits {
  int64_t records = 0;
  int64_t kbytes = 0;
  int64_t fetch_bytes = 0;     // of one partition
  int64_t response_bytes = 0;  // of all partitions of a broker
};
PrefetchLimits PrefetchLimitsFor(int64_t prefetch_bytes, int partitions);
// Below this the limits above are at their floors and hold no longer.
int64_t LeastPrefetchBytes(int partitions);

// A consumer that commits nothing, sees committed records only, checks CRCs, and reports instead of
// repairing an offset that isn't there. Of spec.properties only security settings are accepted
// (some of librdkafka's run commands or load libraries); secret references are resolved here. It
// connects to no metadata service (base/metadata_address.h), whatever a name resolves to at that
// moment and whatever address a broker gives for another.
// INVALID_ARGUMENT names the property.
absl::StatusOr<KafkaConf> MakeKafkaConf(const KafkaSpec& spec, const KafkaReaderOptions& options,
                                        const PrefetchLimits& limits);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_KAFKA_CONFIG_H_
