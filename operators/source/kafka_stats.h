// What librdkafka's statistics say about one topic: the only place where it tells the last stable
// offset and whether brokers are there.
#ifndef WEIR_OPERATORS_SOURCE_KAFKA_STATS_H_
#define WEIR_OPERATORS_SOURCE_KAFKA_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace weir {

struct KafkaStats {
  struct Partition {
    bool broker_up = false;           // the broker it is read from
    int64_t low_offset = -1;          // first that the broker has; -1 = not heard
    int64_t last_stable_offset = -1;  // likewise; end for readers of committed records
  };
  bool any_broker_up = false;
  std::map<int32_t, Partition> partitions;  // of the topic, those that are read
};

// `json` in the format of librdkafka's STATISTICS.md. False, leaving `out` empty, when it can't be
// understood.
bool ParseKafkaStats(std::string_view json, const std::string& topic, KafkaStats* out);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_KAFKA_STATS_H_
