#include "lake/rollback_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// Of a commit that removes rows for good or puts back an older version; any other may have carried
// the rows of a file it removes into one that it adds.
bool CarriesNoRows(const DeltaCommit& commit) {
  if (commit.info && commit.info->operation == "RESTORE") return true;
  return std::none_of(commit.files.begin(), commit.files.end(),
                      [](const DeltaFileAction& file) { return file.add; });
}

std::string Describe(const DeltaCommit& commit) {
  const bool named = commit.info && !commit.info->operation.empty();
  return absl::StrCat("version ", commit.version,
                      named ? absl::StrCat(" (", commit.info->operation, ")") : "");
}

}  // namespace

RollbackPlan::RollbackPlan(Writers undo) : undo_(std::move(undo)), kept_(undo_.size()) {}

bool RollbackPlan::IsBase(const DeltaState& base, const Writers& undo) {
  return std::all_of(undo.begin(), undo.end(), [&base](const TableRollback::Writer& writer) {
    const auto it = base.txns.find(writer.app_id);
    return it == base.txns.end() || it->second.version <= writer.keep;
  });
}

void RollbackPlan::SetBase(const DeltaState& base) {
  for (size_t i = 0; i < undo_.size(); ++i) {
    const auto it = base.txns.find(undo_[i].app_id);
    if (it != base.txns.end()) kept_[i] = it->second.version;
  }
}

std::string RollbackPlan::Undone(const DeltaCommit& commit) {
  std::string undone;
  for (const DeltaTxn& txn : commit.txns) {
    for (size_t i = 0; i < undo_.size(); ++i) {
      if (txn.app_id != undo_[i].app_id) continue;
      if (txn.version > undo_[i].keep) {
        undone = absl::StrCat("epoch ", txn.version, " of ", txn.app_id);
      } else {
        kept_[i] = std::max(kept_[i].value_or(txn.version), txn.version);
      }
    }
  }
  return undone;
}

absl::Status RollbackPlan::Add(const DeltaCommit& commit) {
  const std::string origin = Undone(commit);
  const bool undone = !origin.empty();
  if (undone) undone_.push_back(commit.version);
  // A commit that gives a file a deletion vector removes and adds the same path, in any order.
  for (const DeltaFileAction& file : commit.files) {
    if (!file.add) {
      if (absl::Status status = Remove(commit, undone, file); !status.ok()) return status;
    }
  }
  for (const DeltaFileAction& file : commit.files) {
    if (!file.add) continue;
    const auto [it, first] = files_.try_emplace(file.path);
    File& known = it->second;
    known.now = {Presence::kThere, file};
    if (first && undone) {
      known.origin = origin;
      known.then = {Presence::kGone, {}};
    }
    // What was an undone commit's stays out, whoever names it again: a RESTORE that went past it
    // and back, or new statistics.
    if (!undone && known.origin.empty()) known.then = known.now;
  }
  return absl::OkStatus();
}

absl::Status RollbackPlan::Remove(const DeltaCommit& commit, bool undone,
                                  const DeltaFileAction& file) {
  File& known = files_[file.path];
  if (!undone && !known.origin.empty() && !CarriesNoRows(commit)) {
    return absl::FailedPreconditionError(absl::StrCat(
        Describe(commit), " rewrote ", file.path, ", which holds rows of ", known.origin,
        ": they can't be told from others any more; restore from a checkpoint of that epoch or a "
        "later one, or write to another table"));
  }
  known.now = {Presence::kGone, {}};
  if (!undone) known.then = {Presence::kGone, {}};
  return absl::OkStatus();
}

std::set<std::string> RollbackPlan::BaseFiles() const {
  std::set<std::string> paths;
  for (const auto& [path, file] : files_) {
    if (file.now.presence == Presence::kGone && file.then.presence == Presence::kAsAtBase)
      paths.insert(path);
  }
  return paths;
}

void RollbackPlan::AddBaseFile(const DeltaFileAction& file) {
  const auto it = files_.find(file.path);
  if (it == files_.end() || it->second.then.presence != Presence::kAsAtBase) return;
  it->second.then = {file.add ? Presence::kThere : Presence::kGone, file};
}

std::vector<DeltaFileAction> RollbackPlan::Removes() const {
  std::vector<DeltaFileAction> removes;
  for (const auto& [path, file] : files_) {
    if (file.now.presence == Presence::kThere && file.then.presence == Presence::kGone)
      removes.push_back(file.now.add);
  }
  return removes;
}

absl::StatusOr<std::vector<DeltaFileAction>> RollbackPlan::Restores() const {
  std::vector<DeltaFileAction> restores;
  for (const auto& [path, file] : files_) {
    if (file.now.presence != Presence::kGone || file.then.presence == Presence::kGone) continue;
    if (file.then.presence == Presence::kAsAtBase) {
      return absl::FailedPreconditionError(
          absl::StrCat("the log no longer says what ", path, " holds, which has to come back"));
    }
    restores.push_back(file.then.add);
  }
  return restores;
}

}  // namespace weir
