#include "lake/delta_committer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutant.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "lake/delta_actions.h"
#include "lake/delta_checkpoint.h"
#include "lake/delta_log.h"
#include "lake/delta_protocol.h"
#include "lake/delta_rollback.h"
#include "lake/delta_schema.h"
#include "lake/table_roots.h"
#include "lake/table_store.h"
#include "model/json_text.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr char kEngineInfo[] = "weir/" WEIR_VERSION;

// How often a commit is tried, other writers getting in first, before we give up for now.
constexpr int kTriesMax = 100;
// How often a write of unknown outcome is repeated.
constexpr int kUnknownsMax = 3;
// Versions are followed one by one; after this long without looking, the log is also listed, in
// case it was cleaned in between. Retention of logs is measured in hours at least.
constexpr int64_t kLookAroundMicros = int64_t{600} * 1'000'000;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

DeltaFileAction AddAction(const DataFile& file) {
  const std::string path = PercentEncodePath(file.path);
  return {true, path, "",
          JsonObject()
              .Add("path", path)
              .AddRaw("partitionValues", "{}")
              .Add("size", file.size)
              .Add("modificationTime", file.modification_time_ms)
              .AddRaw("dataChange", "true")
              .Add("stats", file.stats)
              .str()};
}

// A commit as text and as what reading that text would give.
struct Composed {
  std::string bytes;
  DeltaCommit commit;
};

class DeltaCommitter : public TableCommitter {
 public:
  DeltaCommitter(const std::string& path, OpenLogStore open, Clock* clock, Random* random)
      : path_(path), open_(std::move(open)), clock_(clock), random_(random) {}

  absl::StatusOr<TableState> Prepare(const Schema& schema, const std::string& app_id,
                                     bool create) override;
  absl::StatusOr<CommitResult> Commit(const TableCommit& commit) override;
  absl::StatusOr<RollbackResult> Rollback(const TableRollback& rollback) override;

 private:
  // One call of Commit: what is wanted and what happened to it so far.
  struct Attempt {
    const TableCommit* commit = nullptr;
    std::string weir_info;
    std::string txn_id;
    int tries = 0;
    int unknowns = 0;            // writes that may have happened
    int64_t tried_version = -1;  // of the last write
    bool landed = false;         // read back: a commit of this call
    CommitResult result;
  };

  absl::Status Create(const Schema& schema);
  // Our schema as the table spells it, if we may append.
  absl::StatusOr<Schema> MatchTable() const;
  absl::Status CatchUp(Attempt* attempt);
  void Notice(const DeltaCommit& seen, Attempt* attempt);
  std::optional<int64_t> StoredVersion() const;
  // True when the attempt is over.
  absl::StatusOr<bool> Try(Attempt* attempt);
  Composed Compose(const Attempt& attempt) const;
  void MaybeCheckpoint();
  int64_t NowMs() const { return clock_->WallMicros() / 1000; }
  absl::Status Explain(const absl::Status& status) const;

  const std::string path_;
  const OpenLogStore open_;
  Clock* const clock_;
  Random* const random_;

  std::unique_ptr<LogStore> store_;  // since the first Prepare
  bool prepared_ = false;
  bool fenced_ = false;   // read a newer version under our app id; until the next Prepare
  bool recheck_ = false;  // read another protocol or schema
  Schema schema_;
  std::string app_id_;
  DeltaState state_;
  int64_t checkpoint_version_ = -1;  // the last one known
  int64_t live_files_ = 0;           // as of our last checkpoint
  int64_t looked_us_ = 0;            // monotonic: when the log was last read to its end
  int64_t app_table_version_ = -1;   // that holds the stored version of our app id, if known
  // Files committed under our app id by somebody else since Prepare, as paths in the log. A fenced
  // generation may publish an epoch that we fold into ours: its files must not be added twice.
  std::set<std::string> committed_by_others_;
};

