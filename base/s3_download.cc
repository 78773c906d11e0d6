#include "base/s3_download.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/posix_file.h"
#include "base/s3_client.h"
#include "base/status_macros.h"

namespace weir {
namespace {

class Download {
 public:
  Download(int file, std::string path) : file_(file), path_(std::move(path)) {}

  // Before each attempt.
  HttpHeaders Resume() {
    is_first_piece_ = true;
    if (done_ == 0) return {};
    return {{"range", absl::StrCat("bytes=", done_, "-")}, {"if-match", etag_}};
  }
  absl::Status Take(const HttpReply& head, std::string_view bytes);
  int64_t done() const { return done_; }
  // After the last attempt, whose reply came whole.
  absl::Status CheckLength(const HttpReply& reply) const;

 private:
  absl::Status Begin(const HttpReply& head);

  const int file_;
  const std::string path_;
  std::string etag_;
  int64_t done_ = 0;
  bool is_first_piece_ = true;
};

// A server may answer a request for the rest with everything.
absl::Status Download::Begin(const HttpReply& head) {
  is_first_piece_ = false;
  if (head.status != 206) {
    if (done_ > 0 && (ftruncate(file_, 0) != 0 || lseek(file_, 0, SEEK_SET) != 0))
      return ErrnoError(errno, "emptying", path_);
    done_ = 0;
    etag_ = head.Header("etag");
    return absl::OkStatus();
  }
  long long start = -1;
  if (std::sscanf(head.Header("content-range").c_str(), "bytes %lld-", &start) != 1 ||
      start != done_) {
    return absl::UnknownError("the store answers with another range than was asked for");
  }
  return absl::OkStatus();
}

absl::Status Download::Take(const HttpReply& head, std::string_view bytes) {
  if (is_first_piece_) WEIR_RETURN_IF_ERROR(Begin(head));
  while (!bytes.empty()) {
    const ssize_t written = write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, "writing", path_);
    bytes.remove_prefix(written);
    done_ += written;
  }
  return absl::OkStatus();
}

absl::Status Download::CheckLength(const HttpReply& reply) const {
  int64_t total = -1;
  if (reply.status == 206) {
    const std::string range = reply.Header("content-range");
    if (!absl::SimpleAtoi(range.substr(range.find('/') + 1), &total)) total = -1;
  } else if (!absl::SimpleAtoi(reply.Header("content-length"), &total)) {
    return absl::OkStatus();  // in chunks: libcurl saw the last one
  }
  if (total == done_) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(path_, " got ", done_, " bytes of an object of ", total));
}

}  // namespace

absl::Status DownloadToFile(const S3Client& client, const std::string& key,
                            const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return ErrnoError(errno, "creating", path);
  Download download(file, path);
  S3Request request;
  request.method = "GET";
  request.key = key;
  request.sink = [&](const HttpReply& head, std::string_view bytes) {
    return download.Take(head, bytes);
  };
  request.resume = [&] { return download.Resume(); };
  request.progress = [&] { return download.done(); };
  const S3Outcome outcome = client.Do(request);
  absl::Status status = outcome.error;
  if (status.ok()) status = download.CheckLength(outcome.reply);
  if (close(file) != 0 && status.ok()) status = ErrnoError(errno, "writing", path);
  if (!status.ok()) unlink(path.c_str());
  return status;
}

}  // namespace weir
