// Rows on their way into data files: taken on the slot thread, written on the I/O pool.
#ifndef WEIR_OPERATORS_SINK_FILE_STAGER_H_
#define WEIR_OPERATORS_SINK_FILE_STAGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "lake/table_committer.h"
#include "lake/table_roots.h"
#include "model/types.h"

namespace weir {

class IoPool;
class MemoryBudget;

// A stager never holds more than this and one batch, however large its share.
inline constexpr int64_t kSinkBytesMax = int64_t{64} << 20;

// Writes batches in the order they were added, into files that roll at `file_bytes_max` and end at
// each Cut.
//
// Every byte added counts in `memory` until the row group that holds it is written. The fair share
// of it bounds the row group, so that many open files mean small row groups, not more memory; what
// lies in `memory` beyond is the caller's to hold back (full()).
//
// One thread (the slot's) makes all calls but those of the functions that Cut returns. Not a
// Strand: a function that waited on the pool for work queued on the same pool could wait for
// itself, so whoever needs the queue to move takes over the writing.
//
// A file is opened only when the one before it is closed, so the names taken are the first ones.
//
// The destructor waits for nothing: batches not yet written are dropped and the open file stays
// behind, referenced by nothing; the coordinator finds it by its name.
class FileStager {
 public:
  // The name of the file that is the stager's number-th, from 0.
  using NameOf = std::function<std::string(int64_t number)>;

  struct Place {
    std::string table_path;
    std::string scratch_directory;  // for files of a table in an object store, until complete
    TableRoots roots;               // below which the table must lie
  };

  // `io` and `memory` (may be null) outlive the stager and the work it queued.
  FileStager(IoPool* io, NameOf name_of, MemoryBudget* memory, Place place, const Schema& schema,
             int64_t file_bytes_max);
  ~FileStager();
  FileStager(const FileStager&) = delete;
  FileStager& operator=(const FileStager&) = delete;

  // Columns by position, as ArrowSchema(schema). `bytes`: what the batch holds in memory.
  void Add(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes);
  // Bytes added and not yet written.
  int64_t held_bytes() const;
  // Holds its share: nothing more should be added. Passes by itself, as rows are written.
  bool full() const;
  // The first error of a write; everything added since is dropped.
  absl::Status status() const;

  // Ends the current file behind what was added so far. The result, run once on the I/O pool,
  // writes what is left of that and returns the files closed since the previous cut, durable. Empty
  // when there are none to come.
  using FinishCut = std::function<absl::StatusOr<std::vector<DataFile>>()>;
  FinishCut Cut();

 private:
  struct State;
  const std::shared_ptr<State> state_;  // shared with queued work, which may outlive the stager
  bool added_since_cut_ = false;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_SINK_FILE_STAGER_H_
