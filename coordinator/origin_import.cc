#include "coordinator/origin_import.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "coordinator/api_error.h"

namespace weir {
namespace {

constexpr int kCopyTries = 3;
// Below every epoch of the new job: its first records are numbers 1 and 2.
constexpr int64_t kHandoverVersion = 1;

const SinkSpec* FindSink(const Plan& plan, const std::string& id) {
  const auto it = std::find_if(plan.sinks.begin(), plan.sinks.end(),
                               [&](const SinkSpec& sink) { return sink.id == id; });
  return it == plan.sinks.end() ? nullptr : &*it;
}

// Up to which epoch the table keeps what the other job committed; epochs behind it come again.
int64_t KeepOf(const JobOrigin& origin, const std::string& sink) {
  int64_t keep = origin.epoch.value;
  for (const JobOrigin::Staged& staged : origin.staged) {
    if (staged.file.sink == sink) keep = std::min(keep, staged.epoch.value - 1);
  }
  return keep;
}

TableRollback Handover(const JobOrigin& origin, const std::string& lineage, const std::string& sink,
                       int64_t keep) {
  TableRollback rollback;
  rollback.app_id = CommitAppId(lineage, sink);
  rollback.version = kHandoverVersion;
  rollback.undo.push_back({CommitAppId(origin.lineage, sink), keep});
  for (const std::string& branch : origin.undone) {
    rollback.undo.push_back({CommitAppId(branch, sink), 0});
  }
  return rollback;
}

absl::Status TableError(const SinkSpec& sink, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("table ", sink.path, ": ", status.message()));
}

// What a check of one table needs.
struct Check {
  const OriginJob& from;
  const SinkSpec& sink;
  const std::string& lineage;
  JobOrigin* origin;

  absl::Status Run(TableCommitter* committer, bool append) const;
  absl::Status CheckOurs(TableCommitter* committer, const TableState& table) const;
  // Lineage of an app id of this sink; empty for another sink's.
  std::string LineageIn(const std::string& app_id) const {
    absl::string_view id = app_id;
    if (!absl::ConsumeSuffix(&id, absl::StrCat("/", sink.id))) return "";
    return std::string(id);
  }
};

absl::Status Check::Run(TableCommitter* committer, bool append) const {
  const SinkSpec* before = FindSink(from.log.spec->plan, sink.id);
  const bool same_path = before != nullptr && before->path == sink.path;
  const absl::StatusOr<TableState> table =
      committer->Prepare(sink.schema, CommitAppId(lineage, sink.id), /*create=*/false);
  if (absl::IsNotFound(table.status())) {
    if (!same_path) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("it is gone, and with it what job ", from.id,
                                                      " wrote: name another path in the script"));
  }
  WEIR_RETURN_IF_ERROR(table.status());
  bool ours = same_path;
  for (const std::string& app_id : table->app_ids) {
    const std::string writer = LineageIn(app_id);
    if (writer.empty()) continue;
    if (from.family.contains(writer)) {
      ours = true;
    } else if (!append) {
      return ApiError(absl::StatusCode::kAlreadyExists, kReasonTableLineage,
                      absl::StrCat("it also holds rows of another job's ", sink.id, " (lineage ",
                                   writer, "): submit with --append to add to them"));
    }
  }
  return ours ? CheckOurs(committer, *table) : absl::OkStatus();
}

absl::Status Check::CheckOurs(TableCommitter* committer, const TableState& table) const {
  // It is checked once more when the job has ended, with what it commits until then.
  if (from.live && from.stopping) return absl::OkStatus();
  if (from.live) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", from.id, " writes it: stop that job first, or name another path"));
  }
  for (const std::string& app_id : table.app_ids) {
    const std::string writer = LineageIn(app_id);
    const bool known = std::count(origin->undone.begin(), origin->undone.end(), writer) > 0;
    if (from.branches.contains(writer) && !known) origin->undone.push_back(writer);
  }
  TableRollback look = Handover(*origin, lineage, sink.id, origin->epoch.value);
  look.check_only = true;
  WEIR_ASSIGN_OR_RETURN(const RollbackResult found, committer->Rollback(look));
  constexpr int64_t kNone = -1;  // not optional: GCC 12 takes a copied one for uninitialised
  const int64_t kept = found.kept.empty() ? kNone : found.kept.front().value_or(kNone);
  const auto recorded = from.log.committed.find(sink.id);
  if (kept == kNone && recorded != from.log.committed.end() &&
      recorded->second.epoch <= origin->epoch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it doesn't remember that job ", from.id, " committed epoch ", recorded->second.epoch.value,
        " to it: it was replaced, or its transactions have expired; name another "
        "path in the script"));
  }
  if (found.files_removed + found.files_restored > 0 && !origin->restore_tables) {
    const Epoch newest = std::max(
        origin->epoch, recorded == from.log.committed.end() ? Epoch() : recorded->second.epoch);
    return ApiError(
        absl::StatusCode::kFailedPrecondition, kReasonTableAhead,
        absl::StrCat(
            "it holds rows of later epochs than ", origin->epoch.value, " of job ", from.id,
            newest > origin->epoch ? absl::StrCat(" (up to ", newest.value, ")") : "",
            ", or of jobs that went on from it, and they would be written again: "
            "--restore-tables takes their ",
            found.files_removed, " files out in one commit",
            found.files_restored > 0 ? absl::StrCat(" and brings ", found.files_restored, " back")
                                     : "",
            "; or choose a newer checkpoint, or name another path in the script"));
  }
  origin->continued.push_back(sink.id);
  // Published is the truth: what the other job didn't get to commit, the new one commits first.
  for (const auto& published : from.log.checkpoints) {
    if (published.epoch > origin->epoch || published.epoch.value <= kept) continue;
    for (const StagedFile& file : published.manifest.staged) {
      if (file.sink == sink.id) origin->staged.push_back({published.epoch, file});
    }
  }
  return absl::OkStatus();
}

