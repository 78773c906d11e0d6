// The only durable store of a cluster: named byte strings with create-if-absent, nearly all of them
// immutable, and compare-and-swap for the few records that change.
#ifndef WEIR_BASE_BLOB_STORE_H_
#define WEIR_BASE_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// Names are relative, '/'-separated, without "." or ".." segments; INVALID_ARGUMENT otherwise.
//
// Error kinds are the contract:
//   NOT_FOUND, ALREADY_EXISTS   certain
//   ABORTED                     certain: the blob is not, or no longer, the version named
//   UNKNOWN                     the write may or may not have happened: read back before deciding,
//                               clean nothing up
//   UNAVAILABLE                 nothing happened; retrying may help
//   anything else               nothing happened; retrying won't help (permission, disk full)
// A write that returned OK survives a power cut. Thread-safe; calls block.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Creates `name` with `bytes`; ALREADY_EXISTS, leaving it alone, when it exists. Of several
  // concurrent callers exactly one succeeds.
  virtual absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) = 0;
  // As PutIfAbsent, with the content of a local file; the file stays. By hard link where possible:
  // nobody writes to that file any more.
  virtual absl::Status PutFileIfAbsent(const std::string& name, const std::string& local_path) = 0;
  virtual absl::StatusOr<std::string> Get(const std::string& name) = 0;
  // In bytes; NOT_FOUND when there is no such blob.
  virtual absl::StatusOr<int64_t> Size(const std::string& name) = 0;
  // Writes the content to `local_path` (must not exist), by hard link where possible: the caller
  // never writes to that file.
  virtual absl::Status GetToFile(const std::string& name, const std::string& local_path) = 0;

  struct Entry {
    std::string name;  // full, relative to the store
    int64_t size = 0;
  };
  // All blobs whose names start with `prefix` and sort after `start_after`, in byte order.
  virtual absl::StatusOr<std::vector<Entry>> List(const std::string& prefix,
                                                  const std::string& start_after) = 0;
  // OK also when absent.
  virtual absl::Status Delete(const std::string& name) = 0;

  // The few records that change: a lease, a hint. Readers see the old bytes or the new, whole.

  struct Versioned {
    std::string bytes;
    std::string version;  // opaque, not empty; equal bytes may have equal versions
  };
  virtual absl::StatusOr<Versioned> GetVersioned(const std::string& name) = 0;
  // Replaces the content if it still has `version`, and returns the new version; else ABORTED,
  // leaving it alone. Of several concurrent callers with one version at most one succeeds, as long
  // as each writes bytes that nobody wrote before: put something unique into the record. That also
  // decides an UNKNOWN outcome: it landed if the bytes read back are the caller's, or if a record
  // read back says that it followed the caller's.
  virtual absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                                   const std::string& version) = 0;
  // Creates the blob or replaces it, whatever is there. UNKNOWN when it may have landed or may yet
  // land: only for what any reader can do without.
  virtual absl::Status Replace(const std::string& name, std::string_view bytes) = 0;
};

// A directory of a local file system, made when absent. PERMISSION_DENIED or FAILED_PRECONDITION
// naming the path when it can't be written.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenLocalBlobStore(const std::string& directory);

// The same directory, which is made and found unusable by the first write only: a table that is
// looked at must not come into being.
std::unique_ptr<BlobStore> LocalBlobStoreAt(const std::string& directory);

// How an object store is asked; a directory doesn't care.
struct ObjectStoreManner {
  int64_t attempt_timeout_ms = 10'000;  // one request without much of a body
  int64_t patience_ms = 30'000;         // no further attempt after that
  bool own_connections = false;         // apart from those that all stores of the process share
  bool probe = true;                    // ask it for a name first, to say at once what is wrong
};

// By URI: a path, "file:///path" or "s3://bucket/prefix" (s3_blob_store.h says what its errors
// are); other schemes are UNIMPLEMENTED naming what is accepted.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenBlobStore(const std::string& uri,
                                                         const ObjectStoreManner& manner = {});

}  // namespace weir

#endif  // WEIR_BASE_BLOB_STORE_H_
