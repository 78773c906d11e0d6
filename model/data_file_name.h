// Names of data files, planned before the files are opened: whoever knows a job's starts can tell
// every name that a task of it may have used, and so find what the task left behind.
//
//   name := hash "-" generation "-" vertex "-" operator "-" task "-" number ".parquet"
//
// `hash` is 16 hexadecimal digits of SHA-256 over the job's id and the rest: random from the first
// character on, because stores that partition by prefix spread such names; and another job's names
// in the same table differ.
#ifndef WEIR_MODEL_DATA_FILE_NAME_H_
#define WEIR_MODEL_DATA_FILE_NAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "model/ids.h"

namespace weir {

// Who writes a file: one sink operator in one task of one generation. It opens a file only after it
// has closed the one before, and numbers them from 0 without gaps.
struct DataFileWriterId {
  Generation generation;
  TaskId task;
  int op = 0;  // index in VertexSpec::operators
  friend auto operator<=>(const DataFileWriterId&, const DataFileWriterId&) = default;
};

struct PlannedDataFile {
  DataFileWriterId writer;
  int64_t number = 0;
  friend bool operator==(const PlannedDataFile&, const PlannedDataFile&) = default;
};

std::string DataFileName(const JobId& job, const PlannedDataFile& file);
// The way back, for a file that is known to be a job's own: it doesn't look at the hash. Empty when
// no DataFileName gives such a name.
std::optional<PlannedDataFile> ParseDataFileName(const std::string& name);

}  // namespace weir

#endif  // WEIR_MODEL_DATA_FILE_NAME_H_
