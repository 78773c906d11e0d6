// A blob store in a directory. Create-if-absent is link(2): the content is written and synced under
// a temporary name first, so a blob is there whole or not at all, and of several links to one name
// exactly one succeeds. Replacing is rename(2) under a lock that all processes share; the version
// of a blob is the hash of its content.

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/blob_name.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace weir {
namespace {

// Temporary files of all processes that use the store; no blob's name begins with it.
constexpr char kTemporaryFolder[] = ".weir-tmp";
// In that folder; held while a blob that changes is compared and renamed over. Never removed.
constexpr char kLockName[] = "lock";
// Whoever holds the lock renames one file. Longer than this, its process is stopped.
constexpr int64_t kLockMicrosMax = 1'000'000;
// A temporary file this old was left by a process that died: none is in use that long.
constexpr int64_t kTemporarySecondsMax = 24 * 3600;
// The kernel has written back a name this old, whoever made it.
constexpr int64_t kDurableAfterSeconds = 120;

absl::Status CheckName(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckBlobName(name));
  if (absl::StartsWith(name, kTemporaryFolder))
    return absl::InvalidArgumentError(absl::StrCat("blob name '", name, "' is reserved"));
  return absl::OkStatus();
}

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat x {
  }, y{};
  return stat(a.c_str(), &x) == 0 && stat(b.c_str(), &y) == 0 && x.st_ino == y.st_ino &&
         x.st_dev == y.st_dev;
}

// Errors of link(2) that say the file system or its rules don't allow this pair of names.
bool CannotLink(int error) {
  return error == EXDEV || error == EPERM || error == EACCES || error == EMLINK ||
         error == EOPNOTSUPP;
}

class Directory {
 public:
  explicit Directory(const std::string& path) : handle_(opendir(path.c_str())) {}
  ~Directory() {
    if (handle_ != nullptr) closedir(handle_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  bool ok() const { return handle_ != nullptr; }
  int fd() const { return dirfd(handle_); }
  // nullptr at the end, with errno 0, and on error.
  const dirent* Next() {
    errno = 0;
    return readdir(handle_);
  }

 private:
  DIR* const handle_;
};

// The lock of a store among all threads and processes; the kernel frees it when its holder dies.
class StoreLock {
 public:
  StoreLock() = default;
  ~StoreLock() {
    if (file_ >= 0) close(file_);
  }
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

  // UNAVAILABLE when somebody else holds it for too long.
  absl::Status Acquire(const std::string& path) {
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) return ErrnoError(errno, "opening", path);
    const int64_t deadline_us = SystemClock()->MonotonicMicros() + kLockMicrosMax;
    while (flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoError(errno, "locking", path);
      if (SystemClock()->MonotonicMicros() > deadline_us) {
        return absl::UnavailableError(
            absl::StrCat("another process holds ", path, "; is one of them stopped?"));
      }
      usleep(500);
    }
    return absl::OkStatus();
  }

 private:
  int file_ = -1;
};

std::string WithoutLastSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

class LocalBlobStore : public BlobStore {
 public:
  explicit LocalBlobStore(std::string root) : root_(std::move(root)) {}

  // Makes the directory and tries it; once is enough. Before every write.
  absl::Status Prepare();

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
  std::string PathOf(const std::string& name) const { return absl::StrCat(root_, "/", name); }
  std::string TemporaryPath() const {
    return absl::StrCat(root_, "/", kTemporaryFolder, "/", getpid(), "-",
                        RandomHex(*SystemRandom(), 16));
  }
  enum class Content { kOwn, kShared };  // kShared: other names of the file may exist
  absl::Status Publish(const std::string& temporary, Content content, const std::string& name);
  absl::Status Swap(const std::string& name, std::string_view bytes, const std::string* version);
  absl::Status Rename(const std::string& temporary, const std::string& name,
                      const std::string* version) const;
  std::string LockPath() const {
    return absl::StrCat(root_, "/", kTemporaryFolder, "/", kLockName);
  }
  absl::Status SyncNameOf(const std::string& path) const;
  absl::Status Walk(const std::string& folder, const std::string& prefix,
                    const std::string& start_after, std::vector<Entry>* out) const;
  void RemoveOldTemporaries() const;

  const std::string root_;  // without a trailing '/'
  std::atomic<bool> prepared_{false};
};

absl::Status LocalBlobStore::Prepare() {
  if (prepared_) return absl::OkStatus();
  const std::string temporaries = absl::StrCat(root_, "/", kTemporaryFolder);
  WEIR_RETURN_IF_ERROR(MakeDirectories(temporaries));
  const std::string probe = TemporaryPath();
  WEIR_RETURN_IF_ERROR(WriteNewFile(probe, ""));
  const std::string linked = absl::StrCat(probe, "-linked");
  const int error = link(probe.c_str(), linked.c_str()) == 0 ? 0 : errno;
  unlink(linked.c_str());
  unlink(probe.c_str());
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the file system of ", root_,
                     " has no hard links, which create-if-absent needs; choose a directory on "
                     "another file system"));
  }
  RemoveOldTemporaries();
  prepared_ = true;  // several threads may have done it
  return absl::OkStatus();
}

