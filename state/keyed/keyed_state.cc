#include "state/keyed/keyed_state.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "state/keyed/file_merge_policy.h"
#include "state/keyed/local_files.h"
#include "state/keyed/rocks_sst_file.h"
#include "state/keyed/state_file.h"
#include "state/keyed/state_merge.h"

namespace weir {

static_assert(std::endian::native == std::endian::little);

// Big-endian with the sign flipped: bytes order as times do.
std::string StateTimeBytes(int64_t time) {
  const uint64_t bits = __builtin_bswap64(static_cast<uint64_t>(time) ^ (uint64_t{1} << 63));
  return std::string(reinterpret_cast<const char*>(&bits), sizeof(bits));
}

int64_t StateTimeOf(std::string_view key) {
  uint64_t bits;
  std::memcpy(&bits, key.data(), sizeof(bits));
  return static_cast<int64_t>(__builtin_bswap64(bits) ^ (uint64_t{1} << 63));
}

int StateGroupOf(std::string_view key) {
  return static_cast<uint8_t>(key[kStateTimeSize]) << 8 |
         static_cast<uint8_t>(key[kStateTimeSize + 1]);
}

namespace {

namespace fs = std::filesystem;

constexpr int kUploadTries = 3;

// A file of the list.
struct Listed {
  int64_t id = 0;  // unique here: after rescaling a file may be listed twice
  StateFile file;  // size and checksum are set when it is stored
  SstSummary summary;
  bool stored = false;  // in the blob store
};

KeyGroupRange Intersect(const KeyGroupRange& a, const KeyGroupRange& b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

// Adds the times for which `cursor` has entries of `groups`.
absl::Status CollectTimes(SstCursor& cursor, const KeyGroupRange& groups,
                          std::set<int64_t>* times) {
  for (cursor.SeekToFirst(); cursor.Valid();) {
    const int64_t time = StateTimeOf(cursor.entry().key);
    std::string prefix = StateTimeBytes(time);
    prefix += static_cast<char>(groups.begin >> 8);
    prefix += static_cast<char>(groups.begin);
    cursor.Seek(prefix);
    if (cursor.Valid() && StateTimeOf(cursor.entry().key) == time &&
        StateGroupOf(cursor.entry().key) < groups.end && time != kUndyingTime) {
      times->insert(time);
    }
    if (time == std::numeric_limits<int64_t>::max()) break;
    cursor.Seek(StateTimeBytes(time + 1));
  }
  return cursor.status();
}

class FileListState : public KeyedState {
 public:
  explicit FileListState(KeyedStateOptions options) : options_(std::move(options)) {}

  absl::StatusOr<Found> Restore(const std::vector<OperatorState>& states) override {
    std::vector<Listed> files;
    for (const OperatorState& state : states) {
      WEIR_RETURN_IF_ERROR(CheckSchema(state));
      for (const StateFile& file : state.files) {
        Listed listed;
        listed.id = static_cast<int64_t>(files.size());
        listed.file = file;
        listed.file.key_groups =
            Intersect(Intersect(file.key_groups, state.key_groups), options_.key_groups);
        listed.stored = true;
        if (listed.file.key_groups.begin < listed.file.key_groups.end) files.push_back(listed);
      }
    }
    Found found;
    std::set<int64_t> times;
    absl::Mutex found_mutex;
    WEIR_RETURN_IF_ERROR(RunForEach(options_.io, files.size(), [&](size_t i) -> absl::Status {
      Listed& listed = files[i];
      WEIR_RETURN_IF_ERROR(MakeLocal(listed.file, BlobName(listed.file), LocalPath(listed.file),
                                     *options_.blobs, *options_.random));
      WEIR_ASSIGN_OR_RETURN(auto cursor, OpenSst(LocalPath(listed.file), Name(listed.file)));
      listed.summary = cursor->Summary();
      listed.summary.size = listed.file.size;
      std::set<int64_t> own;
      WEIR_RETURN_IF_ERROR(CollectTimes(*cursor, listed.file.key_groups, &own));
      absl::MutexLock lock(&found_mutex);
      times.merge(own);
      found.entries += listed.summary.entries;
      found.bytes += listed.summary.raw_bytes;
      found.last_run = std::max(found.last_run, listed.summary.run);
      return absl::OkStatus();
    }));
    found.times.assign(times.begin(), times.end());
    absl::MutexLock lock(&mutex_);
    next_id_ = static_cast<int64_t>(files.size());
    files_ = std::move(files);
    return found;
  }

  absl::StatusOr<int64_t> Append(uint32_t run, const StateProducer& produce) override {
    Listed listed;
    listed.file = NewFile();
    WEIR_ASSIGN_OR_RETURN(listed.summary, WriteSst(LocalPath(listed.file), run, produce));
    if (listed.summary.entries == 0) return 0;
    absl::MutexLock lock(&mutex_);
    listed.id = next_id_++;
    files_.push_back(listed);
    return listed.summary.size;
  }

  absl::StatusOr<std::vector<StateFile>> Checkpoint(CheckpointId id, int64_t dead_up_to) override {
    std::vector<Listed> files;
    {
      absl::MutexLock lock(&mutex_);
      dead_up_to_ = std::max(dead_up_to_, dead_up_to);
      DropDead();
      for (auto& [since, path] : dropped_) {
        if (since == CheckpointId()) since = id;
      }
      files = files_;
    }
    WEIR_RETURN_IF_ERROR(RunForEach(options_.io, files.size(), [&](size_t i) {
      return files[i].stored ? absl::OkStatus() : Store(&files[i]);
    }));
    std::vector<StateFile> list;
    absl::MutexLock lock(&mutex_);
    for (const Listed& stored : files) {
      list.push_back(stored.file);
      for (Listed& listed : files_) {
        if (listed.id == stored.id) listed = stored;
      }
    }
    return list;
  }

  void Published(CheckpointId id) override {
    std::vector<std::string> paths = TakeDropped(id);
    if (paths.empty()) return;
    auto remove = [opening = opening_, paths = std::move(paths)] {
      absl::MutexLock lock(opening.get());
      std::error_code ignored;
      for (const std::string& path : paths) fs::remove(path, ignored);
    };
    if (options_.io != nullptr) {
      options_.io->Run(remove);
    } else {
      remove();
    }
  }

  absl::StatusOr<bool> MergeFiles() override {
    std::vector<Listed> span;
    int64_t dead_up_to = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (merging_) return false;
      std::vector<int64_t> sizes;
      for (const Listed& listed : files_) sizes.push_back(listed.summary.size);
      const std::optional<FileSpan> chosen = ChooseMerge(sizes);
      if (!chosen) return false;
      span.assign(files_.begin() + chosen->begin, files_.begin() + chosen->end);
      dead_up_to = dead_up_to_;
      merging_ = true;
    }
    absl::StatusOr<Listed> merged = Rewrite(span, dead_up_to);
    absl::MutexLock lock(&mutex_);
    merging_ = false;
    if (!merged.ok()) return merged.status();
    Replace(span, *std::move(merged));
    return true;
  }

  absl::StatusOr<std::unique_ptr<StateCursor>> Read(const std::vector<int64_t>& times) override {
    absl::ReaderMutexLock opening(opening_.get());
    return MergeTimes(Inputs(), times);
  }

  absl::StatusOr<std::unique_ptr<StateCursor>> ReadAll(int64_t dead_up_to) override {
    absl::ReaderMutexLock opening(opening_.get());
    return MergeAll(Inputs(), dead_up_to);
  }

  Size size() const override {
    absl::MutexLock lock(&mutex_);
    Size size;
    size.files = static_cast<int64_t>(files_.size());
    for (const Listed& listed : files_) size.bytes += listed.summary.size;
    size.rewritten_bytes = rewritten_bytes_;
    return size;
  }

 private:
  std::string BlobName(const StateFile& file) const {
    return absl::StrCat("jobs/", options_.job, "/", file.path);
  }
  // What errors call it; begins as those of MakeLocal.
  std::string Name(const StateFile& file) const {
    return absl::StrCat("state file ", BlobName(file));
  }
  std::string LocalPath(const StateFile& file) const {
    return absl::StrCat(options_.directory, "/", file.path.substr(file.path.rfind('/') + 1));
  }

  // Of the task that wrote the file: "<begin>-<end>".
  static std::string RangeInName(const std::string& path) {
    const std::vector<std::string> parts =
        absl::StrSplit(path.substr(path.rfind('/') + 1), absl::MaxSplits('-', 3));
    return parts.size() < 4 ? "" : absl::StrCat(parts[1], "-", parts[2]);
  }

  absl::Status CheckSchema(const OperatorState& state) const {
    if (state.schema == options_.schema) return absl::OkStatus();
    // Begins without content, after windows of another query: only its watermark says something.
    if (state.schema.empty() && state.files.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "stored state ", state.state_id, " holds \"", state.schema, "\", the job's query needs \"",
        options_.schema,
        "\": submit the changed query as a new job, or submit the query the state is of"));
  }

