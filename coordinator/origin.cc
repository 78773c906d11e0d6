#include "coordinator/origin.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr char kImportedPrefix[] = "0000000000-";

template <class... Parts>
absl::Status Refuse(const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat(parts...));
}

// What keeps durable state, by state id, with the name that people know it by.
std::map<std::string, std::string> StatesOf(const Plan& plan) {
  std::map<std::string, std::string> states;
  for (const VertexSpec& vertex : plan.vertices) {
    for (const OperatorSpec& op : vertex.operators) {
      if (const auto* aggregate = std::get_if<FinalAggregateOp>(&op.op)) {
        states[aggregate->spec.state_id] = vertex.name;
      }
    }
  }
  return states;
}

absl::Status CheckSources(const Plan& before, const Plan& next) {
  std::map<std::string, const SourceOp*> held;
  for (const PlanSource& source : SourcesOf(before)) held[source.id] = source.op;
  for (const PlanSource& source : SourcesOf(next)) {
    const auto node = held.extract(source.id);
    const std::string name =
        absl::StrCat("table ", source.op->table, " (topic ", source.op->kafka.topic, ")");
    if (node.empty()) {
      return Refuse("the script reads ", name,
                    ", which the checkpoint has no positions of: its rows would be read apart from "
                    "the others; read it in a job of its own");
    }
    if (node.mapped()->kafka.stop_at_latest != source.op->kafka.stop_at_latest) {
      return Refuse("the script changes `stop` of ", name,
                    ", and the checkpoint holds where reading ends: leave it as it was");
    }
  }
  if (held.empty()) return absl::OkStatus();
  const SourceOp& lost = *held.begin()->second;
  return Refuse("the checkpoint holds positions of table ", lost.table, " (topic ",
                lost.kafka.topic, "), which the script doesn't read under that name");
}

absl::Status CheckStates(const Plan& before, const Plan& next) {
  std::map<std::string, std::string> held = StatesOf(before);
  for (const auto& [id, name] : StatesOf(next)) {
    if (held.erase(id) > 0) continue;
    return Refuse("the checkpoint has no state for ", name, " (state ", id,
                  "): its windows would start empty. The aggregation's source, filters, keys, "
                  "windows, aggregates and target must be as they were");
  }
  if (held.empty()) return absl::OkStatus();
  return Refuse("the checkpoint holds state of ", held.begin()->second, " (state ",
                held.begin()->first, "), which the script has no use for: it would be lost");
}

std::pair<std::string, std::string> NameOf(const Plan& plan, const InsertSpec& insert) {
  return {plan.sinks[static_cast<size_t>(insert.sink)].id, insert.name};
}

absl::Status CheckInserts(const Plan& before, const Plan& next) {
  std::set<std::pair<std::string, std::string>> held;
  for (const InsertSpec& insert : before.inserts) held.insert(NameOf(before, insert));
  for (const InsertSpec& insert : next.inserts) {
    if (held.erase(NameOf(next, insert)) > 0) continue;
    return Refuse("INSERT ", insert.name,
                  " is not in the checkpoint: it would miss every row before it; submit it as a "
                  "job of its own");
  }
  if (held.empty()) return absl::OkStatus();
  return Refuse("the checkpoint counts rows of INSERT ", held.begin()->second,
                ", which the script doesn't have: they would go nowhere from now on");
}

}  // namespace

std::set<std::string> FamilyOf(const std::string& lineage,
                               const std::map<std::string, std::string>& parents) {
  std::set<std::string> family{lineage};
  // Each round finds at least one more, or it is done.
  for (size_t known = 0; known != family.size();) {
    known = family.size();
    for (const auto& [child, parent] : parents) {
      if (family.contains(child)) family.insert(parent);
      if (family.contains(parent)) family.insert(child);
    }
  }
  return family;
}

std::set<std::string> BranchesOf(const std::string& lineage,
                                 const std::map<std::string, std::string>& parents) {
  std::set<std::string> branches = FamilyOf(lineage, parents);
  std::string ancestor = lineage;
  while (branches.erase(ancestor) > 0) {
    const auto parent = parents.find(ancestor);
    if (parent == parents.end()) break;
    ancestor = parent->second;
  }
  return branches;
}

absl::StatusOr<const JobLogState::PublishedCheckpoint*> ChooseCheckpoint(const OriginJob& origin,
                                                                         Epoch epoch) {
  const auto& kept = origin.log.checkpoints;
  if (kept.empty()) {
    return Refuse("job ", origin.id, " has no checkpoint: submit without --from");
  }
  if (epoch.value == 0) return &kept.back();
  std::vector<std::string> epochs;
  for (const auto& published : kept) {
    if (published.epoch == epoch) return &published;
    epochs.push_back(absl::StrCat(published.epoch.value, published.manifest.savepoint ? "*" : ""));
  }
  return Refuse("job ", origin.id, " keeps no checkpoint of epoch ", epoch.value, "; there are ",
                absl::StrJoin(epochs, ", "), " (* = savepoint)");
}

absl::Status CheckPlanFits(const Plan& before, const Manifest& checkpoint, const Plan& next) {
  if (checkpoint.sources_finished) {
    return Refuse(
        "the job had read its sources to their end, and all of its windows are closed: there is "
        "nothing to go on with; submit without --from");
  }
  WEIR_RETURN_IF_ERROR(CheckSources(before, next));
  WEIR_RETURN_IF_ERROR(CheckStates(before, next));
  WEIR_RETURN_IF_ERROR(CheckInserts(before, next));
  // Says so as well when a checkpoint doesn't fit its own plan.
  return BuildRestore(checkpoint, next, 1).status();
}

std::map<int, InsertCounters> CountersFor(const Plan& before,
                                          const std::map<int, InsertCounters>& counters,
                                          const Plan& next) {
  std::map<std::pair<std::string, std::string>, InsertCounters> by_name;
  for (const auto& [insert, counted] : counters) {
    by_name[NameOf(before, before.inserts[static_cast<size_t>(insert)])] = counted;
  }
  std::map<int, InsertCounters> out;
  for (size_t i = 0; i < next.inserts.size(); ++i) {
    const auto it = by_name.find(NameOf(next, next.inserts[i]));
    if (it != by_name.end()) out[static_cast<int>(i)] = it->second;
  }
  return out;
}

std::string ImportedStatePath(const std::string& path) {
  const size_t name = path.rfind('/') + 1;
  const absl::string_view rest = absl::string_view(path).substr(name);
  if (absl::StartsWith(rest, kImportedPrefix)) return path;  // the other job imported it as well
  return absl::StrCat(path.substr(0, name), kImportedPrefix, rest);
}

Manifest ImportedManifest(const JobOrigin& origin, Generation generation, int64_t created_ms) {
  Manifest manifest = origin.manifest;
  manifest.generation = generation;
  manifest.checkpoint = CheckpointId(0);
  manifest.created_ms = created_ms;
  manifest.savepoint = false;
  manifest.staged.clear();
  for (const JobOrigin::Staged& staged : origin.staged) {
    manifest.staged.push_back(staged.file);
    manifest.staged.back().closed_by = CheckpointId(0);
  }
  for (OperatorState& state : manifest.states) {
    for (StateFile& file : state.files) file.path = ImportedStatePath(file.path);
  }
  return manifest;
}

}  // namespace weir
