#include "lake/delta_rollback.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/failpoint.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "lake/commit_summary.h"
#include "lake/delta_log.h"
#include "lake/delta_protocol.h"
#include "lake/json_integer.h"
#include "lake/log_store.h"
#include "lake/parquet_checkpoint.h"
#include "lake/rollback_plan.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr char kEngineInfo[] = "weir/" WEIR_VERSION;
constexpr int kTriesMax = 100;
constexpr int kUnknownsMax = 3;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The table as far as a rollback has to know it.
struct History {
  CheckpointFiles base;  // version -1: from the beginning
  DeltaState state;      // newest
};

// The newest checkpoint before anything that is to be undone, or the beginning of the log.
absl::StatusOr<History> FindBase(LogStore* store, const LogListing& listing,
                                 const RollbackPlan::Writers& undo) {
  for (auto it = listing.checkpoints.rbegin(); it != listing.checkpoints.rend(); ++it) {
    WEIR_ASSIGN_OR_RETURN(DeltaState state, LoadDeltaCheckpoint(store, *it));
    if (RollbackPlan::IsBase(state, undo)) return History{*it, std::move(state)};
  }
  if (!listing.commits.empty() && listing.commits.front() == 0) return History();
  return absl::FailedPreconditionError(absl::StrCat(
      "its log no longer goes back to the first commit to be undone",
      listing.commits.empty()
          ? std::string()
          : absl::StrCat(" (older versions than ", listing.commits.front(), " were cleaned up)"),
      ": restore from a newer checkpoint, or write to another table"));
}

absl::Status ReadCommits(LogStore* store, const LogListing& listing, History* history,
                         RollbackPlan* plan) {
  plan->SetBase(history->state);
  for (const int64_t version : listing.commits) {
    if (version <= history->state.version) continue;
    if (version != history->state.version + 1) {
      return absl::FailedPreconditionError(absl::StrCat(
          "version ", history->state.version + 1, " is missing in its log, so what has to be ",
          "undone can't be told: restore from a newer checkpoint, or write to another table"));
    }
    WEIR_ASSIGN_OR_RETURN(const DeltaCommit commit, ReadDeltaCommit(store, version));
    WEIR_RETURN_IF_ERROR(plan->Add(commit));
    Apply(commit, &history->state);
  }
  return absl::OkStatus();
}

absl::Status ReadBaseFiles(LogStore* store, const CheckpointFiles& base, RollbackPlan* plan) {
  const std::set<std::string> wanted = plan->BaseFiles();
  if (wanted.empty()) return absl::OkStatus();
  for (const std::string& name : base.names) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, store->Read(name));
    WEIR_RETURN_IF_ERROR(ReadCheckpointFiles(bytes, [plan, &wanted](const DeltaFileAction& file) {
      if (wanted.count(file.path) != 0) plan->AddBaseFile(file);
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

// A RESTORE of a version whose files were vacuumed would leave a table that nobody can read.
absl::Status CheckPresent(LogStore* store, const std::vector<DeltaFileAction>& restores) {
  for (const DeltaFileAction& file : restores) {
    if (absl::StrContains(file.path, "://")) {
      return absl::FailedPreconditionError(absl::StrCat(
          file.path, " has to come back and lies outside of the table: add it by hand"));
    }
    WEIR_ASSIGN_OR_RETURN(const bool there, store->DataFileExists(PercentDecodePath(file.path)));
    if (there) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the data file ", file.path,
                     " has to come back and was deleted (by a VACUUM?): restore from a "
                     "checkpoint that doesn't need it, or write to another table"));
  }
  return absl::OkStatus();
}

// One attempt: what was read, and what the commit will do.
struct Attempt {
  History history;
  std::vector<DeltaFileAction> removes, restores;
  std::vector<std::optional<int64_t>> kept;
  std::vector<int64_t> undone;  // table versions
};

absl::StatusOr<Attempt> Read(LogStore* store, const TableRollback& rollback) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, store->List(""));
  const LogListing listing = ParseListing(names);
  Attempt out;
  WEIR_ASSIGN_OR_RETURN(out.history, FindBase(store, listing, rollback.undo));
  RollbackPlan plan(rollback.undo);
  WEIR_RETURN_IF_ERROR(ReadCommits(store, listing, &out.history, &plan));
  WEIR_RETURN_IF_ERROR(
      CheckAppendAllowed(out.history.state.protocol, out.history.state.metadata).status());
  WEIR_RETURN_IF_ERROR(ReadBaseFiles(store, out.history.base, &plan));
  out.removes = plan.Removes();
  WEIR_ASSIGN_OR_RETURN(out.restores, plan.Restores());
  out.kept = plan.kept();
  out.undone = plan.undone();
  if (!out.removes.empty() && IsAppendOnly(out.history.state.metadata)) {
    return absl::FailedPreconditionError(
        "its property delta.appendOnly is true, which forbids to remove rows: unset it for the "
        "restore, or write to another table");
  }
  WEIR_RETURN_IF_ERROR(CheckPresent(store, out.restores));
  return out;
}

bool IsDone(const DeltaState& state, const TableRollback& rollback) {
  const auto stored = state.txns.find(rollback.app_id);
  return stored != state.txns.end() && stored->second.version >= rollback.version;
}

int64_t SizeOf(const std::vector<DeltaFileAction>& files) {
  int64_t sum = 0;
  for (const DeltaFileAction& file : files) sum = CappedSum(sum, BytesOfFile(file.json));
  return sum;
}

