#include "state/checkpoint/recovery.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir {
namespace {

// State ids of the operators of `vertex` that keep durable state.
std::set<std::string> StateIds(const VertexSpec& vertex) {
  std::set<std::string> ids;
  for (const OperatorSpec& op : vertex.operators) {
    if (const auto* aggregate = std::get_if<FinalAggregateOp>(&op.op)) {
      ids.insert(aggregate->spec.state_id);
    }
  }
  return ids;
}

absl::Status AssignPartitions(const Manifest& manifest, const Plan& plan, int parallelism,
                              std::map<TaskId, TaskRestore>* tasks) {
  std::map<std::string, std::vector<PartitionPosition>> by_source;
  for (const PartitionPosition& position : manifest.positions) {
    by_source[position.source].push_back(position);
  }
  int next = 0;
  for (const PlanSource& source : SourcesOf(plan)) {
    auto node = by_source.extract(source.id);
    if (node.empty()) continue;
    std::vector<PartitionPosition>& positions = node.mapped();
    std::sort(positions.begin(), positions.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    for (PartitionPosition& position : positions) {
      const TaskId task{source.vertex, next++ % parallelism};
      (*tasks)[task].positions.push_back(std::move(position));
    }
  }
  if (by_source.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the checkpoint holds positions of source ",
                                                    by_source.begin()->first,
                                                    ", which the plan doesn't have"));
}

absl::Status AssignStates(const Manifest& manifest, const Plan& plan, int parallelism,
                          std::map<TaskId, TaskRestore>* tasks) {
  std::map<std::string, int> vertex_of;
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    for (const std::string& id : StateIds(plan.vertices[v])) vertex_of[id] = static_cast<int>(v);
  }
  for (const OperatorState& state : manifest.states) {
    const auto vertex = vertex_of.find(state.state_id);
    if (vertex == vertex_of.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the checkpoint holds state ", state.state_id, ", which the plan doesn't have"));
    }
    for (int index = 0; index < parallelism; ++index) {
      TaskRestore& restore = (*tasks)[TaskId{vertex->second, index}];
      if (state.key_groups.Overlaps(restore.key_groups)) restore.states.push_back(state);
    }
  }
  return absl::OkStatus();
}

bool HasFinalAggregate(const VertexSpec& vertex) { return !StateIds(vertex).empty(); }

// Lowest watermark over the tasks that decide when results are complete: owners of windows, or,
// where there are none, source tasks that have partitions. Never goes back.
EventTime LowestWatermark(const CheckpointParts& parts, const Plan& plan, EventTime previous) {
  const bool has_owners =
      std::any_of(plan.vertices.begin(), plan.vertices.end(), HasFinalAggregate);
  EventTime lowest = kMaxEventTime;
  bool found = false;
  for (const TaskSnapshot& snapshot : parts.snapshots) {
    const VertexSpec& vertex = plan.vertices[static_cast<size_t>(snapshot.task.vertex)];
    const bool decides = has_owners ? HasFinalAggregate(vertex) : !snapshot.positions.empty();
    if (!decides) continue;
    found = true;
    lowest = std::min(lowest, snapshot.watermark);
  }
  return std::max(previous, found ? lowest : kMinEventTime);
}

absl::Status CheckTasks(const CheckpointParts& parts, const Plan& plan, int parallelism) {
  std::set<TaskId> missing;
  for (const TaskId& task : TasksOf(plan, parallelism)) missing.insert(task);
  for (const TaskSnapshot& snapshot : parts.snapshots) {
    if (missing.erase(snapshot.task) == 1) continue;
    return absl::FailedPreconditionError(absl::StrCat("task ", snapshot.task.vertex, "/",
                                                      snapshot.task.index,
                                                      " is unknown or contributed twice"));
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("task ", missing.begin()->vertex, "/", missing.begin()->index, " is missing"));
}

