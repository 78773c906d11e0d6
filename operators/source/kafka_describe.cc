// What a topic looks like now, asked once at submit and now and then for new partitions.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "librdkafka/rdkafka.h"
#include "operators/source/kafka_reader.h"

namespace weir {
namespace {

struct DestroyClient {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
struct DestroyTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct DestroyMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
struct DestroyList {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, DestroyMetadata>;

// One description: a client of its own, and what is left of the caller's time.
class Describer {
 public:
  Describer(const KafkaSpec& spec, int timeout_ms)
      : spec_(spec), deadline_us_(SystemClock()->MonotonicMicros() + timeout_ms * 1000LL) {}

  absl::StatusOr<SourceDescription> Run(const KafkaReaderOptions& options, bool resolve_offsets);

 private:
  absl::Status Connect(const KafkaReaderOptions& options);
  absl::StatusOr<Metadata> FetchMetadata(rd_kafka_topic_t* topic);
  absl::Status CheckTopic(const rd_kafka_metadata_topic_t& topic);
  absl::Status NoSuchTopic();
  absl::Status ResolveOffsets(SourceDescription* description);
  absl::StatusOr<std::map<int32_t, int64_t>> LookUp(const SourceDescription& description,
                                                    int64_t what);
  absl::Status Unavailable(const std::string& doing, const char* error);

  int RemainingMs() const {
    int64_t left = (deadline_us_ - SystemClock()->MonotonicMicros()) / 1000;
    return static_cast<int>(std::max<int64_t>(left, 1));
  }

  const KafkaSpec& spec_;
  const int64_t deadline_us_;
  std::string last_error_;  // outlives client_, whose callbacks write it
  Client client_;
};

absl::StatusOr<SourceDescription> Describer::Run(const KafkaReaderOptions& options,
                                                 bool resolve_offsets) {
  if (spec_.brokers == kDevBrokers && spec_.start.kind == StartPosition::Kind::kTimestamp) {
    return absl::InvalidArgumentError(
        "start = 'timestamp:...' is refused with brokers = 'dev': that broker can't look up "
        "offsets by time; use 'earliest' or 'latest'");
  }
  WEIR_RETURN_IF_ERROR(Connect(options));
  std::unique_ptr<rd_kafka_topic_t, DestroyTopic> topic(
      rd_kafka_topic_new(client_.get(), spec_.topic.c_str(), nullptr));
  if (topic == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("'", spec_.topic, "' can't be a topic's name"));
  }
  WEIR_ASSIGN_OR_RETURN(Metadata metadata, FetchMetadata(topic.get()));
  if (metadata->topic_cnt != 1) return NoSuchTopic();
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  WEIR_RETURN_IF_ERROR(CheckTopic(found));

  SourceDescription description;
  for (int i = 0; i < found.partition_cnt; ++i) {
    description.partitions.push_back({.partition = found.partitions[i].id});
  }
  std::sort(description.partitions.begin(), description.partitions.end(),
            [](const auto& a, const auto& b) { return a.partition < b.partition; });
  if (resolve_offsets) WEIR_RETURN_IF_ERROR(ResolveOffsets(&description));
  return description;
}

absl::Status Describer::Connect(const KafkaReaderOptions& options) {
  WEIR_ASSIGN_OR_RETURN(KafkaConf conf, MakeKafkaConf(spec_, options, PrefetchLimitsFor(0, 1)));
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_log_cb(conf.get(),
                           [](const rd_kafka_t*, int, const char* facility, const char* text) {
                             WEIR_LOG(kDebug, "librdkafka", {"facility", facility}, {"text", text});
                           });
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int error, const char* text, void* self) {
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      static_cast<Describer*>(self)->last_error_ = text;
    }
  });
  char error[512];
  client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), error, sizeof(error)));
  if (client_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no Kafka client for ", spec_.brokers, ": ", error));
  }
  (void)conf.release();  // The client owns it now.
  return absl::OkStatus();
}

absl::StatusOr<Metadata> Describer::FetchMetadata(rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    error = rd_kafka_metadata(client_.get(), topic == nullptr, topic, &metadata, RemainingMs());
    rd_kafka_poll(client_.get(), 0);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Metadata(metadata);
  } while (error == RD_KAFKA_RESP_ERR__TRANSPORT && RemainingMs() > 1);
  return Unavailable("to list partitions", rd_kafka_err2str(error));
}

