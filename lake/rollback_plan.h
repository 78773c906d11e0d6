// What taking some writers' commits out of a Delta table's history means for its files. Pure.
#ifndef WEIR_LAKE_ROLLBACK_PLAN_H_
#define WEIR_LAKE_ROLLBACK_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lake/delta_actions.h"
#include "lake/delta_log.h"
#include "lake/table_committer.h"

namespace weir {

// Folds the table twice over the same commits: with all of them, and with only those that stay. The
// difference is the rollback. So whatever an undone commit removed comes back, and a file added by
// a commit that stays remains wherever it was between.
//
// Base → Add* in order → AddBaseFile* for BaseFiles() → Removes, Restores.
class RollbackPlan {
 public:
  using Writers = std::vector<TableRollback::Writer>;

  explicit RollbackPlan(Writers undo);

  // Whether the commits after `base` tell all: none that is undone lies at or before it.
  static bool IsBase(const DeltaState& base, const Writers& undo);
  // The table before the first commit given to Add.
  void SetBase(const DeltaState& base);

  // FAILED_PRECONDITION when a commit that stays changed or removed rows of an undone one.
  absl::Status Add(const DeltaCommit& commit);

  // Paths in the log of files that come back and were added before the first commit given.
  std::set<std::string> BaseFiles() const;
  void AddBaseFile(const DeltaFileAction& file);

  // `add` actions of the files that go, and of those that come back. FAILED_PRECONDITION when a
  // file that was there at the base wasn't given.
  std::vector<DeltaFileAction> Removes() const;
  absl::StatusOr<std::vector<DeltaFileAction>> Restores() const;
  // As RollbackResult::kept.
  const std::vector<std::optional<int64_t>>& kept() const { return kept_; }
  // Table versions that are undone, ascending.
  const std::vector<int64_t>& undone() const { return undone_; }

 private:
  enum class Presence { kAsAtBase, kThere, kGone };
  struct Fold {
    Presence presence = Presence::kAsAtBase;
    DeltaFileAction add;  // kThere
  };
  struct File {
    Fold now;            // after all commits
    Fold then;           // after those that stay
    std::string origin;  // who added it first, when that is undone: "epoch 9 of lineage/sink"
  };

  // The undone transaction of the commit, for people; empty when it stays.
  std::string Undone(const DeltaCommit& commit);
  absl::Status Remove(const DeltaCommit& commit, bool undone, const DeltaFileAction& file);

  const Writers undo_;
  std::map<std::string, File> files_;  // by path in the log
  std::vector<std::optional<int64_t>> kept_;
  std::vector<int64_t> undone_;
};

}  // namespace weir

#endif  // WEIR_LAKE_ROLLBACK_PLAN_H_
