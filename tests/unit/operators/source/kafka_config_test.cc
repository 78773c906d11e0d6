#include "operators/source/kafka_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "librdkafka/rdkafka.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::HasSubstr;

absl::StatusOr<KafkaConf> Conf(const std::map<std::string, std::string>& properties,
                               const std::string& brokers = "127.0.0.1:9") {
  KafkaSpec spec;
  spec.brokers = brokers;
  spec.topic = "t";
  spec.properties = properties;
  return MakeKafkaConf(spec, {}, PrefetchLimitsFor(1 << 20, 1));
}

// Those that run something, load something or call somewhere are why there is a list.
TEST(KafkaConfigTest, TakesNoPropertyButThoseListed) {
  for (const char* name : {"sasl.kerberos.kinit.cmd",
                           "plugin.library.paths",
                           "ssl.engine.location",
                           "ssl.keystore.location",
                           "sasl.oauthbearer.token.endpoint.url",
                           "sasl.oauthbearer.config",
                           "enable.sasl.oauthbearer.unsecure.jwt",
                           "bootstrap.servers",
                           "metadata.broker.list",
                           "group.id",
                           "client.software.name",
                           "ssl.crl.location",
                           "debug",
                           "log_level",
                           "socket.send.buffer.bytes",
                           "receive.message.max.bytes",
                           "check.crcs",
                           "isolation.level",
                           "opaque",
                           "",
                           "SASL.PASSWORD",
                           "ssl.ca.location "}) {
    const absl::Status status = Conf({{name, "x"}}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("isn't accepted"));
  }
  for (const char* mechanism : {"GSSAPI", "OAUTHBEARER", "plain"}) {
    EXPECT_FALSE(
        Conf({{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", mechanism}}).ok())
        << mechanism;
  }
}

TEST(KafkaConfigTest, TakesFilesThatAreCertificatesBySizeAndKind) {
  TemporaryDirectory directory;
  std::ofstream(directory / "ca.pem") << "-----BEGIN CERTIFICATE-----\n";
  std::ofstream(directory / "large.pem") << std::string((1 << 20) + 1, 'x');
  std::filesystem::create_symlink("/dev/zero", directory / "endless.pem");
  std::filesystem::create_symlink("/proc/self/environ", directory / "environment.pem");
  const auto with = [](const std::string& name, const std::string& path) {
    return Conf({{"security.protocol", "SSL"}, {name, path}}).status();
  };
  for (const char* name : {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}) {
    EXPECT_TRUE(with(name, directory / "ca.pem").ok()) << with(name, directory / "ca.pem");
    for (const std::string& path :
         {std::string("/dev/zero"), std::string("/proc/self/environ"), directory / "endless.pem",
          directory / "environment.pem", directory / "large.pem", directory / "none.pem"}) {
      const absl::Status status = with(name, path);
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << path << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    }
  }
  EXPECT_TRUE(with("ssl.ca.location", directory.path()).ok());
  EXPECT_TRUE(with("ssl.ca.location", "probe").ok());
  EXPECT_FALSE(with("ssl.key.location", directory.path()).ok());
}

// What librdkafka says of its first attempt to connect.
std::string FirstError(const std::string& brokers,
                       const std::map<std::string, std::string>& properties = {}) {
  absl::StatusOr<KafkaConf> conf = Conf(properties, brokers);
  if (!conf.ok()) return conf.status().ToString();
  std::string said;
  rd_kafka_conf_set_opaque(conf->get(), &said);
  rd_kafka_conf_set_error_cb(conf->get(), [](rd_kafka_t*, int, const char* why, void* opaque) {
    std::string* first = static_cast<std::string*>(opaque);
    if (first->empty()) *first = why;
  });
  char error[512];
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf->release(), error, sizeof(error));
  if (client == nullptr) return error;
  const int64_t deadline_us = SystemClock()->MonotonicMicros() + 20'000'000;
  while (said.empty() && SystemClock()->MonotonicMicros() < deadline_us) rd_kafka_poll(client, 100);
  rd_kafka_destroy(client);
  return said;
}

TEST(KafkaConfigTest, ConnectsToNoMetadataService) {
  EXPECT_THAT(FirstError("169.254.169.254:9092"), HasSubstr("Permission denied"));
  // Notations that only the resolver reads.
  EXPECT_THAT(FirstError("0xa9fea9fe:9092"), HasSubstr("Permission denied"));
  EXPECT_THAT(FirstError("127.0.0.1:9"), HasSubstr("Connection refused"));
}

// Crashed where another library's OpenSSL came first (cmake/ThirdParty.cmake).
TEST(KafkaConfigTest, ReadsTheSystemsCertificates) {
  EXPECT_THAT(FirstError("127.0.0.1:9", {{"security.protocol", "SSL"}}),
              HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace weir
