// Where a Delta table's log lies: the steps of reading and committing, behind a seam so that tests
// can fail each of them.
#ifndef WEIR_LAKE_LOG_STORE_H_
#define WEIR_LAKE_LOG_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

class BlobStore;

// Names are plain file names in `_delta_log`, such as "00000000000000000007.json".
//
// Error kinds are the contract:
//   NOT_FOUND, ALREADY_EXISTS   certain
//   UNKNOWN                     the write may or may not have happened, and may still happen
//   UNAVAILABLE                 nothing happened; retrying may help
//   anything else               nothing happened; retrying won't help (permission, disk full)
// Thread-safe; calls block.
class LogStore {
 public:
  virtual ~LogStore() = default;

  // Names that sort after `after`, in byte order; none when there is no log.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& after) = 0;
  virtual absl::StatusOr<bool> Exists(const std::string& name) = 0;
  virtual absl::StatusOr<std::string> Read(const std::string& name) = 0;
  // Creates `name`, durably and whole. Of several callers, of any process, exactly one succeeds.
  // Makes the log's directory when the table has none.
  virtual absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) = 0;
  // Creates or replaces `name` in one step. Only for what may be replaced: checkpoints and the hint
  // to the last of them.
  virtual absl::Status Replace(const std::string& name, std::string_view bytes) = 0;
  // Whether the table's directory holds the file `path`, relative to it.
  virtual absl::StatusOr<bool> DataFileExists(const std::string& path) = 0;
};

// The log of the table whose files are the blobs of `table` (lake/table_store.h); shared with those
// who use its data files.
std::unique_ptr<LogStore> MakeLogStore(std::shared_ptr<BlobStore> table);

}  // namespace weir

#endif  // WEIR_LAKE_LOG_STORE_H_
