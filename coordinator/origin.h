// A job that goes on from a checkpoint of another one: what may follow what. Pure.
//
// The new job has a lineage of its own. It takes the checkpoint's positions, state, watermarks and
// counters, and the tables as that checkpoint left them. Its SUBMITTED record holds all of that
// (JobOrigin), so its start is the same however often a crash makes it begin again: state files are
// copied into its own folder, tables are handed over by a commit that happens once, and the first
// CHECKPOINT record then stands for both.
#ifndef WEIR_COORDINATOR_ORIGIN_H_
#define WEIR_COORDINATOR_ORIGIN_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/ids.h"
#include "model/plan.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// The job to go on from, as the cluster knows it.
struct OriginJob {
  JobId id;
  JobLogState log;
  bool live = false;
  bool stopping = false;  // with `live`: looked at as if it had ended already
  // Lineages that went on from its own, directly or not, or from an ancestor of it: whatever they
  // wrote came after what its own tables held. Without its ancestors.
  std::set<std::string> branches;
  std::set<std::string> family;  // the branches, its ancestors and itself
};

// `parents`: lineage to the lineage that it went on from, of all jobs that did.
std::set<std::string> FamilyOf(const std::string& lineage,
                               const std::map<std::string, std::string>& parents);
std::set<std::string> BranchesOf(const std::string& lineage,
                                 const std::map<std::string, std::string>& parents);

// The kept checkpoint of that epoch; 0 = the newest. FAILED_PRECONDITION naming those there are.
absl::StatusOr<const JobLogState::PublishedCheckpoint*> ChooseCheckpoint(const OriginJob& origin,
                                                                         Epoch epoch);

// Something that a checkpoint holds, or that a plan needs of it, and what becomes of it.
struct CarriedState {
  enum class Kind { kPositions, kWindows, kCounters };
  enum class Fate { kKept, kDropped, kEmpty };  // kEmpty: new, begins without content
  Kind kind = Kind::kPositions;
  std::string name;  // of the source table, or of the INSERT
  Fate fate = Fate::kKept;
  int64_t bytes = 0;   // of windows, as stored
  int partitions = 0;  // of positions
  friend bool operator==(const CarriedState&, const CarriedState&) = default;
};
struct CarryOver {
  Manifest manifest;  // what the plan can start from, without staged files
  std::vector<CarriedState> states;
};

// What a job with the plan `next` takes along from that checkpoint of a job with the plan `before`:
// the same sources, the same keyed states, the same INSERTs. Nothing is left behind and nothing
// starts empty unless `drop` names it: windows by their INSERT, which may then have other ones that
// begin where the dropped ones ended, and INSERTs that the plan has no more. Names of `drop` that
// nothing is dropped by are fine. FAILED_PRECONDITION naming the first that differs.
absl::StatusOr<CarryOver> FitCheckpoint(const Plan& before, const Manifest& checkpoint,
                                        const Plan& next, const std::set<std::string>& drop);

// Where a state file of another job is kept in the new job's folder. Generation 0: no generation of
// the new job wrote it. Names are unique across jobs, being random.
std::string ImportedStatePath(const std::string& path);

// The first checkpoint of a job with an origin; its state files have been copied.
Manifest ImportedManifest(const JobOrigin& origin, Generation generation, int64_t created_ms);

}  // namespace weir

#endif  // WEIR_COORDINATOR_ORIGIN_H_