// Through a local file: it may be larger than what a coordinator has memory for.
absl::Status CopyStateFile(BlobStore* blobs, const std::string& from, const std::string& to) {
  const std::string local = std::filesystem::temp_directory_path() /
                            absl::StrCat("weir-import-", MakeUuid(*SystemRandom()));
  const auto remove_local = absl::MakeCleanup([&local] {
    std::error_code ignored;
    std::filesystem::remove(local, ignored);
  });
  WEIR_RETURN_IF_ERROR(blobs->GetToFile(from, local));
  absl::Status copied;
  for (int i = 0; i < kCopyTries; ++i) {
    copied = blobs->PutFileIfAbsent(to, local);
    if (copied.ok() || absl::IsAlreadyExists(copied)) return absl::OkStatus();
    if (!absl::IsUnknown(copied) && !absl::IsUnavailable(copied)) break;
  }
  return copied;
}

absl::Status CopyStateFiles(const JobId& job, const JobOrigin& origin, BlobStore* blobs) {
  const std::string folder = absl::StrCat("jobs/", job, "/");
  std::set<std::string> there;  // by an earlier attempt
  WEIR_ASSIGN_OR_RETURN(const auto entries, blobs->List(absl::StrCat(folder, "state/"), ""));
  for (const BlobStore::Entry& entry : entries) there.insert(entry.name);
  for (const OperatorState& state : origin.manifest.states) {
    for (const StateFile& file : state.files) {
      const std::string to = absl::StrCat(folder, ImportedStatePath(file.path));
      if (there.contains(to)) continue;
      const std::string from = absl::StrCat("jobs/", origin.job, "/", file.path);
      const absl::Status copied = CopyStateFile(blobs, from, to);
      if (copied.ok()) continue;
      if (!absl::IsNotFound(copied)) return copied;
      return absl::FailedPreconditionError(absl::StrCat(
          "state file ", from, " is gone, so the job can't go on from epoch ", origin.epoch.value,
          " of job ", origin.job,
          ": submit it again from another checkpoint; savepoints are kept until they are dropped"));
    }
  }
  return absl::OkStatus();
}

// What the table holds after the handover; nothing when files of the other job are still to come,
// because then it is the state of an earlier epoch.
std::string HandoverInfo(const JobId& job, const JobSpec& spec, int sink) {
  const JobOrigin& origin = *spec.origin;
  const std::string& id = spec.plan.sinks[static_cast<size_t>(sink)].id;
  if (KeepOf(origin, id) < origin.epoch.value) return "{}";
  Manifest manifest = origin.manifest;
  manifest.staged.clear();
  // Not the other job's, whose numbers say nothing in this lineage: ours all come later.
  manifest.generation = Generation(kHandoverVersion);
  return BuildTableCommit(job, spec, sink, Epoch(kHandoverVersion), manifest).weir_info;
}

absl::Status TakeOver(const JobId& job, const JobSpec& spec, int sink, TableCommitter* committer) {
  const SinkSpec& table = spec.plan.sinks[static_cast<size_t>(sink)];
  TableRollback handover =
      Handover(*spec.origin, spec.lineage, table.id, KeepOf(*spec.origin, table.id));
  handover.weir_info = HandoverInfo(job, spec, sink);
  WEIR_RETURN_IF_ERROR(
      committer->Prepare(table.schema, handover.app_id, /*create=*/false).status());
  return committer->Rollback(handover).status();
}

}  // namespace

absl::Status CheckOriginTables(const OriginJob& from, const Plan& next, const std::string& lineage,
                               const CommitDriver::MakeCommitter& make, bool append,
                               JobOrigin* origin) {
  for (const SinkSpec& sink : next.sinks) {
    const std::unique_ptr<TableCommitter> committer = make(sink.path);
    const absl::Status status = Check{from, sink, lineage, origin}.Run(committer.get(), append);
    if (status.ok()) continue;
    const std::string message = absl::StrCat("table ", sink.path, ": ", status.message());
    const std::string reason = ApiReason(status);
    const bool away = absl::IsUnavailable(status) || absl::IsUnknown(status);
    return ApiError(away ? absl::StatusCode::kUnavailable : status.code(),
                    !reason.empty() ? reason : (away ? kReasonStorage : kReasonTable), message);
  }
  return absl::OkStatus();
}

absl::Status ImportOrigin(const JobId& job, const JobSpec& spec, BlobStore* blobs,
                          const CommitDriver::MakeCommitter& make) {
  const JobOrigin& origin = *spec.origin;
  WEIR_RETURN_IF_ERROR(Failpoint("coordinator.before_import"));
  WEIR_RETURN_IF_ERROR(CopyStateFiles(job, origin, blobs));
  WEIR_RETURN_IF_ERROR(Failpoint("coordinator.after_import_state"));
  for (size_t i = 0; i < spec.plan.sinks.size(); ++i) {
    const SinkSpec& sink = spec.plan.sinks[i];
    if (std::count(origin.continued.begin(), origin.continued.end(), sink.id) == 0) continue;
    const std::unique_ptr<TableCommitter> committer = make(sink.path);
    if (absl::Status taken = TakeOver(job, spec, static_cast<int>(i), committer.get());
        !taken.ok()) {
      return TableError(sink, taken);
    }
    WEIR_RETURN_IF_ERROR(Failpoint("coordinator.after_import_table"));
  }
  return absl::OkStatus();
}

}  // namespace weir
