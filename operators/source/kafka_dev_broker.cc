#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "operators/source/dev_broker.h"

namespace weir {
namespace {

class MockCluster : public DevBroker {
 public:
  MockCluster(rd_kafka_t* host, rd_kafka_mock_cluster_t* cluster)
      : host_(host), cluster_(cluster), brokers_(rd_kafka_mock_cluster_bootstraps(cluster)) {}
  ~MockCluster() override {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }
  const std::string& brokers() const override { return brokers_; }

 private:
  rd_kafka_t* const host_;  // the cluster lives in its threads
  rd_kafka_mock_cluster_t* const cluster_;
  const std::string brokers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DevBroker>> StartDevBroker() {
  char error[512] = "";
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  // Warnings and worse: the host itself connects to no broker, and a notice says so.
  rd_kafka_conf_set(conf, "log_level", "4", error, sizeof(error));
  rd_kafka_t* host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  if (host == nullptr) {
    rd_kafka_conf_destroy(conf);
    return absl::InternalError(absl::StrCat("the embedded broker can't start: ", error));
  }
  rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(host, 1);
  if (cluster == nullptr) {
    rd_kafka_destroy(host);
    return absl::InternalError("the embedded broker can't start: no loopback port was free");
  }
  return std::unique_ptr<DevBroker>(std::make_unique<MockCluster>(host, cluster));
}

}  // namespace weir
