#include "base/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  const int fd_;
};

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, "writing", path);
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

// Reads up to `size` bytes; fewer only at the end of the file.
absl::StatusOr<size_t> ReadSome(int fd, char* out, size_t size, const std::string& path) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(fd, out + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading", path);
    if (got == 0) break;
    done += got;
  }
  return done;
}

absl::Status CopyAll(int from, int to, const std::string& from_path, const std::string& to_path) {
  std::unique_ptr<char[]> buffer(new char[kCopyBytes]);
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const size_t got, ReadSome(from, buffer.get(), kCopyBytes, from_path));
    if (got == 0) return absl::OkStatus();
    WEIR_RETURN_IF_ERROR(WriteAll(to, {buffer.get(), got}, to_path));
  }
}

// `fill` writes the content; the file is synced after it, or removed when something fails.
template <class Fill>
absl::Status CreateFile(const std::string& path, Fill fill) {
  FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.ok()) return ErrnoError(errno, "creating", path);
  absl::Status status = fill(file.get());
  if (status.ok() && fsync(file.get()) != 0) status = ErrnoError(errno, "syncing", path);
  if (!status.ok()) unlink(path.c_str());
  return status;
}

}  // namespace

absl::Status ErrnoError(int error, std::string_view what, const std::string& path) {
  const std::string message = absl::StrCat(AbslView(what), " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    case ENOTDIR:
    case EISDIR:
    case EROFS:
    case ENAMETOOLONG:
      return absl::FailedPreconditionError(message);
    case EAGAIN:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case EBUSY:
    case ESTALE:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::Status MakeDirectories(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  const std::string parent = ParentDirectory(path);
  if (parent != path) WEIR_RETURN_IF_ERROR(MakeDirectories(parent));
  // EEXIST: somebody else was faster; their name may not be durable yet, so it is synced as well.
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return ErrnoError(errno, "making directory", path);
  return SyncDirectory(parent);
}

absl::Status SyncDirectory(const std::string& path) {
  FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return ErrnoError(errno, "opening directory", path);
  if (fsync(directory.get()) != 0) return ErrnoError(errno, "syncing directory", path);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return ErrnoError(errno, "opening", path);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "reading", path);
  // Files of /proc and /sys say 0; one byte more than the size tells the end of the others.
  std::string bytes(info.st_size + 1, '\0');
  size_t done = 0;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const size_t got,
                          ReadSome(file.get(), bytes.data() + done, bytes.size() - done, path));
    done += got;
    if (done < bytes.size()) break;
    bytes.resize(bytes.size() * 2 + 4096);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteNewFile(const std::string& path, std::string_view bytes) {
  return CreateFile(path, [&](int fd) { return WriteAll(fd, bytes, path); });
}

absl::Status CopyToNewFile(const std::string& from, const std::string& path) {
  FileDescriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.ok()) return ErrnoError(errno, "opening", from);
  return CreateFile(path, [&](int fd) { return CopyAll(source.get(), fd, from, path); });
}

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  if (slash == 0) return "/";
  return path.substr(0, slash);
}

}  // namespace weir
