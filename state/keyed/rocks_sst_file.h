// One SST file: RocksDB's table format, written and read without a database. Private to
// state/keyed.
//
// RocksDB's own flush and compaction output can't be moved between databases (DESIGN §7), and a
// database of ingested files has to compact them or keep them all: so there is none. What it would
// add over the files, an ordered merged view, is state_merge.h.
#ifndef WEIR_STATE_KEYED_ROCKS_SST_FILE_H_
#define WEIR_STATE_KEYED_ROCKS_SST_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "state/keyed/keyed_state.h"

namespace weir {

// What a file holds.
struct SstSummary {
  int64_t entries = 0;
  int64_t size = 0;       // bytes of the file
  int64_t raw_bytes = 0;  // of keys and values, uncompressed
  int64_t first_time = 0, last_time = 0;
  uint32_t run = 0;
};

// Writes the entries of `produce`; no file when there are none (entries = 0). RESOURCE_EXHAUSTED on
// a full disk, UNAVAILABLE otherwise, naming the file, of which nothing is left then.
absl::StatusOr<SstSummary> WriteSst(const std::string& path, uint32_t run,
                                    const StateProducer& produce);

// Position in an open file. Holds one block and the file's index: some 16 KiB and a hundredth of
// the file.
class SstCursor {
 public:
  virtual ~SstCursor() = default;
  virtual void SeekToFirst() = 0;
  virtual void Seek(std::string_view key) = 0;  // the first entry that isn't smaller
  virtual void Next() = 0;
  virtual bool Valid() const = 0;
  virtual StateEntry entry() const = 0;
  virtual absl::Status status() const = 0;
  virtual SstSummary Summary() = 0;  // moves the position
};

// `name` is what errors call the file. DATA_LOSS when it isn't a table of ours.
absl::StatusOr<std::unique_ptr<SstCursor>> OpenSst(const std::string& path,
                                                   const std::string& name);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_ROCKS_SST_FILE_H_
