// One Kafka topic in memory, with the faults a test wants, behind the PartitionReaderFactory seam.
//
//   FakeKafka kafka(/*partitions=*/2);
//   kafka.Append(0, R"({"a": 1})");
//   std::unique_ptr<PartitionReaderFactory> readers = kafka.Factory();
#ifndef WEIR_TESTS_FAKES_FAKE_KAFKA_H_
#define WEIR_TESTS_FAKES_FAKE_KAFKA_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "operators/source/partition_reader.h"

namespace weir {

// Thread-safe; outlives the factories and readers it gives out. A change that readers can see wakes
// them.
class FakeKafka {
 public:
  explicit FakeKafka(int partitions);

  // The log. Append returns the record's offset; a payload of nullopt is a tombstone.
  int64_t Append(int32_t partition, std::optional<std::string> payload,
                 std::optional<std::string> key = std::nullopt, int64_t timestamp_ms = -1);
  // The next `count` offsets hold no record for readers: control records, aborted or compacted
  // ones.
  void SkipOffsets(int32_t partition, int64_t count);
  // Records before `offset` are deleted.
  void Truncate(int32_t partition, int64_t offset);
  // The topic is deleted and created again, empty.
  void Recreate();
  int32_t AddPartition();

  // Faults. Trouble: brokers are away; polls give nothing and ends are unknown until it is cleared
  // by "".
  void SetTrouble(std::string trouble);
  // The partition gives nothing although it has lag.
  void Stall(int32_t partition, bool stalled);
  // The next poll of the partition returns this error.
  void FailNextPoll(int32_t partition, absl::Status error);

  // Answers of Describe are these errors; ok clears.
  void SetDescribeError(absl::Status error);

  std::unique_ptr<PartitionReaderFactory> Factory();

  int64_t end_offset(int32_t partition) const;
  int64_t polls() const;  // of all readers

 private:
  friend class FakePartitionReader;
  friend class FakeReaderFactory;

  struct Record {
    int64_t offset = 0;
    std::optional<std::string> payload, key;
    int64_t timestamp_ms = -1;
  };
  struct Partition {
    std::vector<Record> records;  // by offset
    int64_t begin = 0;
    int64_t end = 0;
    bool stalled = false;
    absl::Status next_error;
  };

  void WakeAll();

  mutable absl::Mutex mutex_;
  std::vector<Partition> partitions_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  absl::Status describe_error_ ABSL_GUARDED_BY(mutex_);
  int64_t polls_ ABSL_GUARDED_BY(mutex_) = 0;
  // By reader. Called without mutex_, under wake_mutex_, so that a reader's end waits for it.
  absl::Mutex wake_mutex_;
  std::map<const void*, std::function<void()>> wakes_ ABSL_GUARDED_BY(wake_mutex_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_KAFKA_H_
