// Writes one Parquet data file of a table with the statistics its log needs.
#ifndef WEIR_LAKE_DATA_FILE_WRITER_H_
#define WEIR_LAKE_DATA_FILE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "lake/table_committer.h"
#include "lake/table_store.h"
#include "model/types.h"

namespace weir {

// A file rolls when it has about this many bytes.
inline constexpr int64_t kDataFileBytesMax = int64_t{128} << 20;

// Open → Write* → Close. Used on the I/O pool; one thread at a time; blocks. Not closed, the
// destructor leaves an unreferenced file behind and never deletes.
class DataFileWriter {
 public:
  virtual ~DataFileWriter() = default;
  // Columns by position, as ArrowSchema(schema). INVALID_ARGUMENT naming the column when a NOT NULL
  // column holds a NULL.
  virtual absl::Status Write(const arrow::RecordBatch& batch) = 0;
  // Writes the rows that are only buffered, as a row group of their own. To be called early where
  // memory is short; else the writer does so by itself.
  virtual absl::Status EndRowGroup() = 0;
  // Whether rows wait for their row group: Write keeps the batch itself until then.
  virtual bool buffers_rows() const = 0;
  // Bytes written and buffered so far, compressed as far as known.
  virtual int64_t BytesEstimate() const = 0;
  // The footer describes each column of each row group, and waits in memory for Close: a file of
  // many small row groups is full before its bytes say so.
  virtual bool FooterIsLarge() const = 0;
  // Completes the file and makes it durable: syncs it and its directory, or uploads it. UNKNOWN:
  // an upload may have happened; the file is referenced by nothing.
  virtual absl::StatusOr<DataFile> Close() = 0;
};

// `name` is a plain file name, not taken yet ("3f2a...-part.parquet"). zstd, timestamps as int64
// microseconds.
absl::StatusOr<std::unique_ptr<DataFileWriter>> OpenDataFile(const DataFilePlace& place,
                                                             const std::string& name,
                                                             const Schema& schema);

}  // namespace weir

#endif  // WEIR_LAKE_DATA_FILE_WRITER_H_