// What a caller can act on; the text names the table.
absl::Status DeltaCommitter::Explain(const absl::Status& status) const {
  const std::string message = absl::StrCat("Delta table ", path_, ": ", status.message());
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return status;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnknown:
      return absl::Status(status.code(), message);
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:
      return absl::FailedPreconditionError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<TableState> DeltaCommitter::Prepare(const Schema& schema, const std::string& app_id,
                                                   bool create) {
  prepared_ = false;
  if (store_ == nullptr) {
    absl::StatusOr<std::unique_ptr<LogStore>> opened = open_();
    if (!opened.ok()) return Explain(opened.status());
    store_ = *std::move(opened);
  }
  absl::StatusOr<DeltaState> loaded = LoadDeltaState(store_.get(), &checkpoint_version_);
  if (absl::IsNotFound(loaded.status())) {
    if (!create) return absl::NotFoundError(absl::StrCat("there is no Delta table at ", path_));
    if (absl::Status created = Create(schema); !created.ok()) return Explain(created);
    loaded = LoadDeltaState(store_.get(), &checkpoint_version_);
  }
  if (!loaded.ok()) return Explain(loaded.status());
  state_ = *std::move(loaded);
  schema_ = schema;
  app_id_ = app_id;
  absl::StatusOr<Schema> matched = MatchTable();
  if (!matched.ok()) return Explain(matched.status());
  looked_us_ = clock_->MonotonicMicros();
  app_table_version_ = -1;
  committed_by_others_.clear();
  fenced_ = false;
  recheck_ = false;
  prepared_ = true;

  TableState out;
  out.table_version = state_.version;
  out.app_version = StoredVersion();
  for (const auto& [id, txn] : state_.txns) out.app_ids.push_back(id);
  out.schema = *std::move(matched);
  return out;
}

// Somebody else may create it at the same time: whoever loses takes the winner's table.
absl::Status DeltaCommitter::Create(const Schema& schema) {
  if (schema.columns.empty()) return absl::InvalidArgumentError("a table needs a column");
  DeltaMetadata metadata;
  metadata.id = MakeUuid(*random_);
  metadata.schema = FormatDeltaSchema(schema);
  metadata.created_ms = NowMs();
  const Json info = {{"commitInfo",
                      {{"timestamp", NowMs()},
                       {"operation", "CREATE TABLE"},
                       {"operationParameters",
                        {{"isManaged", "false"}, {"partitionBy", "[]"}, {"properties", "{}"}}},
                       {"isBlindAppend", true},
                       {"engineInfo", kEngineInfo},
                       {"txnId", MakeUuid(*random_)}}}};
  const std::string bytes =
      absl::StrCat(Dump(info), "\n", FormatDeltaAction(ProtocolForNewTable(schema)), "\n",
                   FormatDeltaAction(metadata), "\n");
  absl::Status put;
  for (int i = 0; i < kUnknownsMax; ++i) {
    put = store_->PutIfAbsent(CommitFileName(0), bytes);
    if (put.ok() || absl::IsAlreadyExists(put)) return absl::OkStatus();
    if (!absl::IsUnknown(put)) return put;
  }
  return put;
}

absl::StatusOr<Schema> DeltaCommitter::MatchTable() const {
  WEIR_ASSIGN_OR_RETURN(const std::vector<DeltaColumn> columns,
                        CheckAppendAllowed(state_.protocol, state_.metadata));
  return MatchSchema(schema_, columns);
}

std::optional<int64_t> DeltaCommitter::StoredVersion() const {
  const auto it = state_.txns.find(app_id_);
  if (it == state_.txns.end()) return std::nullopt;
  return it->second.version;
}

absl::StatusOr<CommitResult> DeltaCommitter::Commit(const TableCommit& commit) {
  if (!prepared_) return absl::FailedPreconditionError("Commit without a successful Prepare");
  if (commit.app_id != app_id_)
    return absl::InvalidArgumentError(
        absl::StrCat("prepared for the app id ", app_id_, ", not ", commit.app_id));
  Attempt attempt;
  attempt.commit = &commit;
  attempt.txn_id = MakeUuid(*random_);
  attempt.weir_info = commit.weir_info.empty() ? "{}" : commit.weir_info;
  if (!IsJsonObject(attempt.weir_info))
    return absl::InvalidArgumentError("weir_info is not a JSON object");
  while (true) {
    const absl::StatusOr<bool> done = Try(&attempt);
    if (done.ok() && *done) break;
    if (done.ok()) continue;
    // Fenced is certain; anything else leaves open what became of an earlier write of this call.
    if (attempt.unknowns > 0 && !absl::IsAborted(done.status()))
      return absl::UnknownError(Explain(done.status()).message());
    return Explain(done.status());
  }
  if (!attempt.result.already_there) MaybeCheckpoint();
  attempt.result.unknowns = attempt.unknowns;
  return attempt.result;
}

// Read anew, past what this object knows of the table: the next Commit catches up.
absl::StatusOr<RollbackResult> DeltaCommitter::Rollback(const TableRollback& rollback) {
  if (!prepared_) return absl::FailedPreconditionError("Rollback without a successful Prepare");
  if (rollback.app_id != app_id_)
    return absl::InvalidArgumentError(
        absl::StrCat("prepared for the app id ", app_id_, ", not ", rollback.app_id));
  absl::StatusOr<RollbackResult> result =
      RollBackDeltaTable(store_.get(), rollback, NowMs(), random_);
  if (!result.ok()) return Explain(result.status());
  return result;
}

absl::StatusOr<bool> DeltaCommitter::Try(Attempt* attempt) {
  WEIR_RETURN_IF_ERROR(CatchUp(attempt));
  CommitResult& result = attempt->result;
  if (attempt->landed) return true;
  const auto stored = StoredVersion();
  if (const int64_t known = std::max(attempt->commit->version, attempt->commit->newest);
      attempt->commit->newest > 0 && stored.value_or(0) > known)
    return absl::FailedPreconditionError(absl::StrCat(
        "holds version ", *stored, " of ", app_id_, ", but ", known,
        " is the newest that its writer knows of: the writer's records are older than the table, "
        "as after a restored backup, or an undone writer's"));
  const bool repeats =
      Mutant("repeat_commit") || (Mutant("ignore_lost_response") && attempt->unknowns > 0);
  if (stored && *stored >= attempt->commit->version && !repeats) {
    result.already_there = true;
    result.table_version = app_table_version_ >= 0 ? app_table_version_ : state_.version;
    return true;
  }
  if (++attempt->tries > kTriesMax)
    return absl::UnavailableError(
        absl::StrCat("other writers got in first ", result.rebases, " times in a row"));
  const int64_t version = state_.version + 1;
  const Composed composed = Compose(*attempt);
  attempt->tried_version = version;
  const absl::Status put = store_->PutIfAbsent(CommitFileName(version), composed.bytes);
  if (absl::IsAlreadyExists(put)) return false;  // CatchUp reads whose it is
  if (absl::IsUnknown(put) && ++attempt->unknowns <= kUnknownsMax) return false;
  WEIR_RETURN_IF_ERROR(put);
  Apply(composed.commit, &state_);
  app_table_version_ = version;
  result.table_version = version;
  return true;
}

// Reads what others committed, and what we did without knowing.
absl::Status DeltaCommitter::CatchUp(Attempt* attempt) {
  const int64_t now_us = clock_->MonotonicMicros();
  WEIR_RETURN_IF_ERROR(AdvanceDeltaState(
      store_.get(), now_us - looked_us_ > kLookAroundMicros,
      [this, attempt](const DeltaCommit& seen) {
        Notice(seen, attempt);
        return absl::OkStatus();
      },
      &state_));
  looked_us_ = now_us;
  if (fenced_)
    return absl::AbortedError(
        absl::StrCat("somebody else commits as ", app_id_, ", version ",
                     StoredVersion().value_or(-1), ", while we were to commit version ",
                     attempt->commit->version, ": this process was replaced; it must stop"));
  if (attempt->landed) return absl::OkStatus();
  if (attempt->tried_version >= 0 && state_.version >= attempt->tried_version)
    ++attempt->result.rebases;
  if (!recheck_) return absl::OkStatus();
  WEIR_RETURN_IF_ERROR(MatchTable().status());
  recheck_ = false;
  return absl::OkStatus();
}

void DeltaCommitter::Notice(const DeltaCommit& seen, Attempt* attempt) {
  if (seen.info && seen.info->txn_id == attempt->txn_id && !Mutant("ignore_lost_response")) {
    attempt->landed = true;
    attempt->result.table_version = seen.version;
    app_table_version_ = seen.version;
    return;
  }
  if (seen.protocol || seen.metadata) recheck_ = true;
  for (const DeltaTxn& txn : seen.txns) {
    if (txn.app_id != app_id_) continue;
    app_table_version_ = seen.version;
    const TableCommit& ours = *attempt->commit;
    if (txn.version > std::max(ours.version, ours.newest)) fenced_ = true;
    for (const DeltaFileAction& file : seen.files)
      if (file.add && !Mutant("ignore_lost_response")) committed_by_others_.insert(file.path);
  }
}

Composed DeltaCommitter::Compose(const Attempt& attempt) const {
  const TableCommit& commit = *attempt.commit;
  const int64_t now_ms = NowMs();
  Composed out;
  out.commit.version = state_.version + 1;
  out.commit.info = DeltaCommitInfo{"STREAMING UPDATE", attempt.txn_id, std::nullopt};
  out.commit.txns = {{commit.app_id, commit.version, now_ms}};
  int64_t rows = 0, bytes = 0;
  for (const DataFile& file : commit.files) {
    DeltaFileAction add = AddAction(file);
    if (committed_by_others_.count(add.path) != 0) continue;
    rows += file.rows;
    bytes += file.size;
    out.commit.files.push_back(std::move(add));
  }
  JsonObject info;
  info.Add("timestamp", now_ms)
      .Add("operation", out.commit.info->operation)
      .AddRaw("operationParameters", JsonObject()
                                         .Add("outputMode", "Append")
                                         .Add("queryId", commit.app_id)
                                         .Add("epochId", absl::StrCat(commit.version))
                                         .str())
      .AddRaw("operationMetrics", JsonObject()
                                      .Add("numAddedFiles", absl::StrCat(out.commit.files.size()))
                                      .Add("numRemovedFiles", "0")
                                      .Add("numOutputRows", absl::StrCat(rows))
                                      .Add("numOutputBytes", absl::StrCat(bytes))
                                      .str())
      .Add("readVersion", state_.version)
      .AddRaw("isBlindAppend", "true")
      .Add("engineInfo", kEngineInfo)
      .Add("txnId", attempt.txn_id)
      .AddRaw("weir", attempt.weir_info);
  if (NeedsInCommitTimestamp(state_.protocol, state_.metadata)) {
    const int64_t after = state_.in_commit_timestamp.value_or(0) + 1;
    out.commit.info->in_commit_timestamp = std::max(now_ms, after);
    info.Add("inCommitTimestamp", *out.commit.info->in_commit_timestamp);
  }
  out.bytes = absl::StrCat(JsonObject().AddRaw("commitInfo", info.str()).str(), "\n",
                           FormatDeltaAction(out.commit.txns.front()), "\n");
  for (const DeltaFileAction& add : out.commit.files) {
    absl::StrAppend(&out.bytes, JsonObject().AddRaw("add", add.json).str(), "\n");
  }
  return out;
}

// The commit stands whatever becomes of the checkpoint; the next one tries again.
void DeltaCommitter::MaybeCheckpoint() {
  if (state_.version - std::max<int64_t>(checkpoint_version_, 0) <
      CheckpointInterval(state_.metadata, live_files_))
    return;
  const absl::StatusOr<int64_t> written = WriteCheckpoint(store_.get(), state_, NowMs());
  if (written.ok()) {
    checkpoint_version_ = state_.version;
    live_files_ = *written;
    return;
  }
  WEIR_LOG(kWarning, "checkpoint of a Delta table not written", {"table", path_},
           {"version", state_.version}, {"error", written.status().ToString()});
}

}  // namespace

std::unique_ptr<TableCommitter> MakeDeltaCommitter(const std::string& path, OpenLogStore open,
                                                   Clock* clock, Random* random) {
  return std::make_unique<DeltaCommitter>(path, std::move(open), clock, random);
}

std::unique_ptr<TableCommitter> MakeDeltaCommitter(const std::string& path, const TableRoots& roots,
                                                   Clock* clock, Random* random) {
  const auto open = [path, roots]() -> absl::StatusOr<std::unique_ptr<LogStore>> {
    WEIR_ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> table, OpenTableStore(path, roots));
    return MakeLogStore(std::move(table));
  };
  return MakeDeltaCommitter(path, open, clock, random);
}

}  // namespace weir