  StateFile NewFile() const {
    StateFile file;
    file.path = absl::StrCat("state/", options_.state_id, "/",
                             absl::Dec(options_.generation, absl::kZeroPad10), "-",
                             options_.key_groups.begin, "-", options_.key_groups.end, "-",
                             MakeUuid(*options_.random), ".sst");
    file.key_groups = options_.key_groups;
    return file;
  }

  absl::Status Store(Listed* listed) {
    const std::string local = LocalPath(listed->file);
    WEIR_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(local));
    listed->file.size = digest.size;
    listed->file.checksum = digest.checksum;
    WEIR_RETURN_IF_ERROR(Failpoint("state.before_upload"));
    WEIR_RETURN_IF_ERROR(Upload(local, BlobName(listed->file)));
    WEIR_RETURN_IF_ERROR(Failpoint("state.after_upload"));
    listed->stored = true;
    return absl::OkStatus();
  }

  // The name is ours alone, so a file found there after an unknown outcome is the one we wrote.
  absl::Status Upload(const std::string& local, const std::string& blob) {
    absl::Status status;
    bool unknown = false;
    for (int i = 0; i < kUploadTries; ++i) {
      status = options_.blobs->PutFileIfAbsent(blob, local);
      if (status.ok() || (unknown && absl::IsAlreadyExists(status))) return absl::OkStatus();
      if (!absl::IsUnknown(status) && !absl::IsUnavailable(status)) break;
      unknown = unknown || absl::IsUnknown(status);
    }
    return absl::Status(status.code(),
                        absl::StrCat("can't store state file ", blob, ": ", status.message()));
  }