void LocalBlobStore::RemoveOldTemporaries() const {
  Directory directory(absl::StrCat(root_, "/", kTemporaryFolder));
  if (!directory.ok()) return;
  const time_t now = time(nullptr);
  while (const dirent* entry = directory.Next()) {
    struct stat info {};
    // Two locks of one name would be none.
    if (std::string_view(entry->d_name) == kLockName) continue;
    if (fstatat(directory.fd(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) && now - info.st_mtime > kTemporarySecondsMax)
      unlinkat(directory.fd(), entry->d_name, 0);
  }
}

// Gives the complete, synced file `temporary` its name and removes the temporary one.
absl::Status LocalBlobStore::Publish(const std::string& temporary, Content content,
                                     const std::string& name) {
  const std::string path = PathOf(name);
  absl::Status status = MakeDirectories(ParentDirectory(path));
  if (status.ok()) status = Failpoint("blob_store.before_link");
  if (status.ok() && link(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    // Over NFS the answer to a link that was made may be lost and the repeated call fail.
    if (content == Content::kShared || !IsSameFile(temporary, path)) {
      status = error == EEXIST ? absl::AlreadyExistsError(absl::StrCat("blob ", name, " exists"))
                               : ErrnoError(error, "linking", path);
    }
  }
  unlink(temporary.c_str());
  if (absl::IsAlreadyExists(status)) {
    // Whoever is told that the blob exists may act on it, so it must not vanish with the power.
    WEIR_RETURN_IF_ERROR(SyncNameOf(path));
  }
  WEIR_RETURN_IF_ERROR(status);
  status = Failpoint("blob_store.after_link");
  if (status.ok()) status = SyncDirectory(ParentDirectory(path));
  if (!status.ok()) return absl::UnknownError(status.message());
  return absl::OkStatus();
}

absl::Status LocalBlobStore::PutIfAbsent(const std::string& name, std::string_view bytes) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Prepare());
  const std::string temporary = TemporaryPath();
  WEIR_RETURN_IF_ERROR(WriteNewFile(temporary, bytes));
  return Publish(temporary, Content::kOwn, name);
}

absl::Status LocalBlobStore::PutFileIfAbsent(const std::string& name,
                                             const std::string& local_path) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Prepare());
  const std::string temporary = TemporaryPath();
  if (link(local_path.c_str(), temporary.c_str()) == 0) {
    const int file = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
    const int error = file < 0 || fsync(file) != 0 ? errno : 0;
    if (file >= 0) close(file);
    if (error == 0) return Publish(temporary, Content::kShared, name);
    unlink(temporary.c_str());
    return ErrnoError(error, "syncing", local_path);
  }
  if (!CannotLink(errno)) return ErrnoError(errno, "reading", local_path);
  WEIR_RETURN_IF_ERROR(CopyToNewFile(local_path, temporary));
  return Publish(temporary, Content::kOwn, name);
}

// A blob seen may have been linked by a process that died before it synced the directory.
absl::Status LocalBlobStore::SyncNameOf(const std::string& path) const {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return absl::OkStatus();  // deleted meanwhile
  if (time(nullptr) - info.st_ctime > kDurableAfterSeconds) return absl::OkStatus();
  return SyncDirectory(ParentDirectory(path));
}

absl::StatusOr<std::string> LocalBlobStore::Get(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const std::string path = PathOf(name);
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (absl::IsFailedPrecondition(bytes.status()))  // a folder, or a blob above the name
    return absl::NotFoundError(absl::StrCat("no blob ", name));
  WEIR_RETURN_IF_ERROR(bytes.status());
  WEIR_RETURN_IF_ERROR(SyncNameOf(path));
  return bytes;
}

absl::StatusOr<int64_t> LocalBlobStore::Size(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const std::string path = PathOf(name);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return ErrnoError(errno, "looking at", path);
    return absl::NotFoundError(absl::StrCat("no blob ", name));
  }
  if (!S_ISREG(info.st_mode)) return absl::NotFoundError(absl::StrCat("no blob ", name));
  return static_cast<int64_t>(info.st_size);
}

absl::Status LocalBlobStore::GetToFile(const std::string& name, const std::string& local_path) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  const std::string path = PathOf(name);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    return absl::NotFoundError(absl::StrCat("no blob ", name));
  if (link(path.c_str(), local_path.c_str()) == 0) return absl::OkStatus();
  if (!CannotLink(errno)) return ErrnoError(errno, "creating", local_path);
  return CopyToNewFile(path, local_path);
}

