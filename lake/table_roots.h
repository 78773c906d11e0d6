// Where tables may lie: what the operator of a cluster allows, whatever a script asks for.
#ifndef WEIR_LAKE_TABLE_ROOTS_H_
#define WEIR_LAKE_TABLE_ROOTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// Symbolic links count for where they lead, when a table is opened. Whoever may write to a
// directory above a table can put a link there between that look and a write: keep such directories
// to the processes of the cluster.
//
// A value; thread-safe.
class TableRoots {
 public:
  // Anywhere but in the kernel's directories.
  TableRoots() = default;

  // Below one of `roots`, paths as scripts write them (model/table_path.h) or s3://bucket for all
  // of it; relative ones from `base_directory`. None = anywhere. `reserved`: directories and
  // prefixes of the process itself, which no table may lie in or hold.
  // INVALID_ARGUMENT naming the root that isn't a path.
  static absl::StatusOr<TableRoots> Make(const std::vector<std::string>& roots,
                                         const std::vector<std::string>& reserved,
                                         const std::string& base_directory);

  // Whether a table may lie at `path`. FAILED_PRECONDITION with the reason and what is allowed;
  // INVALID_ARGUMENT as CheckTablePath.
  absl::Status Check(const std::string& path) const;

 private:
  absl::Status CheckPlace(const std::string& place, const std::string& path) const;

  std::vector<std::string> roots_;  // as NormalTablePath spells them
  std::vector<std::string> reserved_;
};

}  // namespace weir

#endif  // WEIR_LAKE_TABLE_ROOTS_H_