  std::vector<MergeInput> InputsOf(const std::vector<Listed>& files) const {
    std::vector<MergeInput> inputs;
    for (const Listed& listed : files) {
      inputs.push_back({LocalPath(listed.file), Name(listed.file), listed.file.key_groups,
                        listed.summary.first_time, listed.summary.last_time});
    }
    return inputs;
  }
  std::vector<MergeInput> Inputs() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return InputsOf(files_);
  }

  // The file has left the list. After rescaling several tasks list the files of one: such files
  // stay until the next deployment.
  void Drop(const StateFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const KeyGroupRange& own = options_.key_groups;
    if (RangeInName(file.path) != absl::StrCat(own.begin, "-", own.end)) return;
    dropped_.emplace_back(CheckpointId(), LocalPath(file));
  }

  void DropDead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::erase_if(files_, [this](const Listed& listed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const bool dead =
          listed.summary.first_time != kUndyingTime && listed.summary.last_time <= dead_up_to_;
      if (dead) Drop(listed.file);
      return dead;
    });
  }

  // Paths of local copies that no checkpoint from `id` on names.
  std::vector<std::string> TakeDropped(CheckpointId id) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    std::set<std::string> listed;
    for (const Listed& file : files_) listed.insert(LocalPath(file.file));
    std::vector<std::string> paths;
    std::erase_if(dropped_, [&](const std::pair<CheckpointId, std::string>& dropped) {
      if (dropped.first == CheckpointId() || dropped.first > id) return false;
      if (!listed.contains(dropped.second)) paths.push_back(dropped.second);
      return true;
    });
    return paths;
  }

  absl::StatusOr<Listed> Rewrite(const std::vector<Listed>& span, int64_t dead_up_to) {
    Listed merged;
    merged.file = NewFile();
    uint32_t run = 0;
    for (const Listed& listed : span) run = std::max(run, listed.summary.run);
    absl::StatusOr<std::unique_ptr<StateCursor>> cursor;
    {
      absl::ReaderMutexLock opening(opening_.get());
      cursor = MergeAll(InputsOf(span), dead_up_to);
    }
    WEIR_RETURN_IF_ERROR(cursor.status());
    auto produce = [&cursor](PutStateEntry put) -> absl::Status {
      for (; (*cursor)->Valid(); (*cursor)->Next()) WEIR_RETURN_IF_ERROR(put((*cursor)->entry()));
      return (*cursor)->status();
    };
    WEIR_ASSIGN_OR_RETURN(merged.summary, WriteSst(LocalPath(merged.file), run, produce));
    return merged;
  }

  // Meanwhile files may have died, and others been appended: those of the span that are left are
  // neighbours still.
  void Replace(const std::vector<Listed>& span, Listed merged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::set<int64_t> ids;
    for (const Listed& listed : span) ids.insert(listed.id);
    merged.id = next_id_++;
    bool placed = merged.summary.entries == 0;
    rewritten_bytes_ += merged.summary.size;
    std::vector<Listed> files;
    for (Listed& listed : files_) {
      if (!ids.contains(listed.id)) {
        files.push_back(std::move(listed));
        continue;
      }
      Drop(listed.file);
      if (!placed) files.push_back(merged);
      placed = true;
    }
    if (!placed) Drop(merged.file);
    files_ = std::move(files);
  }

  const KeyedStateOptions options_;
  // Held for reading while files of the list are opened, so that none is removed before. Shared
  // with removals that may outlive this.
  const std::shared_ptr<absl::Mutex> opening_ = std::make_shared<absl::Mutex>();

  mutable absl::Mutex mutex_;
  std::vector<Listed> files_ ABSL_GUARDED_BY(mutex_);  // the list, oldest first
  int64_t next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t dead_up_to_ ABSL_GUARDED_BY(mutex_) = kUndyingTime;
  bool merging_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t rewritten_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Local copies that left the list, and the first checkpoint without them; 0: the next one.
  std::vector<std::pair<CheckpointId, std::string>> dropped_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<KeyedState> MakeKeyedState(KeyedStateOptions options) {
  return std::make_shared<FileListState>(std::move(options));
}

}  // namespace weir
