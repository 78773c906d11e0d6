// Reading Kafka partitions from explicit offsets: the seam behind which librdkafka (today) or
// another client sits.
#ifndef WEIR_OPERATORS_SOURCE_PARTITION_READER_H_
#define WEIR_OPERATORS_SOURCE_PARTITION_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/batch.h"
#include "model/plan.h"

namespace weir {

// Reads a set of partitions of one topic, each at its own position. One thread makes all calls,
// except that the wake callback may fire on any.
class PartitionReader {
 public:
  virtual ~PartitionReader() = default;

  // Starts reading `partition` at `next_offset`. Once per partition.
  virtual absl::Status Assign(int32_t partition, int64_t next_offset) = 0;

  // Up to `max_records` committed records of `partition` that were fetched already, in offset
  // order; never waits. `position` is the next offset to read afterwards: it moves past aborted
  // transactions, control records and compacted holes too, even when no record is returned.
  // Errors:
  //   OUT_OF_RANGE   the position was deleted or truncated away on the broker: reading on would
  //                  lose records silently. Names topic, partition, position and what is there.
  //   others         can't be helped by waiting (authorization, topic deleted); named likewise.
  // Unreachable brokers are no error: see Trouble().
  struct Polled {
    RawRecords records;
    int64_t position = 0;
  };
  virtual absl::StatusOr<Polled> Poll(int32_t partition, int max_records, int64_t max_bytes) = 0;

  // The end of the partition for readers of committed records (last stable offset), as last heard;
  // -1 = not yet known.
  virtual int64_t EndOffset(int32_t partition) = 0;

  // What keeps the reader waiting, as one phrase for people ("brokers localhost:9092 unreachable
  // for 12 s"); empty when all is well. It retries by itself with a bounded back-off.
  virtual std::string Trouble() = 0;

  // `wake` fires when a partition that had nothing has something.
  virtual void SetWake(std::function<void()> wake) = 0;
};

struct SourceDescription {
  struct Partition {
    int32_t partition = 0;
    int64_t start_offset = 0;
    int64_t stop_offset = -1;
  };
  std::vector<Partition> partitions;
};

// Thread-safe.
class PartitionReaderFactory {
 public:
  virtual ~PartitionReaderFactory() = default;
  virtual absl::StatusOr<std::unique_ptr<PartitionReader>> Open(const KafkaSpec& spec) = 0;
  // Blocks up to `timeout_ms`. NOT_FOUND: no such topic (names the nearest ones); UNAVAILABLE: no
  // broker answered (names them). With `resolve_offsets`, start offsets by spec.start and, when
  // stop_at_latest, stop offsets (last stable offset); otherwise only partition numbers.
  virtual absl::StatusOr<SourceDescription> Describe(const KafkaSpec& spec, bool resolve_offsets,
                                                     int timeout_ms) = 0;
};

// librdkafka. `dev_brokers` replaces the broker name "dev"; empty = that name is refused.
std::unique_ptr<PartitionReaderFactory> MakeKafkaReaderFactory(const std::string& dev_brokers);

}  // namespace weir

#endif  // WEIR_OPERATORS_SOURCE_PARTITION_READER_H_
