// Where the files of a table lie: in a directory of this machine, or below a prefix of a bucket.
// All that tells the two apart is here.
#ifndef WEIR_LAKE_TABLE_STORE_H_
#define WEIR_LAKE_TABLE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

class BlobStore;
class TableRoots;

// The files of the table at `path` as blobs, by their names relative to it. A directory is neither
// made nor looked into; of an object store the bucket is asked for. Errors as OpenBlobStore, and as
// TableRoots::Check.
//
// In a directory, temporary files lie under names that begin with a dot: no reader lists them.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenTableStore(const std::string& path,
                                                          const TableRoots& roots);

// Whether a table at `path` could be written, as far as can be told without making anything.
// PERMISSION_DENIED or FAILED_PRECONDITION, one sentence naming what is in the way; UNAVAILABLE
// when an object store doesn't answer.
absl::Status CheckTablePathWritable(const std::string& path, const TableRoots& roots);

// Where the data files of the table at `path` are written.
struct DataFilePlace {
  std::string directory;  // local; made when absent
  // Of an object store: a complete file goes there under its name, and leaves the directory. Null:
  // it stays. Shared by the files of a task.
  std::shared_ptr<BlobStore> upload;
};
// `scratch_directory` takes the files of tables in object stores until they are complete: at most
// one open file a task, a little above kDataFileBytesMax.
absl::StatusOr<DataFilePlace> PlaceDataFiles(const std::string& path,
                                             const std::string& scratch_directory,
                                             const TableRoots& roots);

}  // namespace weir

#endif  // WEIR_LAKE_TABLE_STORE_H_
