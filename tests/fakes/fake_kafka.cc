#include "tests/fakes/fake_kafka.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace weir {

class FakePartitionReader : public PartitionReader {
 public:
  explicit FakePartitionReader(FakeKafka* kafka) : kafka_(kafka) {}
  ~FakePartitionReader() override {
    absl::MutexLock lock(&kafka_->wake_mutex_);
    kafka_->wakes_.erase(this);
  }

  absl::Status Assign(int32_t partition, int64_t next_offset) override {
    WEIR_CHECK(positions_.emplace(partition, next_offset).second, "assigned twice: ", partition);
    return absl::OkStatus();
  }

  absl::StatusOr<Polled> Poll(int32_t partition, int max_records, int64_t max_bytes) override {
    absl::MutexLock lock(&kafka_->mutex_);
    ++kafka_->polls_;
    int64_t& position = positions_.at(partition);
    FakeKafka::Partition& log = kafka_->partitions_.at(partition);
    if (!log.next_error.ok()) return std::exchange(log.next_error, absl::OkStatus());
    Polled polled;
    polled.records.partition = partition;
    polled.position = position;
    if (!kafka_->trouble_.empty() || log.stalled) return polled;
    if (position < log.begin || position > log.end) {
      return absl::OutOfRangeError(absl::StrCat("partition ", partition, ": position ", position,
                                                " is outside ", log.begin, "..", log.end));
    }
    auto next = std::lower_bound(log.records.begin(), log.records.end(), position,
                                 [](const auto& record, int64_t at) { return record.offset < at; });
    while (next != log.records.end() && polled.records.size() < max_records &&
           static_cast<int64_t>(polled.records.arena.size()) < max_bytes) {
      Take(*next, &polled.records);
      position = next->offset + 1;
      ++next;
    }
    if (next == log.records.end()) position = log.end;
    polled.position = position;
    return polled;
  }

  int64_t EndOffset(int32_t partition) override {
    absl::MutexLock lock(&kafka_->mutex_);
    return kafka_->trouble_.empty() ? kafka_->partitions_.at(partition).end : -1;
  }

  std::string Trouble() override {
    absl::MutexLock lock(&kafka_->mutex_);
    return kafka_->trouble_;
  }

  void SetWake(std::function<void()> wake) override {
    absl::MutexLock lock(&kafka_->wake_mutex_);
    kafka_->wakes_[this] = std::move(wake);
  }

 private:
  static void Take(const FakeKafka::Record& record, RawRecords* out) {
    auto append = [out](const std::optional<std::string>& bytes, std::vector<int64_t>* begin,
                        std::vector<int64_t>* end) {
      begin->push_back(bytes ? static_cast<int64_t>(out->arena.size()) : -1);
      if (bytes) out->arena += *bytes;
      end->push_back(bytes ? static_cast<int64_t>(out->arena.size()) : -1);
    };
    append(record.payload, &out->payload_begin, &out->payload_end);
    append(record.key, &out->key_begin, &out->key_end);
    out->offsets.push_back(record.offset);
    out->timestamps_ms.push_back(record.timestamp_ms);
  }

  FakeKafka* const kafka_;
  std::map<int32_t, int64_t> positions_;
};

class FakeReaderFactory : public PartitionReaderFactory {
 public:
  explicit FakeReaderFactory(FakeKafka* kafka) : kafka_(kafka) {}

  absl::StatusOr<std::unique_ptr<PartitionReader>> Open(const KafkaSpec&) override {
    return std::make_unique<FakePartitionReader>(kafka_);
  }

  absl::StatusOr<SourceDescription> Describe(const KafkaSpec& spec, bool resolve_offsets,
                                             int) override {
    absl::MutexLock lock(&kafka_->mutex_);
    if (!kafka_->describe_error_.ok()) return kafka_->describe_error_;
    SourceDescription description;
    for (const FakeKafka::Partition& log : kafka_->partitions_) {
      SourceDescription::Partition partition;
      partition.partition = static_cast<int32_t>(description.partitions.size());
      if (resolve_offsets) {
        partition.start_offset = StartOffset(spec.start, log);
        if (spec.stop_at_latest) partition.stop_offset = log.end;
      }
      description.partitions.push_back(partition);
    }
    return description;
  }

 private:
  static int64_t StartOffset(const StartPosition& start, const FakeKafka::Partition& log) {
    switch (start.kind) {
      case StartPosition::Kind::kEarliest:
        return log.begin;
      case StartPosition::Kind::kLatest:
        return log.end;
      case StartPosition::Kind::kTimestamp:
        for (const FakeKafka::Record& record : log.records)
          if (record.offset >= log.begin && record.timestamp_ms >= start.timestamp_ms)
            return record.offset;
        return log.end;
    }
    return log.begin;
  }

  FakeKafka* const kafka_;
};

FakeKafka::FakeKafka(int partitions) : partitions_(partitions) {}

int64_t FakeKafka::Append(int32_t partition, std::optional<std::string> payload,
                          std::optional<std::string> key, int64_t timestamp_ms) {
  int64_t offset = 0;
  {
    absl::MutexLock lock(&mutex_);
    Partition& log = partitions_.at(partition);
    offset = log.end++;
    log.records.push_back({offset, std::move(payload), std::move(key), timestamp_ms});
  }
  WakeAll();
  return offset;
}

void FakeKafka::SkipOffsets(int32_t partition, int64_t count) {
  {
    absl::MutexLock lock(&mutex_);
    partitions_.at(partition).end += count;
  }
  WakeAll();
}

void FakeKafka::Truncate(int32_t partition, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  partitions_.at(partition).begin = offset;
}

void FakeKafka::Recreate() {
  absl::MutexLock lock(&mutex_);
  partitions_.assign(partitions_.size(), Partition{});
}

int32_t FakeKafka::AddPartition() {
  absl::MutexLock lock(&mutex_);
  partitions_.emplace_back();
  return static_cast<int32_t>(partitions_.size()) - 1;
}

void FakeKafka::SetTrouble(std::string trouble) {
  {
    absl::MutexLock lock(&mutex_);
    trouble_ = std::move(trouble);
  }
  WakeAll();
}

void FakeKafka::Stall(int32_t partition, bool stalled) {
  {
    absl::MutexLock lock(&mutex_);
    partitions_.at(partition).stalled = stalled;
  }
  WakeAll();
}

void FakeKafka::FailNextPoll(int32_t partition, absl::Status error) {
  {
    absl::MutexLock lock(&mutex_);
    partitions_.at(partition).next_error = std::move(error);
  }
  WakeAll();
}

void FakeKafka::SetDescribeError(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  describe_error_ = std::move(error);
}

std::unique_ptr<PartitionReaderFactory> FakeKafka::Factory() {
  return std::make_unique<FakeReaderFactory>(this);
}

int64_t FakeKafka::end_offset(int32_t partition) const {
  absl::MutexLock lock(&mutex_);
  return partitions_.at(partition).end;
}

int64_t FakeKafka::polls() const {
  absl::MutexLock lock(&mutex_);
  return polls_;
}

void FakeKafka::WakeAll() {
  absl::MutexLock lock(&wake_mutex_);
  for (const auto& [reader, wake] : wakes_) {
    if (wake) wake();
  }
}

}  // namespace weir
