// The Kafka reader as a program, for tests against a real broker: commands on stdin, one JSON
// answer a line on stdout.
//
//   reader_tool BROKERS TOPIC
//
//   describe earliest|latest|<milliseconds> [bounded]   → {"partitions": [{partition, start,
//   stop}]} open [property=value]...                            → {} assign PARTITION OFFSET → {}
//   read SECONDS [PARTITION POSITION]...                polls all partitions until each named one
//   has
//                                                       reached its position, or for that long
//   trouble SECONDS some|none                           polls until there is some or none
//     → {"records": [{partition, offset, timestamp, key, value}], "positions": {}, "ends": {},
//        "trouble": "..."}
//
// An error is {"error": CODE, "message": TEXT}.
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "operators/source/partition_reader.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

class ReaderTool {
 public:
  ReaderTool(const std::string& brokers, const std::string& topic)
      : readers_(MakeKafkaReaderFactory("")) {
    spec_.brokers = brokers;
    spec_.topic = topic;
  }

  Json Run(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "describe") return Describe(in);
    if (command == "open") return Open(in);
    if (command == "assign") return Assign(in);
    if (command == "read") return Read(in);
    if (command == "trouble") return AwaitTrouble(in);
    return {{"error", "unknown command"}, {"message", line}};
  }

 private:
  static Json Error(const absl::Status& status) {
    return {{"error", absl::StatusCodeToString(status.code())},
            {"message", std::string(status.message())}};
  }

  Json Describe(std::istringstream& in) {
    std::string start, bounded;
    in >> start >> bounded;
    KafkaSpec spec = spec_;
    spec.stop_at_latest = bounded == "bounded";
    if (start == "latest") {
      spec.start.kind = StartPosition::Kind::kLatest;
    } else if (start != "earliest") {
      spec.start = {StartPosition::Kind::kTimestamp, std::stoll(start)};
    }
    auto description = readers_->Describe(spec, /*resolve_offsets=*/true, /*timeout_ms=*/10'000);
    if (!description.ok()) return Error(description.status());
    Json partitions = Json::array();
    for (const SourceDescription::Partition& p : description->partitions) {
      partitions.push_back(
          {{"partition", p.partition}, {"start", p.start_offset}, {"stop", p.stop_offset}});
    }
    return {{"partitions", partitions}};
  }

  Json Open(std::istringstream& in) {
    std::string property;
    while (in >> property) {
      const size_t equals = property.find('=');
      spec_.properties[property.substr(0, equals)] = property.substr(equals + 1);
    }
    auto reader = readers_->Open(spec_);
    if (!reader.ok()) return Error(reader.status());
    reader_ = *std::move(reader);
    return Json::object();
  }

  Json Assign(std::istringstream& in) {
    int32_t partition = 0;
    int64_t offset = 0;
    in >> partition >> offset;
    const absl::Status status = reader_->Assign(partition, offset);
    if (!status.ok()) return Error(status);
    positions_[partition] = offset;
    return Json::object();
  }

  Json Read(std::istringstream& in) {
    double seconds = 0;
    in >> seconds;
    std::map<int32_t, int64_t> wanted;
    int32_t partition = 0;
    int64_t position = 0;
    while (in >> partition >> position) wanted[partition] = position;
    return PollUntil(seconds, [&] {
      for (const auto& [p, at] : wanted) {
        if (positions_[p] < at) return false;
      }
      return !wanted.empty();
    });
  }

  Json AwaitTrouble(std::istringstream& in) {
    double seconds = 0;
    std::string which;
    in >> seconds >> which;
    return PollUntil(seconds, [&] { return reader_->Trouble().empty() == (which == "none"); });
  }

  template <class Done>
  Json PollUntil(double seconds, Done done) {
    const auto deadline = Clock::now() + std::chrono::duration<double>(seconds);
    Json records = Json::array();
    do {
      bool any = false;
      for (auto& [partition, position] : positions_) {
        auto polled = reader_->Poll(partition, /*max_records=*/1000, /*max_bytes=*/1 << 20);
        if (!polled.ok()) return Error(polled.status());
        any |= polled->position != position;
        position = polled->position;
        Take(polled->records, &records);
      }
      if (!any) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    } while (!done() && Clock::now() < deadline);
    Json out = {{"records", records}, {"trouble", reader_->Trouble()}};
    for (const auto& [partition, position] : positions_) {
      out["positions"][std::to_string(partition)] = position;
      out["ends"][std::to_string(partition)] = reader_->EndOffset(partition);
    }
    return out;
  }

  static void Take(const RawRecords& raw, Json* records) {
    for (int64_t i = 0; i < raw.size(); ++i) {
      Json record = {{"partition", raw.partition},
                     {"offset", raw.offsets[i]},
                     {"timestamp", raw.timestamps_ms[i]},
                     {"key", nullptr},
                     {"value", nullptr}};
      if (raw.key_begin[i] >= 0) record["key"] = std::string(raw.Key(i));
      if (!raw.IsTombstone(i)) record["value"] = std::string(raw.Payload(i));
      records->push_back(std::move(record));
    }
  }

  KafkaSpec spec_;
  std::unique_ptr<PartitionReaderFactory> readers_;
  std::unique_ptr<PartitionReader> reader_;
  std::map<int32_t, int64_t> positions_;
};

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: reader_tool BROKERS TOPIC\n";
    return 2;
  }
  weir::ReaderTool tool(argv[1], argv[2]);
  std::string line;
  while (std::getline(std::cin, line)) std::cout << tool.Run(line).dump() << std::endl;
  return 0;
}
