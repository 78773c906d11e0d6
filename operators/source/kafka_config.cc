#include "operators/source/kafka_config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/metadata_address.h"
#include "base/status_macros.h"
#include "librdkafka/rdkafka.h"
#include "operators/source/secret_reference.h"

namespace weir {
namespace {

// Security settings, and two names that only brokers see. The SQL layer offers the same list; here
// it is checked again, because a plan may come from elsewhere.
constexpr std::array<std::string_view, 12> kAllowedProperties = {
    "client.id",
    "client.rack",
    "enable.ssl.certificate.verification",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
};
// The default, GSSAPI, runs a shell command to renew tickets; OAUTHBEARER calls a URL.
constexpr std::array<std::string_view, 3> kAllowedMechanisms = {"PLAIN", "SCRAM-SHA-256",
                                                                "SCRAM-SHA-512"};

constexpr off_t kPemBytesMax = 1 << 20;
constexpr int64_t kTypicalRecordBytes = 200;
// Responses must fit the cache: larger ones cost nearly twice the CPU.
constexpr int64_t kResponseBytesMax = 1 << 20;
// Smaller ones are all round trip.
constexpr int64_t kResponseBytesMin = 128 << 10;
constexpr int64_t kFetchBytesMin = 8 << 10;
constexpr int64_t kQueuedBytesMin = 8 << 10;

absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) ==
      RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  // Without the value, which may be a secret.
  return absl::InvalidArgumentError(absl::StrCat("Kafka setting '", name, "' is refused: ", error));
}

// Certificates and keys are small files. Devices and the kernel's files would be read without end.
absl::Status CheckFile(const std::string& name, const std::string& path) {
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Kafka setting '", name, "' names ", path, ", which ", why,
        "; accepted is a file in PEM of ", "at most ", kPemBytesMax, " bytes on every worker",
        name == "ssl.ca.location" ? ", or a directory of such" : ""));
  };
  // librdkafka's word for the system's own certificates.
  if (name == "ssl.ca.location" && path == "probe") return absl::OkStatus();
  char real[PATH_MAX];
  struct stat info;
  if (realpath(path.c_str(), real) == nullptr || stat(real, &info) != 0)
    return refuse("isn't there or can't be read");
  for (const char* kernel : {"/proc/", "/sys/", "/dev/"}) {
    if (std::string_view(real).starts_with(kernel)) return refuse("isn't a file on a disk");
  }
  if (S_ISDIR(info.st_mode) && name == "ssl.ca.location") return absl::OkStatus();
  if (!S_ISREG(info.st_mode)) return refuse("isn't a regular file");
  return info.st_size <= kPemBytesMax ? absl::OkStatus() : refuse("is too large");
}

// In place of connect(2), which it is but for addresses that no user may make us reach.
int Connect(int socket, const sockaddr* address, int size, const char*, void*) {
  if (IsMetadataAddress(*address)) return EACCES;
  if (connect(socket, address, static_cast<socklen_t>(size)) != 0 && errno != EINPROGRESS)
    return errno;
  return 0;
}

absl::Status SetProperties(const KafkaSpec& spec, rd_kafka_conf_t* conf) {
  for (const auto& [name, text] : spec.properties) {
    if (std::find(kAllowedProperties.begin(), kAllowedProperties.end(), name) ==
        kAllowedProperties.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Kafka setting '", name, "' isn't accepted; accepted are: ",
                       absl::StrJoin(kAllowedProperties.begin(), kAllowedProperties.end(), ", ",
                                     [](std::string* out, std::string_view s) { *out += s; })));
    }
    WEIR_ASSIGN_OR_RETURN(std::string value, ResolveSecret(text));
    if (name == "sasl.mechanism" && std::find(kAllowedMechanisms.begin(), kAllowedMechanisms.end(),
                                              value) == kAllowedMechanisms.end()) {
      return absl::InvalidArgumentError(absl::StrCat("sasl.mechanism '", value,
                                                     "' isn't accepted; accepted are PLAIN, ",
                                                     "SCRAM-SHA-256, SCRAM-SHA-512"));
    }
    if (name.ends_with(".location")) WEIR_RETURN_IF_ERROR(CheckFile(name, value));
    WEIR_RETURN_IF_ERROR(Set(conf, name, value));
  }
  auto protocol = spec.properties.find("security.protocol");
  if (protocol != spec.properties.end() && protocol->second.rfind("SASL_", 0) == 0 &&
      !spec.properties.contains("sasl.mechanism")) {
    return absl::InvalidArgumentError(
        absl::StrCat("security.protocol '", protocol->second,
                     "' needs sasl.mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
  }
  return absl::OkStatus();
}

}  // namespace

