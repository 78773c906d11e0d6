// Rows in columns, with the way back to the source records they came from.
#ifndef WEIR_MODEL_BATCH_H_
#define WEIR_MODEL_BATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"

namespace weir {

// A batch holds at most this many rows.
inline constexpr int kBatchRows = 8192;

// What a row does to the rows before it; carried as an int8 column beside the data when an edge is
// not append-only.
enum class RowKind : int8_t { kInsert = 0, kUpdateBefore = 1, kUpdateAfter = 2, kDelete = 3 };

// Records of one partition as they were polled. Kept until the fused source task is done with every
// batch made of them, so that a row that turns out bad can still be dead-lettered byte for byte.
struct RawRecords {
  int32_t partition = 0;
  // Payload i is arena[payload_begin[i], payload_end[i]); a tombstone has payload_begin == -1.
  // Keys likewise; a record without key has key_begin == -1.
  std::string arena;
  std::vector<int64_t> payload_begin, payload_end;
  std::vector<int64_t> key_begin, key_end;
  std::vector<int64_t> offsets;        // Kafka offsets, ascending, gaps possible
  std::vector<int64_t> timestamps_ms;  // of the record in Kafka, milliseconds since 1970; -1 = none

  int64_t size() const { return static_cast<int64_t>(offsets.size()); }
  bool IsTombstone(int64_t i) const { return payload_begin[i] < 0; }
  std::string_view Payload(int64_t i) const {
    return std::string_view(arena).substr(payload_begin[i], payload_end[i] - payload_begin[i]);
  }
  std::string_view Key(int64_t i) const {
    if (key_begin[i] < 0) return {};
    return std::string_view(arena).substr(key_begin[i], key_end[i] - key_begin[i]);
  }
};

struct Batch {
  // Never null. Column layout by the schema of the operator that made it.
  std::shared_ptr<arrow::RecordBatch> columns;  // shared: fan-out hands one batch to many operators
  // int8 column of RowKind, or null when every row is an insert.
  std::shared_ptr<arrow::Array> row_kinds;
  // Records the rows came from; null above an aggregation and behind the exchange.
  std::shared_ptr<const RawRecords> raw;  // shared: several batches point into one poll
  // raw_row[i] is the record of row i. Empty means row i is record i.
  std::vector<uint32_t> raw_row;

  int64_t num_rows() const;
  int64_t RawRow(int64_t i) const { return raw_row.empty() ? i : raw_row[i]; }
  // Bytes of the column buffers, for queue bounds.
  int64_t ByteSize() const;
};

// Row i is row rows[i] of `array`. Always a copy.
std::shared_ptr<arrow::Array> TakeArray(const std::shared_ptr<arrow::Array>& array,
                                        const std::vector<uint32_t>& rows);

// The rows of `batch` at `rows` (ascending or not), raw positions included.
Batch TakeRows(const Batch& batch, const std::vector<uint32_t>& rows);

}  // namespace weir

#endif  // WEIR_MODEL_BATCH_H_
