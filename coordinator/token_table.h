// Who may call the API: tokens by their hashes, and what their holders may do.
//
// A file of lines `name role sha256`: role is viewer (looks), operator (also changes jobs) or admin
// (also changes the cluster), sha256 the 64 hexadecimal digits of the token's hash. Several lines
// may share a name, so that a token can be replaced without a gap. Blank lines and lines that begin
// with # say nothing. Tokens themselves are nowhere on disk here, and never in the log.
#ifndef WEIR_COORDINATOR_TOKEN_TABLE_H_
#define WEIR_COORDINATOR_TOKEN_TABLE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace weir {

class Clock;

// Each may do what the ones before it may.
enum class Role { kViewer, kOperator, kAdmin };
std::string_view NameOf(Role role);

struct Caller {
  std::string name;
  Role role = Role::kViewer;
};

inline constexpr size_t kTokenBytesMax = 512;
inline constexpr size_t kTokensMax = 10'000;

class TokenTable {
 public:
  // INVALID_ARGUMENT naming the line, what is accepted and what to do; never the line's text.
  static absl::StatusOr<TokenTable> Parse(std::string_view text);
  // Whose token it is; null when nobody's. Takes as long whatever the token is.
  const Caller* Find(std::string_view token) const;

 private:
  struct Entry {
    std::string hash;  // 32 bytes
    Caller caller;
  };
  std::vector<Entry> entries_;
};

// The table in a file, read again when the file changes. Thread-safe.
class TokenFile {
 public:
  // INVALID_ARGUMENT when the file can't be read or parsed. `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(const std::string& path, Clock* clock);
  // Looks at the file at most once a second. While a changed file is wrong the table before it
  // counts, and the log says why. shared_ptr: calls under way keep the table that they began with.
  std::shared_ptr<const TokenTable> table();

 private:
  struct Version {
    int64_t inode = 0;
    int64_t bytes = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  TokenFile(std::string path, Clock* clock) : path_(std::move(path)), clock_(clock) {}
  static absl::StatusOr<Version> Look(const std::string& path);
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Clock* const clock_;
  absl::Mutex mutex_;
  Version version_ ABSL_GUARDED_BY(mutex_);
  int64_t looked_us_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const TokenTable> table_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_TOKEN_TABLE_H_
