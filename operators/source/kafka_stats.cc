#include "operators/source/kafka_stats.h"

#include <set>

#include "simdjson.h"

namespace weir {
namespace {

int64_t OffsetOr(const simdjson::dom::element& partition, std::string_view field) {
  int64_t offset = -1;
  if (partition[field].get(offset) != simdjson::SUCCESS || offset < 0) return -1;
  return offset;
}

std::set<int64_t> BrokersUp(const simdjson::dom::element& stats) {
  std::set<int64_t> up;
  simdjson::dom::object brokers;
  if (stats["brokers"].get(brokers) != simdjson::SUCCESS) return up;
  for (auto [name, broker] : brokers) {
    std::string_view state;
    int64_t id = -1;
    if (broker["state"].get(state) == simdjson::SUCCESS && state == "UP" &&
        broker["nodeid"].get(id) == simdjson::SUCCESS) {
      up.insert(id);
    }
  }
  return up;
}

}  // namespace

bool ParseKafkaStats(std::string_view json, const std::string& topic, KafkaStats* out) {
  *out = {};
  simdjson::dom::parser parser;
  simdjson::dom::element stats;
  if (parser.parse(json.data(), json.size()).get(stats) != simdjson::SUCCESS) return false;
  std::set<int64_t> up = BrokersUp(stats);
  out->any_broker_up = !up.empty();
  simdjson::dom::object topics, partitions;
  if (stats["topics"].get(topics) != simdjson::SUCCESS) return false;
  // Not by JSON pointer or path: a topic's name may hold any of their separators.
  if (topics.at_key(topic)["partitions"].get(partitions) != simdjson::SUCCESS) return true;
  for (auto [name, partition] : partitions) {
    int64_t number = -1;
    int64_t broker = -1;
    if (partition["partition"].get(number) != simdjson::SUCCESS || number < 0) continue;
    if (partition["broker"].get(broker) != simdjson::SUCCESS) continue;
    out->partitions[static_cast<int32_t>(number)] = {
        up.contains(broker), OffsetOr(partition, "lo_offset"), OffsetOr(partition, "ls_offset")};
  }
  return true;
}

}  // namespace weir