void DestroyKafkaConf::operator()(rd_kafka_conf_s* conf) const { rd_kafka_conf_destroy(conf); }

absl::StatusOr<std::string> ResolveBrokers(const KafkaSpec& spec, const std::string& dev_brokers) {
  if (spec.brokers != kDevBrokers) return spec.brokers;
  if (!dev_brokers.empty()) return dev_brokers;
  return absl::InvalidArgumentError(
      "brokers = 'dev' means the broker of `weir dev --kafka`, and none runs here; name brokers "
      "as 'host:port,host:port'");
}

PrefetchLimits PrefetchLimitsFor(int64_t prefetch_bytes, int partitions) {
  int64_t share = prefetch_bytes / std::max(partitions, 1);
  PrefetchLimits limits;
  // Half for what waits, half for the fetch that comes on top of a queue just below its limit.
  const int64_t queued = share / 2;
  limits.records = std::max(queued, kQueuedBytesMin) / (kTypicalRecordBytes + kRecordOverheadBytes);
  limits.kbytes = std::max(queued, kQueuedBytesMin) / 1024;
  limits.fetch_bytes = std::clamp(share / 4, kFetchBytesMin, kResponseBytesMax);
  limits.response_bytes = std::clamp(prefetch_bytes / 8, kResponseBytesMin, kResponseBytesMax);
  return limits;
}

int64_t LeastPrefetchBytes(int partitions) {
  return std::max(partitions * 2 * std::max(kQueuedBytesMin, kFetchBytesMin), kResponseBytesMin);
}

absl::StatusOr<KafkaConf> MakeKafkaConf(const KafkaSpec& spec, const KafkaReaderOptions& options,
                                        const PrefetchLimits& limits) {
  WEIR_ASSIGN_OR_RETURN(std::string brokers, ResolveBrokers(spec, options.dev_brokers));
  // librdkafka's mock broker answers an empty fetch only when its wait is over, data or not.
  const bool mock = spec.brokers == kDevBrokers;
  const std::pair<const char*, std::string> settings[] = {
      {"bootstrap.servers", brokers},
      {"client.id", "weir"},
      // Positions are in our checkpoints.
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.commit.enable", "false"},
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"enable.partition.eof", "true"},
      {"check.crcs", "true"},
      // May not be above the next one; it serves producers.
      {"message.max.bytes", absl::StrCat(kResponseBytesMin)},
      {"fetch.max.bytes", absl::StrCat(limits.response_bytes)},
      {"max.partition.fetch.bytes", absl::StrCat(limits.fetch_bytes)},
      {"fetch.wait.max.ms", mock ? "5" : "100"},
      {"fetch.error.backoff.ms", "100"},
      {"queued.min.messages", absl::StrCat(std::min<int64_t>(limits.records, 10'000'000))},
      {"queued.max.messages.kbytes", absl::StrCat(std::min<int64_t>(limits.kbytes, 2097151))},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "2000"},
      {"socket.keepalive.enable", "true"},
      {"socket.timeout.ms", "15000"},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"statistics.interval.ms", "1000"},
      {"log.connection.close", "false"},
  };
  KafkaConf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : settings) WEIR_RETURN_IF_ERROR(Set(conf.get(), name, value));
  WEIR_RETURN_IF_ERROR(SetProperties(spec, conf.get()));
  rd_kafka_conf_set_connect_cb(conf.get(), Connect);
  // Since 2.2: how long a full queue pauses fetching. Before, see KafkaReader::Poke.
  (void)Set(conf.get(), "fetch.queue.backoff.ms", "5");
  return conf;
}

}  // namespace weir
