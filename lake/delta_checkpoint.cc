#include "lake/delta_checkpoint.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/failpoint.h"
#include "base/status_macros.h"
#include "lake/delta_log.h"
#include "lake/delta_protocol.h"
#include "lake/log_store.h"
#include "lake/parquet_checkpoint.h"

namespace weir {
namespace {

constexpr char kForgetsTransactions[] = "delta.setTransactionRetentionDuration";

// PROTOCOL.md, "Action Reconciliation": a logical file is a path with a deletion vector; the last
// action about it counts.
using FileKey = std::pair<std::string, std::string>;
using FileActions = std::map<FileKey, DeltaFileAction>;

CheckpointFiles LastUpTo(int64_t version, const LogListing& listing) {
  CheckpointFiles last;
  for (const CheckpointFiles& checkpoint : listing.checkpoints)
    if (checkpoint.version <= version) last = checkpoint;
  return last;
}

absl::StatusOr<CheckpointFiles> CheckpointBefore(LogStore* store, int64_t version) {
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, ListLog(store));
  CheckpointFiles last = LastUpTo(version, listing);
  if (last.version >= 0) return last;
  // The hint may name a newer one, of another writer.
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, store->List(""));
  return LastUpTo(version, ParseListing(names));
}

absl::StatusOr<FileActions> ReadFilesSince(LogStore* store, int64_t after, int64_t to) {
  FileActions files;
  for (int64_t version = after + 1; version <= to; ++version) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, store->Read(CommitFileName(version)));
    WEIR_ASSIGN_OR_RETURN(DeltaCommit commit, ParseDeltaCommit(version, bytes));
    for (DeltaFileAction& file : commit.files)
      files.insert_or_assign({file.path, file.deletion_vector_id}, std::move(file));
  }
  return files;
}

// Drops what the protocol wants dropped and counts what is added.
class Filter {
 public:
  Filter(CheckpointWriter* writer, int64_t tombstones_since_ms)
      : writer_(writer), tombstones_since_ms_(tombstones_since_ms) {}

  absl::Status Add(const DeltaFileAction& file) {
    if (!file.add && RemovedAtMs(file) < tombstones_since_ms_) return absl::OkStatus();
    if (file.add) ++live_files_;
    return writer_->AddFile(file);
  }
  int64_t live_files() const { return live_files_; }

 private:
  static int64_t RemovedAtMs(const DeltaFileAction& file) {
    const nlohmann::json body = nlohmann::json::parse(file.json, nullptr, false);
    const auto time = body.find("deletionTimestamp");
    return time != body.end() && time->is_number_integer() ? time->get<int64_t>() : 0;
  }

  CheckpointWriter* const writer_;
  const int64_t tombstones_since_ms_;
  int64_t live_files_ = 0;
};

absl::Status PointTo(LogStore* store, int64_t version, int64_t actions, int64_t bytes,
                     int64_t live_files) {
  if (ReadLastCheckpointHint(store) >= version) return absl::OkStatus();
  const nlohmann::json hint = {{"version", version},
                               {"size", actions},
                               {"sizeInBytes", bytes},
                               {"numOfAddFiles", live_files}};
  return store->Replace(kLastCheckpointName, hint.dump());
}

// Looks for names of files in a log; see FindInLog.
class NameSearch {
 public:
  NameSearch(LogStore* store, const std::set<std::string>& names, const KnownCommits& known)
      : store_(store), names_(names), known_(known) {}

  // The newest version: its checkpoint, and the commits behind that.
  absl::Status LookForward();
  // From that checkpoint back to the last known commit.
  absl::Status LookBack();
  std::set<std::string> found() const { return found_; }

 private:
  void Look(const DeltaFileAction& file) {
    // By the last segment: paths may be absolute, after a clone.
    const std::string path = PercentDecodePath(file.path);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (names_.count(name) != 0) found_.insert(name);
  }
  absl::Status LookInto(const CheckpointFiles& checkpoint);
  bool IsKnown(const DeltaTxn& txn) const {
    return txn.app_id == known_.app_id && txn.version < known_.before;
  }

  LogStore* const store_;
  const std::set<std::string>& names_;
  const KnownCommits& known_;
  DeltaState base_;  // of the checkpoint; version -1 when there is none
  std::set<std::string> found_;
};

absl::Status NameSearch::LookInto(const CheckpointFiles& checkpoint) {
  for (const std::string& part : checkpoint.names) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, store_->Read(part));
    WEIR_RETURN_IF_ERROR(ReadCheckpointState(bytes, &base_));
    WEIR_RETURN_IF_ERROR(ReadCheckpointFiles(bytes, [this](const DeltaFileAction& file) {
      Look(file);
      return absl::OkStatus();
    }));
  }
  base_.version = checkpoint.version;
  return absl::OkStatus();
}

