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

std::pair<std::string, std::string> NameOf(const Plan& plan, const InsertSpec& insert) {
  return {plan.sinks[static_cast<size_t>(insert.sink)].id, insert.name};
}

// One fit of a checkpoint; fills `out`.
struct Fit {
  const Plan& before;
  const Manifest& checkpoint;
  const Plan& next;
  const std::set<std::string>& drop;
  CarryOver* out;

  absl::Status CarrySources();
  absl::Status CarryWindows();
  absl::Status CarryInserts();
  void BeginEmpty(const std::string& id, const std::string& name);
};

absl::Status Fit::CarrySources() {
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
    CarriedState carried{CarriedState::Kind::kPositions, source.op->table};
    carried.partitions = static_cast<int>(
        std::count_if(checkpoint.positions.begin(), checkpoint.positions.end(),
                      [&](const PartitionPosition& p) { return p.source == source.id; }));
    out->states.push_back(std::move(carried));
  }
  if (held.empty()) return absl::OkStatus();
  const SourceOp& lost = *held.begin()->second;
  return Refuse("the checkpoint holds positions of table ", lost.table, " (topic ",
                lost.kafka.topic, "), which the script doesn't read under that name");
}

int64_t StoredBytes(const Manifest& checkpoint, const std::string& state_id) {
  std::map<std::string, int64_t> files;  // one may be in several tasks' lists
  for (const OperatorState& state : checkpoint.states) {
    if (state.state_id != state_id) continue;
    for (const StateFile& file : state.files) files[file.path] = file.size;
  }
  int64_t bytes = 0;
  for (const auto& [path, size] : files) bytes += size;
  return bytes;
}

absl::Status Fit::CarryWindows() {
  std::map<std::string, std::string> held = StatesOf(before);
  for (const auto& [id, name] : StatesOf(next)) {
    if (held.erase(id) > 0) {
      out->states.push_back({CarriedState::Kind::kWindows, name, CarriedState::Fate::kKept,
                             StoredBytes(checkpoint, id)});
    } else if (drop.contains(name)) {
      BeginEmpty(id, name);
    } else {
      return Refuse("the checkpoint has no state for ", name, " (state ", id,
                    "): its windows would start empty. The aggregation's source, filters, keys, "
                    "windows, aggregates and target must be as they were; or --drop-state ",
                    name, " lets windows that are open now miss the rows so far");
    }
  }
  for (const auto& [id, name] : held) {
    if (!drop.contains(name)) {
      return Refuse("the checkpoint holds state of ", name, " (state ", id,
                    "), which the script has no use for: it would be lost; --drop-state ", name,
                    " drops it");
    }
    out->states.push_back({CarriedState::Kind::kWindows, name, CarriedState::Fate::kDropped,
                           StoredBytes(checkpoint, id)});
    std::erase_if(out->manifest.states,
                  [&id = id](const OperatorState& state) { return state.state_id == id; });
  }
  return absl::OkStatus();
}

// Windows that the dropped ones have fired already must not fire again with what comes late.
void Fit::BeginEmpty(const std::string& id, const std::string& name) {
  OperatorState begin;
  begin.state_id = id;
  begin.key_groups = {0, kKeyGroups};
  begin.watermark = checkpoint.watermark;
  const std::map<std::string, std::string> held = StatesOf(before);
  for (const OperatorState& state : checkpoint.states) {
    const auto owner = held.find(state.state_id);
    if (owner == held.end() || owner->second != name) continue;
    begin.watermark = std::max(begin.watermark, state.watermark);
  }
  out->manifest.states.push_back(std::move(begin));
  out->states.push_back({CarriedState::Kind::kWindows, name, CarriedState::Fate::kEmpty});
}

absl::Status Fit::CarryInserts() {
  std::map<std::pair<std::string, std::string>, InsertCounters> held;
  for (size_t i = 0; i < before.inserts.size(); ++i) {
    const auto counted = checkpoint.counters.find(static_cast<int>(i));
    held[NameOf(before, before.inserts[i])] =
        counted == checkpoint.counters.end() ? InsertCounters() : counted->second;
  }
  out->manifest.counters.clear();
  for (size_t i = 0; i < next.inserts.size(); ++i) {
    const InsertSpec& insert = next.inserts[i];
    const auto node = held.extract(NameOf(next, insert));
    if (node.empty()) {
      return Refuse("INSERT ", insert.name,
                    " is not in the checkpoint: it would miss every row before it; submit it as a "
                    "job of its own");
    }
    out->manifest.counters[static_cast<int>(i)] = node.mapped();
    out->states.push_back({CarriedState::Kind::kCounters, insert.name});
  }
  for (const auto& [name, counters] : held) {
    if (!drop.contains(name.second)) {
      return Refuse("the checkpoint counts rows of INSERT ", name.second,
                    ", which the script doesn't have: they would go nowhere from now on; "
                    "--drop-state ",
                    name.second, " leaves it behind");
    }
    out->states.push_back(
        {CarriedState::Kind::kCounters, name.second, CarriedState::Fate::kDropped});
  }
  return absl::OkStatus();
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

absl::StatusOr<CarryOver> FitCheckpoint(const Plan& before, const Manifest& checkpoint,
                                        const Plan& next, const std::set<std::string>& drop) {
  if (checkpoint.sources_finished) {
    return Refuse(
        "the job had read its sources to their end, and all of its windows are closed: there is "
        "nothing to go on with; submit without --from");
  }
  CarryOver out;
  out.manifest = checkpoint;
  out.manifest.staged.clear();
  Fit fit{before, checkpoint, next, drop, &out};
  WEIR_RETURN_IF_ERROR(fit.CarrySources());
  WEIR_RETURN_IF_ERROR(fit.CarryWindows());
  WEIR_RETURN_IF_ERROR(fit.CarryInserts());
  // Says so as well when a checkpoint doesn't fit its own plan.
  WEIR_RETURN_IF_ERROR(BuildRestore(out.manifest, next, 1).status());
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
