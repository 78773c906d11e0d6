// JSON records to columns.
#ifndef WEIR_OPERATORS_DECODE_JSON_DECODER_H_
#define WEIR_OPERATORS_DECODE_JSON_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "model/batch.h"
#include "model/event_time.h"
#include "model/plan.h"

namespace weir {

struct BadRecord {
  uint32_t record = 0;           // in the RawRecords
  const char* reason = nullptr;  // one of operators/bad_rows.h
  std::string message;           // names the column, what was found, what is accepted
};

struct DecodedRecords {
  // The good rows, in the order of the records; columns of SourceOp::output.
  std::shared_ptr<arrow::RecordBatch> columns;
  std::vector<uint32_t> raw_row;  // record of each row; empty when row i is record i
  std::vector<BadRecord> bad;     // ascending
  int64_t tombstones = 0;
  EventTime max_event_time = kMinEventTime;  // of the good rows
};

// Decodes the values of SourceOp::output, by the rules for JSON values (DESIGN §4):
//   boolean                  true, false
//   smallint..bigint         a number that is whole, in any spelling
//   real, double, numeric    a number; numeric rounds to its scale, half away from zero
//   text, uuid               a string; no U+0000
//   bytea                    a string in base64
//   date                     "YYYY-MM-DD"
//   timestamp, timestamptz   a string (model/time_text.h); a whole number if the source names its
//                            unit
//   jsonb                    any value; kept as it is written
// NULL is null or an absent key. A key fills the column that equals it, else the one that equals it
// ignoring case; the last of several keys for a column counts. Keys that no column has are skipped,
// but their values must be JSON. A record that isn't an object of valid JSON in UTF-8, or has a
// value that its column can't take, is bad as a whole. Nesting deeper than 1,024 is bad.
//
// One thread. Keeps what it learns of the records' layout from call to call.
class JsonDecoder {
 public:
  // `source` outlives the decoder.
  explicit JsonDecoder(const SourceOp& source);
  ~JsonDecoder();

  // All records of `raw`, whose arena is below 2 GB. Fastest when payloads lie one behind the
  // other, one '\n' in between, and the arena has spare capacity, as the Kafka reader leaves them.
  DecodedRecords Decode(const RawRecords& raw);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_DECODER_H_
