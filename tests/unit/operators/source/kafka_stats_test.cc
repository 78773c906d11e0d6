#include "operators/source/kafka_stats.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

// Shortened from librdkafka's own.
constexpr char kJson[] = R"({
  "brokers": {
    "h:1/bootstrap": {"nodeid": -1, "state": "DOWN"},
    "h:1/1": {"nodeid": 1, "state": "UP"},
    "h:2/2": {"nodeid": 2, "state": "TRY_CONNECT"}},
  "topics": {
    "other": {"partitions": {"7": {"partition": 7, "broker": 1, "ls_offset": 1}}},
    "t": {"partitions": {
      "0": {"partition": 0, "broker": 1, "leader": 1, "lo_offset": 5, "hi_offset": 20, "ls_offset": 17},
      "1": {"partition": 1, "broker": 2, "leader": 2, "lo_offset": -1001, "hi_offset": -1001, "ls_offset": -1001},
      "-1": {"partition": -1, "broker": -1}}}}})";

TEST(KafkaStats, OfTheTopicAlone) {
  KafkaStats stats;
  ASSERT_TRUE(ParseKafkaStats(kJson, "t", &stats));
  EXPECT_TRUE(stats.any_broker_up);
  ASSERT_EQ(stats.partitions.size(), 2u);
  EXPECT_TRUE(stats.partitions[0].broker_up);
  EXPECT_EQ(stats.partitions[0].low_offset, 5);
  EXPECT_EQ(stats.partitions[0].last_stable_offset, 17);
  EXPECT_FALSE(stats.partitions[1].broker_up);
  EXPECT_EQ(stats.partitions[1].low_offset, -1);
  EXPECT_EQ(stats.partitions[1].last_stable_offset, -1);
}

TEST(KafkaStats, UnknownTopicHasNoPartitions) {
  KafkaStats stats;
  ASSERT_TRUE(ParseKafkaStats(kJson, "t/partitions", &stats));
  EXPECT_TRUE(stats.partitions.empty());
  EXPECT_TRUE(stats.any_broker_up);
}

TEST(KafkaStats, NoBrokerUp) {
  KafkaStats stats;
  ASSERT_TRUE(
      ParseKafkaStats(R"({"brokers":{"a":{"nodeid":1,"state":"INIT"}},"topics":{}})", "t", &stats));
  EXPECT_FALSE(stats.any_broker_up);
}

TEST(KafkaStats, WhatIsNotUnderstoodIsRefused) {
  for (const char* json : {"", "{", "[]", "{\"brokers\":{}}", "{\"topics\":[]}"}) {
    KafkaStats stats;
    EXPECT_FALSE(ParseKafkaStats(json, "t", &stats)) << json;
    EXPECT_TRUE(stats.partitions.empty());
  }
}

}  // namespace
}  // namespace weir