absl::Status NameSearch::LookForward() {
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, ListLog(store_));
  if (listing.v2_checkpoint >= 0)
    return absl::FailedPreconditionError("the table's log has a checkpoint of the v2 kind");
  if (!listing.checkpoints.empty()) WEIR_RETURN_IF_ERROR(LookInto(listing.checkpoints.back()));
  int64_t next = base_.version + 1;
  for (const int64_t version : listing.commits) {
    if (version < next) continue;
    if (version > next)
      return absl::DataLossError(absl::StrCat("version ", next, " is missing in the Delta log"));
    ++next;
    WEIR_ASSIGN_OR_RETURN(const DeltaCommit commit, ReadDeltaCommit(store_, version));
    for (const DeltaFileAction& file : commit.files) Look(file);
  }
  return absl::OkStatus();
}

absl::Status NameSearch::LookBack() {
  const auto last = base_.txns.find(known_.app_id);
  // Never committed up to there, unless the table forgets such things.
  const bool forgets = base_.metadata.configuration.count(kForgetsTransactions) != 0;
  if (last == base_.txns.end() ? !forgets : IsKnown(last->second)) return absl::OkStatus();
  const int64_t end = base_.version - kFindInLogVersionsMax;
  for (int64_t version = base_.version; version >= 0; --version) {
    if (version <= end)
      return absl::ResourceExhaustedError(
          absl::StrCat("the last ", kFindInLogVersionsMax, " versions up to ", base_.version,
                       " don't reach back to transaction ", known_.before, " of ", known_.app_id));
    const absl::StatusOr<DeltaCommit> commit = ReadDeltaCommit(store_, version);
    // Cleaned away with all before it: nobody reads those versions any more.
    if (absl::IsNotFound(commit.status())) return absl::OkStatus();
    WEIR_RETURN_IF_ERROR(commit.status());
    for (const DeltaTxn& txn : commit->txns)
      if (IsKnown(txn)) return absl::OkStatus();
    for (const DeltaFileAction& file : commit->files) Look(file);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ForEachFile(LogStore* store, int64_t version,
                         const std::function<absl::Status(const DeltaFileAction&)>& each) {
  WEIR_ASSIGN_OR_RETURN(const CheckpointFiles base, CheckpointBefore(store, version));
  WEIR_ASSIGN_OR_RETURN(const FileActions newer, ReadFilesSince(store, base.version, version));
  for (const std::string& name : base.names) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, store->Read(name));
    WEIR_RETURN_IF_ERROR(ReadCheckpointFiles(bytes, [&](const DeltaFileAction& file) {
      if (newer.count({file.path, file.deletion_vector_id}) != 0) return absl::OkStatus();
      return each(file);
    }));
  }
  for (const auto& [key, file] : newer) WEIR_RETURN_IF_ERROR(each(file));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> WriteCheckpoint(LogStore* store, const DeltaState& state, int64_t now_ms) {
  WEIR_ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointWriter> writer, OpenCheckpointWriter());
  WEIR_RETURN_IF_ERROR(writer->AddState(state));
  const int64_t retention_ms = TombstoneRetentionMs(state.metadata);
  Filter filter(writer.get(), retention_ms < 0 ? 0 : now_ms - retention_ms);
  WEIR_RETURN_IF_ERROR(ForEachFile(
      store, state.version, [&filter](const DeltaFileAction& file) { return filter.Add(file); }));
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, writer->Finish());
  WEIR_RETURN_IF_ERROR(Failpoint("lake.before_checkpoint"));
  // Another writer's checkpoint of the same version says the same.
  if (absl::Status put = store->PutIfAbsent(CheckpointFileName(state.version), bytes);
      !put.ok() && !absl::IsAlreadyExists(put))
    return put;
  WEIR_RETURN_IF_ERROR(Failpoint("lake.after_checkpoint"));
  WEIR_RETURN_IF_ERROR(PointTo(store, state.version, writer->actions(),
                               static_cast<int64_t>(bytes.size()), filter.live_files()));
  return filter.live_files();
}

absl::StatusOr<std::set<std::string>> FindInLog(LogStore* store, const std::set<std::string>& names,
                                                const KnownCommits& known) {
  NameSearch search(store, names, known);
  WEIR_RETURN_IF_ERROR(search.LookForward());
  WEIR_RETURN_IF_ERROR(search.LookBack());
  return search.found();
}

}  // namespace weir
