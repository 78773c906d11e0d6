// Durable keyed state of one operator in one task: an ordered list of SST files that we wrote.
//
// The operator's own tables in memory are a write-back cache; at a barrier it hands over what
// changed and a delta file is written on the I/O pool. Nothing here is called per record.
//
// Entries are byte strings. Key layout of panes, so that one scan meets everything of a window and
// one range delete expires it:
//
//   time (8 bytes, big-endian, sign flipped) | key group (2 bytes, big-endian) | key | suffix
//
#ifndef WEIR_STATE_KEYED_KEYED_STATE_H_
#define WEIR_STATE_KEYED_KEYED_STATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;
class Random;

struct StateEntry {
  std::string_view key;
  std::string_view value;
};

// [begin, end) of keys that are gone.
struct StateRangeDelete {
  std::string begin, end;
};

// What changed since the last delta. Owns its bytes: it crosses from the slot thread to the I/O
// pool.
struct StateDelta {
  std::string arena;  // entries point into it
  struct Span {
    uint64_t key_begin, key_size, value_begin, value_size;
  };
  std::vector<Span> entries;  // any order, keys unique
  // Applied before the entries of the same delta.
  std::vector<StateRangeDelete> deletes;
  // When set, the delta is the whole state: the list before it is dropped.
  bool full = false;
};

class KeyedState {
 public:
  virtual ~KeyedState() = default;

  // Calls `visit` for every live entry of `states` whose key group (bytes 8..9 of the key) lies in
  // `key_groups` and in the range of the task that wrote it, in key order within a state, after
  // checking every file's size and checksum and `schema` against the one given at construction.
  // Each state's files are ingested, as hard links, into a fresh RocksDB database of their own in
  // the task's cache directory, gone again afterwards: a range delete of one task never meets the
  // entries of another. Blocks.
  //   DATA_LOSS            a file is missing, short or altered: names it
  //   FAILED_PRECONDITION  another schema: names both
  virtual absl::Status Restore(const std::vector<OperatorState>& states, KeyGroupRange key_groups,
                               const std::function<absl::Status(const StateEntry&)>& visit) = 0;

  // Whether the first delta must be full: what was restored comes from tasks with other ranges.
  // Their lists can't be continued: files of one hold stale entries of key groups that another
  // took over.
  virtual bool needs_full() const = 0;

  // Writes `delta` as one SST, uploads it under jobs/<job>/state/ and returns the complete list
  // afterwards. An empty delta writes nothing, and a full one without entries empties the list.
  // Deltas must be handed over in order. I/O pool; blocks.
  virtual absl::StatusOr<std::vector<StateFile>> Write(const StateDelta& delta) = 0;

  // Number of files in the list: when it is long, the owner hands over a full delta next. Not while
  // Write runs.
  virtual int file_count() const = 0;
};

struct KeyedStateOptions {
  std::string job;
  std::string state_id;
  std::string schema;  // describes the entries; compared on restore
  int64_t generation = 0;
  KeyGroupRange key_groups;
  std::string cache_directory;  // exists, disposable
  BlobStore* blobs = nullptr;
  Random* random = nullptr;
};

std::unique_ptr<KeyedState> MakeKeyedState(KeyedStateOptions options);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_KEYED_STATE_H_
