// Durable keyed state of one operator in one task: an ordered list of SST files that we wrote.
//
// The operator's own tables in memory are a write-back cache: at a barrier, and when memory is
// short, what changed becomes a file at the end of the list. Files are read only by scans, each
// entry once: nothing here is called per record.
//
// Entries are byte strings; of equal keys the one in the later file counts. Keys begin with
//
//   time (8 bytes, big-endian, sign flipped) | key group (2 bytes, big-endian) | rest
//
// so that a scan of one time meets everything of a window. Entries die by time, all of a time at
// once: a file whose times are all dead is dropped from the list, others lose their dead entries
// when they are rewritten. Entries of the smallest time never die.
//
// A file counts for the key groups that its StateFile names, whatever else it holds. So a task that
// takes over from others after rescaling continues their lists as they are: nothing is rewritten.
#ifndef WEIR_STATE_KEYED_KEYED_STATE_H_
#define WEIR_STATE_KEYED_KEYED_STATE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;
class IoPool;
class Random;

inline constexpr size_t kStateTimeSize = 8, kStateGroupSize = 2;
// Of entries that never die.
inline constexpr int64_t kUndyingTime = std::numeric_limits<int64_t>::min();

struct StateEntry {
  std::string_view key;
  std::string_view value;
};

using PutStateEntry = absl::FunctionRef<absl::Status(const StateEntry&)>;
// Hands over entries in ascending order of their keys, no key twice. Runs once, on the I/O pool.
using StateProducer = std::function<absl::Status(PutStateEntry put)>;

// A merged view of some entries. I/O pool; blocks; sees the list as it was when it was made.
class StateCursor {
 public:
  virtual ~StateCursor() = default;
  // The entry at hand is valid until Next. Not Valid: the end, or status() is an error.
  virtual bool Valid() const = 0;
  virtual StateEntry entry() const = 0;
  virtual void Next() = 0;
  // DATA_LOSS naming the file when a block is damaged.
  virtual absl::Status status() const = 0;
};

class KeyedState {
 public:
  virtual ~KeyedState() = default;

  // What the stored states tell about themselves.
  struct Found {
    // About: dead, foreign and overridden entries count.
    int64_t entries = 0;
    int64_t bytes = 0;           // of their keys and values
    uint32_t last_run = 0;       // the largest number given to Append
    std::vector<int64_t> times;  // that have entries of this task's key groups, ascending
  };
  // Takes over the lists of `states`: files are found in the local directory or fetched, and
  // checked for size and checksum; schemas must equal the one given at construction. First call,
  // once. Blocks.
  //   DATA_LOSS            a file is missing, short or altered: names it ("state file jobs/...");
  //                        trying again won't help, an older checkpoint may
  //   FAILED_PRECONDITION  another schema: names both
  virtual absl::StatusOr<Found> Restore(const std::vector<OperatorState>& states) = 0;

  // Writes what `produce` hands over as the last file of the list, local only so far; nothing when
  // there are no entries. `run` is the owner's, told by Found. In order; I/O pool; blocks.
  // Returns the file's size.
  virtual absl::StatusOr<int64_t> Append(uint32_t run, const StateProducer& produce) = 0;

  // Drops what died (entries of times up to `dead_up_to`), uploads the files that are new under
  // jobs/<job>/state/ and returns the complete list. In order with Append; I/O pool; blocks.
  virtual absl::StatusOr<std::vector<StateFile>> Checkpoint(CheckpointId id,
                                                            int64_t dead_up_to) = 0;
  // The checkpoint is published: local copies of files that only older ones name may go. Any
  // thread; the files go on the I/O pool.
  virtual void Published(CheckpointId id) = 0;

  // Rewrites adjacent files as one if the list asks for it (state/keyed/file_merge_policy.h), while
  // others append; false when there was nothing to do. I/O pool; blocks.
  virtual absl::StatusOr<bool> MergeFiles() = 0;

  // The live entries of `times`, ordered by what follows the time, then by time.
  virtual absl::StatusOr<std::unique_ptr<StateCursor>> Read(const std::vector<int64_t>& times) = 0;
  // All entries, in order of their keys, but those of times up to `dead_up_to`.
  virtual absl::StatusOr<std::unique_ptr<StateCursor>> ReadAll(int64_t dead_up_to) = 0;

  struct Size {
    int64_t files = 0, bytes = 0;  // of the list
    int64_t rewritten_bytes = 0;   // written by MergeFiles, ever
  };
  virtual Size size() const = 0;  // any thread
};

struct KeyedStateOptions {
  std::string job;
  std::string state_id;
  std::string schema;  // describes the entries; compared on restore
  int64_t generation = 0;
  KeyGroupRange key_groups;
  std::string directory;  // of local files; exists, disposable
  BlobStore* blobs = nullptr;
  Random* random = nullptr;
  IoPool* io = nullptr;  // helps with fetching and checking; outlives this
};

// Thread-safe, except as stated. Local files stay behind it.
std::shared_ptr<KeyedState> MakeKeyedState(KeyedStateOptions options);

// Key prefixes.
std::string StateTimeBytes(int64_t time);
int64_t StateTimeOf(std::string_view key);
int StateGroupOf(std::string_view key);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_KEYED_STATE_H_
