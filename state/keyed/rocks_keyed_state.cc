// With rocks_cache_env the only file that knows RocksDB. Every file of a state is written by
// SstFileWriter: RocksDB's own flush and compaction output can't be ingested elsewhere, so it is
// never named (DESIGN §7).
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "state/keyed/keyed_state.h"
#include "state/keyed/rocks_cache_env.h"
#include "state/keyed/state_file.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyGroupAt = 8;
constexpr int kUploadTries = 3;

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }

absl::Status FromRocks(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsIOError()) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

// The fastest compressor that this RocksDB was built with: barriers wait for it, disks don't.
rocksdb::CompressionType Compression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (auto type : {rocksdb::kLZ4Compression, rocksdb::kZSTD}) {
    if (std::find(supported.begin(), supported.end(), type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

rocksdb::Options RocksOptions() {
  rocksdb::Options options;
  options.env = RocksCacheEnv();
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.compression = Compression();
  options.disable_auto_compactions = true;
  options.info_log_level = rocksdb::FATAL_LEVEL;
  options.max_background_jobs = 1;
  options.num_levels = 2;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // every block is read once
  table.block_size = 16 << 10;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Positions of the entries of `delta` in key order. The first 16 bytes decide nearly always.
std::vector<uint32_t> SortedEntries(const StateDelta& delta) {
  struct Head {
    uint64_t high, low;
    uint32_t entry;
  };
  auto key = [&delta](uint32_t i) {
    const StateDelta::Span& span = delta.entries[i];
    return std::string_view(delta.arena).substr(span.key_begin, span.key_size);
  };
  std::vector<Head> heads(delta.entries.size());
  for (uint32_t i = 0; i < heads.size(); ++i) {
    uint64_t words[2] = {0, 0};
    std::memcpy(words, key(i).data(), std::min(key(i).size(), sizeof(words)));
    heads[i] = {__builtin_bswap64(words[0]), __builtin_bswap64(words[1]), i};
  }
  static_assert(std::endian::native == std::endian::little);
  std::sort(heads.begin(), heads.end(), [&key](const Head& a, const Head& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return key(a.entry) < key(b.entry);
  });
  std::vector<uint32_t> order(heads.size());
  for (size_t i = 0; i < heads.size(); ++i) order[i] = heads[i].entry;
  return order;
}

absl::Status WriteSst(const StateDelta& delta, const std::string& path) {
  const rocksdb::Options options = RocksOptions();
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options), options);
  const std::string what = absl::StrCat("can't write state file ", path);
  WEIR_RETURN_IF_ERROR(FromRocks(writer.Open(path), what));
  // In one file all entries have one sequence number, and a range delete hides only smaller ones:
  // the deletes come before the entries of the same delta.
  for (const StateRangeDelete& range : delta.deletes) {
    WEIR_RETURN_IF_ERROR(FromRocks(writer.DeleteRange(range.begin, range.end), what));
  }
  const std::string_view arena = delta.arena;
  for (uint32_t i : SortedEntries(delta)) {
    const StateDelta::Span& span = delta.entries[i];
    const std::string_view key = arena.substr(span.key_begin, span.key_size);
    WEIR_CHECK(key.size() >= kKeyGroupAt + 2, "short state key, file=", path);
    WEIR_RETURN_IF_ERROR(FromRocks(
        writer.Put(ToSlice(key), ToSlice(arena.substr(span.value_begin, span.value_size))), what));
  }
  return FromRocks(writer.Finish(), what);
}

class RocksKeyedState : public KeyedState {
 public:
  explicit RocksKeyedState(KeyedStateOptions options) : options_(std::move(options)) {}

  absl::Status Restore(const std::vector<OperatorState>& states, KeyGroupRange key_groups,
                       const std::function<absl::Status(const StateEntry&)>& visit) override {
    files_.clear();
    needs_full_ = false;
    for (const OperatorState& state : states) {
      if (state.schema != options_.schema) {
        return absl::FailedPreconditionError(absl::StrCat(
            "stored state ", state.state_id, " holds \"", state.schema,
            "\", the job's query needs \"", options_.schema,
            "\": submit the changed query as a new job, or submit the query the state is of"));
      }
      if (!state.key_groups.Overlaps(key_groups)) continue;
      WEIR_RETURN_IF_ERROR(RestoreOne(state, key_groups, visit));
      if (state.key_groups == options_.key_groups) {
        files_ = state.files;
      } else {
        needs_full_ = needs_full_ || !state.files.empty();
      }
    }
    if (needs_full_) files_.clear();
    return absl::OkStatus();
  }

  bool needs_full() const override { return needs_full_; }
  int file_count() const override { return static_cast<int>(files_.size()); }

  absl::StatusOr<std::vector<StateFile>> Write(const StateDelta& delta) override {
    WEIR_CHECK(delta.full || !needs_full_, "state=", options_.state_id);
    if (delta.entries.empty() && (delta.full || delta.deletes.empty())) {
      if (delta.full) files_.clear();
      needs_full_ = false;
      return files_;
    }
    const std::string name = absl::StrCat(absl::Dec(options_.generation, absl::kZeroPad10), "-",
                                          options_.key_groups.begin, "-", options_.key_groups.end,
                                          "-", MakeUuid(*options_.random), ".sst");
    const std::string local = absl::StrCat(options_.cache_directory, "/", name);
    auto remove_local = absl::MakeCleanup([&local] {
      std::error_code ignored;
      fs::remove(local, ignored);
    });
    WEIR_RETURN_IF_ERROR(WriteSst(delta, local));
    WEIR_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(local));
    StateFile file;
    file.path = absl::StrCat("state/", options_.state_id, "/", name);
    file.size = digest.size;
    file.checksum = digest.checksum;
    file.key_groups = options_.key_groups;
    WEIR_RETURN_IF_ERROR(Failpoint("state.before_upload"));
    WEIR_RETURN_IF_ERROR(Upload(local, BlobName(file)));
    WEIR_RETURN_IF_ERROR(Failpoint("state.after_upload"));
    if (delta.full) files_.clear();
    needs_full_ = false;
    files_.push_back(std::move(file));
    return files_;
  }

 private:
  std::string BlobName(const StateFile& file) const {
    return absl::StrCat("jobs/", options_.job, "/", file.path);
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

  absl::Status Fetch(const StateFile& file, const std::string& local) {
    const std::string blob = BlobName(file);
    absl::Status status = options_.blobs->GetToFile(blob, local);
    if (absl::IsNotFound(status)) {
      return absl::DataLossError(absl::StrCat("state file ", blob, " is missing"));
    }
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("can't fetch state file ", blob, ": ", status.message()));
    }
    WEIR_ASSIGN_OR_RETURN(FileDigest digest, DigestFile(local));
    if (digest.size != file.size) {
      return absl::DataLossError(
          absl::StrCat("state file ", blob, " has ", digest.size, " bytes instead of ", file.size));
    }
    if (digest.checksum != file.checksum) {
      return absl::DataLossError(absl::StrCat("state file ", blob, " is altered: its checksum is ",
                                              digest.checksum, " instead of ", file.checksum));
    }
    return absl::OkStatus();
  }

  absl::Status RestoreOne(const OperatorState& state, KeyGroupRange key_groups,
                          const std::function<absl::Status(const StateEntry&)>& visit) {
    if (state.files.empty()) return absl::OkStatus();
    const std::string directory =
        absl::StrCat(options_.cache_directory, "/restore-", MakeUuid(*options_.random));
    auto remove_directory = absl::MakeCleanup([&directory] {
      std::error_code ignored;
      fs::remove_all(directory, ignored);
    });
    std::error_code error;
    fs::create_directory(directory, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("can't make directory ", directory, ": ", error.message()));
    }
    rocksdb::DB* opened = nullptr;
    const std::string database = directory + "/db";
    WEIR_RETURN_IF_ERROR(FromRocks(rocksdb::DB::Open(RocksOptions(), database, &opened),
                                   absl::StrCat("can't open a database in ", database)));
    std::unique_ptr<rocksdb::DB> db(opened);
    for (size_t i = 0; i < state.files.size(); ++i) {
      const std::string local = absl::StrCat(directory, "/", i, ".sst");
      WEIR_RETURN_IF_ERROR(Fetch(state.files[i], local));
      WEIR_RETURN_IF_ERROR(Ingest(*db, state.files[i], local));
    }
    // Files may hold entries of groups that their writer had already lost or never owned.
    const KeyGroupRange mine{std::max(key_groups.begin, state.key_groups.begin),
                             std::min(key_groups.end, state.key_groups.end)};
    return Scan(*db, state, mine, visit);
  }

  absl::Status Ingest(rocksdb::DB& db, const StateFile& file, const std::string& local) {
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;  // by hard link
    ingest.failed_move_fall_back_to_copy = true;
    // By default ingestion writes a number into the file: another checksum, and, through the hard
    // link, another content of the stored file.
    ingest.write_global_seqno = false;
    return FromRocks(db.IngestExternalFile({local}, ingest),
                     absl::StrCat("can't ingest state file ", BlobName(file)));
  }

  absl::Status Scan(rocksdb::DB& db, const OperatorState& state, KeyGroupRange mine,
                    const std::function<absl::Status(const StateEntry&)>& visit) {
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    read.readahead_size = 2 << 20;
    std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(read));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string_view key(it->key().data(), it->key().size());
      if (key.size() < kKeyGroupAt + 2) {
        return absl::DataLossError(
            absl::StrCat("state ", state.state_id, " has a key of ", key.size(), " bytes"));
      }
      const int group =
          static_cast<uint8_t>(key[kKeyGroupAt]) << 8 | static_cast<uint8_t>(key[kKeyGroupAt + 1]);
      if (!mine.Contains(group)) continue;
      const std::string_view value(it->value().data(), it->value().size());
      WEIR_RETURN_IF_ERROR(visit(StateEntry{key, value}));
    }
    return FromRocks(it->status(), absl::StrCat("can't read state ", state.state_id));
  }

  const KeyedStateOptions options_;
  std::vector<StateFile> files_;  // the list, oldest first
  bool needs_full_ = false;
};

}  // namespace

std::unique_ptr<KeyedState> MakeKeyedState(KeyedStateOptions options) {
  return std::make_unique<RocksKeyedState>(std::move(options));
}

}  // namespace weir