absl::StatusOr<std::vector<BlobStore::Entry>> LocalBlobStore::List(const std::string& prefix,
                                                                   const std::string& start_after) {
  WEIR_RETURN_IF_ERROR(CheckBlobPrefix(prefix));
  std::vector<Entry> entries;
  const size_t slash = prefix.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
  WEIR_RETURN_IF_ERROR(Walk(folder, prefix, start_after, &entries));
  // Folder by folder is not byte order: "a/b" comes before "a.b" in a walk, after it in bytes.
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

// `folder` is "" or ends with '/'. What vanishes during the walk is skipped.
absl::Status LocalBlobStore::Walk(const std::string& folder, const std::string& prefix,
                                  const std::string& start_after, std::vector<Entry>* out) const {
  Directory directory(PathOf(folder));
  if (!directory.ok()) {
    if (errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
    return ErrnoError(errno, "listing", PathOf(folder));
  }
  while (const dirent* entry = directory.Next()) {
    const std::string name = absl::StrCat(folder, entry->d_name);
    const std::string_view last = entry->d_name;
    if (last == "." || last == ".." || name == kTemporaryFolder) continue;
    struct stat info {};
    if (fstatat(directory.fd(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode)) {
      if (absl::StartsWith(name, prefix) && name > start_after)
        out->push_back(Entry{name, static_cast<int64_t>(info.st_size)});
    } else if (S_ISDIR(info.st_mode)) {
      const std::string inner = absl::StrCat(name, "/");
      if (absl::StartsWith(inner, prefix) || absl::StartsWith(prefix, inner))
        WEIR_RETURN_IF_ERROR(Walk(inner, prefix, start_after, out));
    }
  }
  if (errno != 0) return ErrnoError(errno, "listing", PathOf(folder));
  return absl::OkStatus();
}

absl::Status LocalBlobStore::Delete(const std::string& name) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Prepare());
  const std::string path = PathOf(name);
  StoreLock lock;  // else a record deleted between compare and rename would come back
  WEIR_RETURN_IF_ERROR(lock.Acquire(LockPath()));
  if (unlink(path.c_str()) == 0) return absl::OkStatus();
  if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) return absl::OkStatus();
  return ErrnoError(errno, "deleting", path);
}

absl::StatusOr<BlobStore::Versioned> LocalBlobStore::GetVersioned(const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(std::string bytes, Get(name));
  std::string version = Sha256Hex(bytes);
  return Versioned{std::move(bytes), std::move(version)};
}

absl::StatusOr<std::string> LocalBlobStore::PutIfVersion(const std::string& name,
                                                         std::string_view bytes,
                                                         const std::string& version) {
  WEIR_RETURN_IF_ERROR(Swap(name, bytes, &version));
  return Sha256Hex(bytes);
}

absl::Status LocalBlobStore::Replace(const std::string& name, std::string_view bytes) {
  return Swap(name, bytes, nullptr);
}

// `version` = nullptr: whatever is there.
absl::Status LocalBlobStore::Swap(const std::string& name, std::string_view bytes,
                                  const std::string* version) {
  WEIR_RETURN_IF_ERROR(CheckName(name));
  WEIR_RETURN_IF_ERROR(Prepare());
  const std::string folder = ParentDirectory(PathOf(name));
  if (version == nullptr) WEIR_RETURN_IF_ERROR(MakeDirectories(folder));
  const std::string temporary = TemporaryPath();
  WEIR_RETURN_IF_ERROR(WriteNewFile(temporary, bytes));
  absl::Status status = Rename(temporary, name, version);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  status = Failpoint("blob_store.after_rename");
  if (status.ok()) status = SyncDirectory(folder);
  if (!status.ok()) return absl::UnknownError(status.message());
  return absl::OkStatus();
}

absl::Status LocalBlobStore::Rename(const std::string& temporary, const std::string& name,
                                    const std::string* version) const {
  const std::string path = PathOf(name);
  StoreLock lock;
  WEIR_RETURN_IF_ERROR(lock.Acquire(LockPath()));
  if (version != nullptr) {
    const absl::StatusOr<std::string> bytes = ReadFile(path);
    const bool gone =
        absl::IsNotFound(bytes.status()) || absl::IsFailedPrecondition(bytes.status());
    if (gone || (bytes.ok() && Sha256Hex(*bytes) != *version)) {
      return absl::AbortedError(
          absl::StrCat("blob ", name, gone ? " is gone" : " has changed meanwhile"));
    }
    WEIR_RETURN_IF_ERROR(bytes.status());
  }
  WEIR_RETURN_IF_ERROR(Failpoint("blob_store.before_rename"));
  if (rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return ErrnoError(errno, "renaming to", path);
}

}  // namespace

std::unique_ptr<BlobStore> LocalBlobStoreAt(const std::string& directory) {
  return std::make_unique<LocalBlobStore>(WithoutLastSlash(directory));
}

absl::StatusOr<std::unique_ptr<BlobStore>> OpenLocalBlobStore(const std::string& directory) {
  const std::string root = WithoutLastSlash(directory);
  auto store = std::make_unique<LocalBlobStore>(root);
  if (absl::Status status = store->Prepare(); !status.ok()) {
    const std::string message =
        absl::StrCat("data directory ", root, " cannot be used: ", status.message());
    if (absl::IsPermissionDenied(status)) return absl::PermissionDeniedError(message);
    return absl::FailedPreconditionError(message);
  }
  return store;
}

}  // namespace weir