absl::Status CheckStaged(const CheckpointParts& parts) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const StagedFile& file : parts.staged) {
    if (!seen.emplace(file.sink, file.path).second) {
      return absl::FailedPreconditionError(absl::StrCat("file ", file.path, " is staged twice"));
    }
    if (file.closed_by > parts.checkpoint) {
      return absl::FailedPreconditionError(
          absl::StrCat("file ", file.path, " was closed by ", "checkpoint ", file.closed_by.value));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCounters(const Manifest& manifest, const Plan& plan) {
  for (const auto& [insert, counters] : manifest.counters) {
    const int64_t outcomes =
        counters.used + counters.late + counters.filtered + counters.bad_total();
    if (insert >= 0 && insert < static_cast<int>(plan.inserts.size()) &&
        counters.read == outcomes) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("INSERT ", insert, " read ", counters.read, " rows but accounts for ",
                     outcomes, " (used ", counters.used, ", late ", counters.late, ", bad ",
                     counters.bad_total(), ", filtered ", counters.filtered, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<PlanSource> SourcesOf(const Plan& plan) {
  std::vector<PlanSource> sources;
  for (size_t v = 0; v < plan.vertices.size(); ++v) {
    for (const OperatorSpec& op : plan.vertices[v].operators) {
      if (const auto* source = std::get_if<SourceOp>(&op.op)) {
        sources.push_back({static_cast<int>(v), op.id, source});
      }
    }
  }
  return sources;
}

bool IsBounded(const Plan& plan) {
  const std::vector<PlanSource> sources = SourcesOf(plan);
  return std::all_of(sources.begin(), sources.end(),
                     [](const PlanSource& source) { return source.op->kafka.stop_at_latest; });
}

std::vector<TaskId> TasksOf(const Plan& plan, int parallelism) {
  std::vector<TaskId> tasks;
  for (int v = 0; v < static_cast<int>(plan.vertices.size()); ++v) {
    for (int index = 0; index < parallelism; ++index) tasks.push_back({v, index});
  }
  return tasks;
}

std::vector<Epoch> EpochsToCommit(const JobLogState& state, const std::string& sink,
                                  Epoch committed) {
  std::vector<Epoch> epochs;
  for (const auto& published : state.checkpoints) {
    const auto& staged = published.manifest.staged;
    if (published.epoch > committed &&
        std::any_of(staged.begin(), staged.end(),
                    [&](const StagedFile& file) { return file.sink == sink; })) {
      epochs.push_back(published.epoch);
    }
  }
  return epochs;
}

Manifest FirstManifest(Generation generation, int64_t created_ms,
                       std::vector<PartitionPosition> positions) {
  Manifest manifest;
  manifest.generation = generation;
  manifest.checkpoint = CheckpointId(0);
  manifest.created_ms = created_ms;
  manifest.positions = std::move(positions);
  return manifest;
}

absl::StatusOr<std::map<TaskId, TaskRestore>> BuildRestore(const Manifest& manifest,
                                                           const Plan& plan, int parallelism) {
  std::map<TaskId, TaskRestore> tasks;
  for (const TaskId& task : TasksOf(plan, parallelism)) {
    tasks[task].key_groups = KeyGroupsOfTask(task.index, parallelism);
  }
  WEIR_RETURN_IF_ERROR(AssignPartitions(manifest, plan, parallelism, &tasks));
  WEIR_RETURN_IF_ERROR(AssignStates(manifest, plan, parallelism, &tasks));
  return tasks;
}

absl::StatusOr<Manifest> BuildManifest(const CheckpointParts& parts, const Manifest& previous,
                                       const Plan& plan, int parallelism) {
  WEIR_RETURN_IF_ERROR(CheckTasks(parts, plan, parallelism));
  WEIR_RETURN_IF_ERROR(CheckStaged(parts));
  Manifest manifest;
  manifest.generation = parts.generation;
  manifest.checkpoint = parts.checkpoint;
  manifest.created_ms = parts.created_ms;
  manifest.staged = parts.staged;
  manifest.counters = parts.base;
  manifest.sources_finished = parts.sources_finished;
  for (const TaskSnapshot& snapshot : parts.snapshots) {
    manifest.positions.insert(manifest.positions.end(), snapshot.positions.begin(),
                              snapshot.positions.end());
    manifest.states.insert(manifest.states.end(), snapshot.states.begin(), snapshot.states.end());
    for (const auto& [insert, counters] : snapshot.counters) {
      manifest.counters[insert].Add(counters);
    }
  }
  manifest.watermark = LowestWatermark(parts, plan, previous.watermark);
  WEIR_RETURN_IF_ERROR(CheckCounters(manifest, plan));
  return manifest;
}

}  // namespace weir