// PROTOCOL.md, "Add File and Remove File": what a remove repeats of its add.
std::string RemoveAction(const DeltaFileAction& added, int64_t now_ms) {
  const Json add = Json::parse(added.json, nullptr, false);
  Json remove = {{"path", added.path},
                 {"deletionTimestamp", now_ms},
                 {"dataChange", true},
                 {"extendedFileMetadata", true}};
  for (const char* key : {"partitionValues", "size", "tags", "deletionVector", "baseRowId",
                          "defaultRowCommitVersion"})
    if (add.contains(key)) remove[key] = add[key];
  return Dump(Json{{"remove", std::move(remove)}});
}

std::string AddAction(const DeltaFileAction& file) {
  Json add = Json::parse(file.json, nullptr, false);
  add["dataChange"] = true;
  return Dump(Json{{"add", std::move(add)}});
}

// What was done, for people and for checkers.
Json Record(const TableRollback& rollback, const Attempt& attempt) {
  Json undone = Json::array();
  for (size_t i = 0; i < rollback.undo.size(); ++i) {
    undone.push_back({{"app_id", rollback.undo[i].app_id},
                      {"after", rollback.undo[i].keep},
                      {"kept", attempt.kept[i] ? Json(*attempt.kept[i]) : Json()}});
  }
  return {{"undone", std::move(undone)},
          {"undone_versions", attempt.undone},
          {"files_removed", attempt.removes.size()},
          {"files_restored", attempt.restores.size()}};
}

std::string Compose(const TableRollback& rollback, const Attempt& attempt, Json weir_info,
                    int64_t now_ms, const std::string& txn_id) {
  const DeltaState& state = attempt.history.state;
  const int64_t back_to = attempt.undone.empty() ? state.version : attempt.undone.front() - 1;
  weir_info["restore"] = Record(rollback, attempt);
  Json info = {{"timestamp", now_ms},
               {"operation", "RESTORE"},
               {"operationParameters", {{"version", absl::StrCat(back_to)}}},
               {"operationMetrics",
                {{"numRemovedFiles", absl::StrCat(attempt.removes.size())},
                 {"removedFilesSize", absl::StrCat(SizeOf(attempt.removes))},
                 {"numRestoredFiles", absl::StrCat(attempt.restores.size())},
                 {"restoredFilesSize", absl::StrCat(SizeOf(attempt.restores))}}},
               {"readVersion", state.version},
               {"isBlindAppend", false},
               {"engineInfo", kEngineInfo},
               {"txnId", txn_id},
               {"weir", std::move(weir_info)}};
  if (NeedsInCommitTimestamp(state.protocol, state.metadata))
    info["inCommitTimestamp"] = std::max(now_ms, state.in_commit_timestamp.value_or(0) + 1);
  std::string out =
      absl::StrCat(Dump(Json{{"commitInfo", std::move(info)}}), "\n",
                   FormatDeltaAction(DeltaTxn{rollback.app_id, rollback.version, now_ms}), "\n");
  for (const TableRollback::Writer& writer : rollback.undo)
    absl::StrAppend(&out, FormatDeltaAction(DeltaTxn{writer.app_id, kFencedVersion, now_ms}), "\n");
  for (const DeltaFileAction& file : attempt.removes)
    absl::StrAppend(&out, RemoveAction(file, now_ms), "\n");
  for (const DeltaFileAction& file : attempt.restores) absl::StrAppend(&out, AddAction(file), "\n");
  return out;
}

absl::Status CheckRequest(const TableRollback& rollback, const Json& weir_info) {
  if (!weir_info.is_object()) return absl::InvalidArgumentError("weir_info is not a JSON object");
  std::set<std::string> names{rollback.app_id};
  for (const TableRollback::Writer& writer : rollback.undo) {
    if (!names.insert(writer.app_id).second)
      return absl::InvalidArgumentError(absl::StrCat(
          "the app id ", writer.app_id, " is named twice in what to undo, or is the new one"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RollbackResult> RollBackDeltaTable(LogStore* store, const TableRollback& rollback,
                                                  int64_t now_ms, Random* random) {
  const Json weir_info =
      rollback.weir_info.empty() ? Json::object() : Json::parse(rollback.weir_info, nullptr, false);
  WEIR_RETURN_IF_ERROR(CheckRequest(rollback, weir_info));
  const std::string txn_id = MakeUuid(*random);
  int unknowns = 0;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // Whoever else lands a commit in between, all is read again: a rollback is rare, and every
    // commit may matter to it. So our own one is found too, however late it lands.
    RollbackResult result;
    WEIR_ASSIGN_OR_RETURN(const DeltaState newest, LoadDeltaState(store, nullptr));
    result.table_version = newest.version;
    if (IsDone(newest, rollback)) {
      result.already_there = true;
      return result;
    }
    absl::StatusOr<Attempt> attempt = Read(store, rollback);
    if (!attempt.ok() && unknowns > 0) return absl::UnknownError(attempt.status().message());
    WEIR_RETURN_IF_ERROR(attempt.status());
    if (IsDone(attempt->history.state, rollback)) continue;  // landed while we read
    result.files_removed = static_cast<int64_t>(attempt->removes.size());
    result.files_restored = static_cast<int64_t>(attempt->restores.size());
    result.kept = attempt->kept;
    if (rollback.check_only) return result;
    result.table_version = attempt->history.state.version + 1;
    WEIR_RETURN_IF_ERROR(Failpoint("lake.before_rollback"));
    const absl::Status put =
        store->PutIfAbsent(CommitFileName(result.table_version),
                           Compose(rollback, *attempt, weir_info, now_ms, txn_id));
    if (put.ok()) return result;
    if (absl::IsAlreadyExists(put)) continue;
    if (absl::IsUnknown(put) && ++unknowns <= kUnknownsMax) continue;
    return unknowns > 0 ? absl::UnknownError(put.message()) : put;
  }
  return absl::UnavailableError("other writers got in first again and again");
}

}  // namespace weir
