#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/failpoint.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "lake/log_store.h"

namespace weir {
namespace {

// The kernel has written back a name this old, whoever made it.
constexpr time_t kDurableAfterSeconds = 120;

class LocalLogStore : public LogStore {
 public:
  explicit LocalLogStore(const std::string& table_path)
      : table_path_(table_path), directory_(absl::StrCat(table_path, "/_delta_log")) {}

  absl::StatusOr<std::vector<std::string>> List(const std::string& from) override {
    std::vector<std::string> names;
    DIR* dir = opendir(directory_.c_str());
    if (dir == nullptr) {
      if (errno == ENOENT) return names;
      return ErrnoError(errno, "listing", directory_);
    }
    errno = 0;
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] != '.' && from <= entry->d_name) names.push_back(entry->d_name);
      errno = 0;
    }
    const int error_number = errno;
    closedir(dir);
    if (error_number != 0) return ErrnoError(error_number, "listing", directory_);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<bool> Exists(const std::string& name) override { return IsThere(PathOf(name)); }

  absl::StatusOr<bool> DataFileExists(const std::string& path) override {
    return IsThere(absl::StrCat(table_path_, "/", path));
  }

  absl::StatusOr<std::string> Read(const std::string& name) override {
    WEIR_ASSIGN_OR_RETURN(std::string bytes, ReadFile(PathOf(name)));
    WEIR_RETURN_IF_ERROR(SyncNameOf(name));
    return bytes;
  }

  // link(2) never replaces, on any local file system and between processes; rename(2) would.
  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    WEIR_RETURN_IF_ERROR(Failpoint("lake.before_log_put"));
    WEIR_RETURN_IF_ERROR(MakeDirectories(directory_));
    const std::string temporary = TemporaryPath();
    WEIR_RETURN_IF_ERROR(WriteNewFile(temporary, bytes));
    const int failed = link(temporary.c_str(), PathOf(name).c_str()) == 0 ? 0 : errno;
    unlink(temporary.c_str());
    if (failed == EEXIST) WEIR_RETURN_IF_ERROR(SyncNameOf(name));
    if (failed != 0) return ErrnoError(failed, "creating", PathOf(name));
    if (absl::Status lost = Failpoint("lake.after_log_put"); !lost.ok())
      return absl::UnknownError(lost.message());
    if (absl::Status synced = SyncDirectory(directory_); !synced.ok())
      return absl::UnknownError(synced.message());
    return absl::OkStatus();
  }

  absl::Status Replace(const std::string& name, std::string_view bytes) override {
    const std::string temporary = TemporaryPath();
    WEIR_RETURN_IF_ERROR(WriteNewFile(temporary, bytes));
    if (rename(temporary.c_str(), PathOf(name).c_str()) != 0) {
      const int failed = errno;
      unlink(temporary.c_str());
      return ErrnoError(failed, "replacing", PathOf(name));
    }
    return SyncDirectory(directory_);
  }

 private:
  static absl::StatusOr<bool> IsThere(const std::string& path) {
    struct stat info;
    if (stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT) return false;
    return ErrnoError(errno, "looking at", path);
  }
  std::string PathOf(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  // Whoever reads a commit may act on it, but its writer may have died before it synced the
  // directory: a power cut must not take back what we told others.
  absl::Status SyncNameOf(const std::string& name) const {
    struct stat info;
    if (stat(PathOf(name).c_str(), &info) != 0) return absl::OkStatus();  // gone meanwhile
    if (time(nullptr) - info.st_ctime > kDurableAfterSeconds) return absl::OkStatus();
    return SyncDirectory(directory_);
  }

  // Never from an injected source: two processes must not draw the same name.
  std::string TemporaryPath() const {
    return absl::StrCat(table_path_, "/.weir-", RandomHex(*SystemRandom(), 32), ".tmp");
  }

  const std::string table_path_;
  const std::string directory_;
};

}  // namespace

std::unique_ptr<LogStore> MakeLocalLogStore(const std::string& table_path) {
  return std::make_unique<LocalLogStore>(table_path);
}

}  // namespace weir
