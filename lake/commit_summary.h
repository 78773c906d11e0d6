// What one commit of a Delta table says about itself, for people and for schedulers.
#ifndef WEIR_LAKE_COMMIT_SUMMARY_H_
#define WEIR_LAKE_COMMIT_SUMMARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/event_time.h"

namespace weir {

// commitInfo.weir, as coordinator/commit_driver.h writes it.
struct WeirCommit {
  std::string job;   // id
  std::string name;  // of the job
  std::string app_id;
  int64_t generation = 0;
  int64_t epoch = 0;
  EventTime watermark = kMinEventTime;  // kMinEventTime: none yet, or the job has no event time
};

struct CommitSummary {
  int64_t version = -1;
  std::optional<int64_t> timestamp_ms;
  std::string operation;  // empty when the writer didn't say
  int64_t files_added = 0;
  int64_t files_removed = 0;
  int64_t bytes_added = 0;
  int64_t rows_added = 0;  // by the files' statistics; files without them count none
  std::optional<WeirCommit> weir;
};

// From the content of <version>.json. DATA_LOSS naming version and line when a line isn't an
// action, or one that says it is Weir's can't be understood.
absl::StatusOr<CommitSummary> ParseCommitSummary(int64_t version, std::string_view bytes);

// Rows of a data file by its statistics, less those its deletion vector hides; nullopt without
// statistics. `json`: the object inside {"add": ...}.
std::optional<int64_t> RowsOfFile(std::string_view json);
// The `size` of a data file; 0 when it doesn't say.
int64_t BytesOfFile(std::string_view json);

}  // namespace weir

#endif  // WEIR_LAKE_COMMIT_SUMMARY_H_
