// A blob store in memory whose writes can be refused, lost, or done while the answer is lost.
#ifndef WEIR_TESTS_FAKES_FAULTY_BLOB_STORE_H_
#define WEIR_TESTS_FAKES_FAULTY_BLOB_STORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/blob_store.h"

namespace weir {

// What becomes of one PutIfAbsent, PutFileIfAbsent or PutIfVersion.
enum class PutFault {
  kNone,
  kUnavailable,  // nothing happens
  kLost,         // outcome unknown; nothing happened
  kDoneUnknown,  // outcome unknown; the blob stands there
  kLate,         // outcome unknown; the blob appears when DeliverLate() is called
  kDenied,       // PERMISSION_DENIED
};

// Thread-safe. Several writers may share one.
class FaultyBlobStore : public BlobStore {
 public:
  // The next puts fare so, one entry each; afterwards all is well.
  void PlanPuts(std::deque<PutFault> faults);
  // The next `count` calls of Get fail with UNAVAILABLE.
  void FailGets(int count);
  // Late writes arrive now, each only if its condition still holds.
  void DeliverLate();
  // Replaces bytes, as a broken disk would.
  void Overwrite(const std::string& name, std::string bytes);
  std::map<std::string, std::string> Snapshot();
  // Calls of Get so far.
  int gets();

  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override;
  absl::Status PutFileIfAbsent(const std::string& name, const std::string& local_path) override;
  absl::StatusOr<std::string> Get(const std::string& name) override;
  absl::StatusOr<int64_t> Size(const std::string& name) override;
  absl::Status GetToFile(const std::string& name, const std::string& local_path) override;
  absl::StatusOr<std::vector<Entry>> List(const std::string& prefix,
                                          const std::string& start_after) override;
  absl::Status Delete(const std::string& name) override;
  absl::StatusOr<Versioned> GetVersioned(const std::string& name) override;
  absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                           const std::string& version) override;
  absl::Status Replace(const std::string& name, std::string_view bytes) override;

 private:
  struct Write {
    std::string name;
    std::string bytes;
    std::optional<std::string> version;  // none: only if absent
  };
  absl::Status Conditional(Write write) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Apply(const Write& write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::deque<PutFault> faults_ ABSL_GUARDED_BY(mutex_);
  std::vector<Write> late_ ABSL_GUARDED_BY(mutex_);
  int failing_gets_ ABSL_GUARDED_BY(mutex_) = 0;
  int gets_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAULTY_BLOB_STORE_H_
