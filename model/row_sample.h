// A few of the rows that were bad or late, so that people see what kind of rows these are. User
// data: kept in memory only, and shown to those alone who may run jobs (SECURITY.md).
#ifndef WEIR_MODEL_ROW_SAMPLE_H_
#define WEIR_MODEL_ROW_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir {

// Of each text in a sample. A payload may have a megabyte.
inline constexpr size_t kSampleTextMax = 240;
// That a task keeps, the newest, of bad and of late rows each.
inline constexpr size_t kSamplesKept = 5;
// The reason of a late row; that of a bad one is as in InsertCounters::bad.
inline constexpr char kLateReason[] = "late";

struct RowSample {
  std::string reason;
  std::string message;     // what is wrong with it
  std::string payload;     // the beginning of the record, any bytes; empty for a late row
  int32_t partition = -1;  // -1 = not known here
  int64_t offset = -1;
  int64_t at_ms = 0;  // wall time
  friend bool operator==(const RowSample&, const RowSample&) = default;
};

}  // namespace weir

#endif  // WEIR_MODEL_ROW_SAMPLE_H_
