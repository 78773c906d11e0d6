#include "state/keyed/local_files.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/blob_store.h"
#include "base/io_pool.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "state/keyed/state_file.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHelpersMax = 8;

// What RunForEach shares with its helpers, some of which may begin after it has returned.
struct Shared {
  absl::Mutex mutex;
  size_t next ABSL_GUARDED_BY(mutex) = 0;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  absl::Status status ABSL_GUARDED_BY(mutex);

  // `work` is only touched while RunForEach waits for `running`.
  void Work(size_t count, const std::function<absl::Status(size_t)>* work) {
    absl::MutexLock lock(&mutex);
    while (next < count && status.ok()) {
      const size_t mine = next++;
      ++running;
      mutex.Unlock();
      absl::Status done = (*work)(mine);
      mutex.Lock();
      --running;
      status.Update(done);
    }
  }
};

}  // namespace

absl::Status MakeLocal(const StateFile& file, const std::string& blob, const std::string& path,
                       BlobStore& blobs, Random& random) {
  std::error_code ignored;
  if (fs::file_size(path, ignored) == static_cast<uintmax_t>(file.size)) {
    absl::StatusOr<FileDigest> found = DigestFile(path);
    if (found.ok() && found->checksum == file.checksum) return absl::OkStatus();
  }
  fs::remove(path, ignored);
  const std::string part = absl::StrCat(path, ".", MakeUuid(random), ".part");
  auto remove = absl::MakeCleanup([&part] {
    std::error_code failed;
    fs::remove(part, failed);
  });
  absl::Status status = blobs.GetToFile(blob, part);
  if (absl::IsNotFound(status)) {
    return absl::DataLossError(absl::StrCat("state file ", blob, " is missing"));
  }
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("can't fetch state file ", blob, ": ", status.message()));
  }
  WEIR_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(part));
  if (digest.size != file.size) {
    return absl::DataLossError(
        absl::StrCat("state file ", blob, " has ", digest.size, " bytes instead of ", file.size));
  }
  if (digest.checksum != file.checksum) {
    return absl::DataLossError(absl::StrCat("state file ", blob, " is altered: its checksum is ",
                                            digest.checksum, " instead of ", file.checksum));
  }
  std::error_code failed;
  fs::rename(part, path, failed);
  if (!failed) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("can't keep state file ", path, ": ", failed.message()));
}

absl::Status RunForEach(IoPool* io, size_t count, const std::function<absl::Status(size_t)>& work) {
  auto shared = std::make_shared<Shared>();  // with helpers that come too late
  if (io != nullptr) {
    for (size_t i = 1; i < std::min(count, kHelpersMax); ++i) {
      io->Run([shared, count, work = &work] { shared->Work(count, work); });
    }
  }
  shared->Work(count, &work);
  absl::MutexLock lock(&shared->mutex);
  auto idle = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared->mutex) { return shared->running == 0; };
  shared->mutex.Await(absl::Condition(&idle));
  shared->next = count;  // after an error nothing begins any more
  return shared->status;
}

}  // namespace weir