absl::Status Describer::CheckTopic(const rd_kafka_metadata_topic_t& topic) {
  switch (topic.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      if (topic.partition_cnt > 0) return absl::OkStatus();
      return NoSuchTopic();
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return NoSuchTopic();
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return absl::InvalidArgumentError(
          absl::StrCat("'", spec_.topic, "' can't be a topic's name"));
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return absl::PermissionDeniedError(
          absl::StrCat("topic '", spec_.topic, "' at ", spec_.brokers,
                       ": not authorized; grant the job's Kafka user DESCRIBE and READ on it"));
    default:
      return Unavailable("to list partitions", rd_kafka_err2str(topic.err));
  }
}

// Edits that turn `a` into `b`, letters' case apart; more than `most` counts as `most` + 1.
int Distance(const std::string& a, const std::string& b, int most) {
  if (std::abs(static_cast<int>(a.size()) - static_cast<int>(b.size())) > most) return most + 1;
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
      const int replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

absl::Status Describer::NoSuchTopic() {
  std::string message = absl::StrCat("no topic '", spec_.topic, "' at ", spec_.brokers);
  WEIR_ASSIGN_OR_RETURN(Metadata all, FetchMetadata(nullptr));
  const int most = std::max<int>(2, static_cast<int>(spec_.topic.size()) / 3);
  std::set<std::pair<int, std::string>> near;
  for (int i = 0; i < all->topic_cnt; ++i) {
    std::string name = all->topics[i].topic;
    int distance = Distance(spec_.topic, name, most);
    if (distance <= most && name != spec_.topic) near.emplace(distance, std::move(name));
    if (near.size() > 3) near.erase(std::prev(near.end()));
  }
  if (near.empty()) return absl::NotFoundError(absl::StrCat(message, "; create it first"));
  return absl::NotFoundError(absl::StrCat(message, "; did you mean ",
                                          absl::StrJoin(near, " or ",
                                                        [](std::string* out, const auto& n) {
                                                          absl::StrAppend(out, "'", n.second, "'");
                                                        }),
                                          "?"));
}

// With read_committed, ListOffsets answers the last stable offset as the end, which is where a
// bounded run may stop.
absl::Status Describer::ResolveOffsets(SourceDescription* description) {
  WEIR_ASSIGN_OR_RETURN(auto ends, LookUp(*description, RD_KAFKA_OFFSET_END));
  std::map<int32_t, int64_t> starts = ends;
  if (spec_.start.kind != StartPosition::Kind::kLatest) {
    const bool earliest = spec_.start.kind == StartPosition::Kind::kEarliest;
    WEIR_ASSIGN_OR_RETURN(starts, LookUp(*description, earliest ? RD_KAFKA_OFFSET_BEGINNING
                                                                : spec_.start.timestamp_ms));
  }
  for (SourceDescription::Partition& partition : description->partitions) {
    const int64_t end = ends.at(partition.partition);
    const int64_t start = starts.at(partition.partition);
    partition.start_offset = start < 0 ? end : start;  // Negative: no record is that late.
    if (spec_.stop_at_latest) partition.stop_offset = end;
  }
  return absl::OkStatus();
}

// One request to each broker. `what` is a time in milliseconds, or librdkafka's (and the
// protocol's) number for the beginning or the end.
absl::StatusOr<std::map<int32_t, int64_t>> Describer::LookUp(const SourceDescription& description,
                                                             int64_t what) {
  std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyList> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(description.partitions.size())));
  for (const SourceDescription::Partition& partition : description.partitions) {
    rd_kafka_topic_partition_list_add(list.get(), spec_.topic.c_str(), partition.partition)
        ->offset = what;
  }
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client_.get(), list.get(), RemainingMs());
  rd_kafka_poll(client_.get(), 0);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Unavailable("for offsets", rd_kafka_err2str(error));
  }
  std::map<int32_t, int64_t> offsets;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& found = list->elems[i];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Unavailable(absl::StrCat("for offsets of partition ", found.partition),
                         rd_kafka_err2str(found.err));
    }
    offsets[found.partition] = found.offset;
  }
  return offsets;
}

absl::Status Describer::Unavailable(const std::string& doing, const char* error) {
  std::string because = last_error_.empty() ? error : last_error_;
  return absl::UnavailableError(absl::StrCat("brokers ", spec_.brokers, ", asked ", doing,
                                             " of topic '", spec_.topic,
                                             "', gave no answer: ", because));
}

}  // namespace

absl::StatusOr<SourceDescription> DescribeKafkaTopic(const KafkaSpec& spec,
                                                     const KafkaReaderOptions& options,
                                                     bool resolve_offsets, int timeout_ms) {
  return Describer(spec, timeout_ms).Run(options, resolve_offsets);
}

}  // namespace weir
