// The fold of a job's log: which record may follow which, and what each one changes.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "state/checkpoint/abandoned_files.h"
#include "state/checkpoint/job_log.h"

namespace weir {
namespace {

constexpr size_t kStartsKept = 20;

template <class... Parts>
absl::Status Refuse(int64_t n, const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat("log record ", n, ": ", parts...));
}

// Positions only move forward and partitions never disappear: either would lose or repeat rows.
absl::Status PositionsFollow(int64_t n, const Manifest& before, const Manifest& manifest) {
  std::map<std::pair<std::string, int32_t>, int64_t> next_offsets;
  for (const PartitionPosition& p : manifest.positions) {
    if (!next_offsets.emplace(std::pair(p.source, p.partition), p.next_offset).second) {
      return Refuse(n, "partition ", p.partition, " of source ", p.source, " appears twice");
    }
  }
  for (const PartitionPosition& p : before.positions) {
    const auto now = next_offsets.find({p.source, p.partition});
    if (now == next_offsets.end()) {
      return Refuse(n, "partition ", p.partition, " of source ", p.source, " is missing");
    }
    if (now->second < p.next_offset) {
      return Refuse(n, "partition ", p.partition, " of source ", p.source,
                    " goes back from offset ", p.next_offset, " to ", now->second);
    }
  }
  return absl::OkStatus();
}

struct Judge {
  int64_t n;
  const JobLogState& state;

  absl::Status operator()(const JobSpec&) const {
    if (state.spec) return Refuse(n, "the job is submitted already");
    return absl::OkStatus();
  }

  absl::Status operator()(const StartedRecord& started) const {
    if (started.parallelism < 1) return Refuse(n, "parallelism ", started.parallelism);
    return absl::OkStatus();
  }

  absl::Status operator()(const Manifest& manifest) const {
    if (state.generation.value == 0) return Refuse(n, "a checkpoint before the first start");
    if (manifest.generation != state.generation) {
      return Refuse(n, "a checkpoint of generation ", manifest.generation.value, " in generation ",
                    state.generation.value);
    }
    if (manifest.generation.value < state.restored_at) {
      return Refuse(n, "generation ", manifest.generation.value,
                    " began before the job went back to epoch ",
                    state.checkpoints.back().epoch.value);
    }
    if (state.checkpoints.empty()) {
      if (manifest.checkpoint.value == 0) return absl::OkStatus();
      return Refuse(n, "the first checkpoint has id ", manifest.checkpoint.value, ", not 0");
    }
    const Manifest& before = state.checkpoints.back().manifest;
    const int64_t id_before =
        before.generation == manifest.generation ? before.checkpoint.value : 0;
    if (manifest.checkpoint.value <= id_before) {
      return Refuse(n, "checkpoint ", manifest.checkpoint.value, " after checkpoint ", id_before);
    }
    return PositionsFollow(n, before, manifest);
  }

  absl::Status operator()(const CommittedRecord& committed) const {
    const auto& sinks = state.spec->plan.sinks;
    if (std::none_of(sinks.begin(), sinks.end(),
                     [&](const SinkSpec& sink) { return sink.id == committed.sink; })) {
      return Refuse(n, "the job has no sink ", committed.sink);
    }
    if (!WasPublished(committed.epoch)) {
      return Refuse(n, "epoch ", committed.epoch.value, " was never published");
    }
    const auto before = state.committed.find(committed.sink);
    if (before != state.committed.end() && committed.epoch < before->second.epoch) {
      return Refuse(n, "sink ", committed.sink, " goes back from epoch ",
                    before->second.epoch.value, " to ", committed.epoch.value);
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const EndedRecord& ended) const {
    if (ended.how != JobEnd::kStopped && ended.how != JobEnd::kFinished) return absl::OkStatus();
    for (const auto& published : state.checkpoints) {
      if (AwaitsCommit(published.epoch, published.manifest, state.committed)) {
        return Refuse(n, "the job can't end while epoch ", published.epoch.value,
                      " awaits its commit");
      }
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const DroppedSavepointRecord& dropped) const {
    for (const auto& published : state.checkpoints) {
      if (published.epoch == dropped.epoch && published.manifest.savepoint) return absl::OkStatus();
    }
    return Refuse(n, "epoch ", dropped.epoch.value, " is not a savepoint");
  }

  absl::Status operator()(const RestoredRecord& restored) const {
    return CanRestore(state, restored.epoch);
  }

  // Epochs that nobody awaits leave the list early, so only the newest one bounds what may be
  // named.
  bool WasPublished(Epoch epoch) const {
    return epoch.value >= 1 && !state.checkpoints.empty() &&
           epoch <= std::max(state.last_epoch, state.checkpoints.back().epoch);
  }
};

// Drops what neither retention nor a sink nor a user needs any more.
void Prune(JobLogState* state) {
  auto& list = state->checkpoints;
  const size_t retained = std::max(1, state->spec->plan.settings.retain_checkpoints);
  if (list.size() <= retained) return;
  const auto end = list.end() - static_cast<std::ptrdiff_t>(retained);
  list.erase(std::remove_if(list.begin(), end,
                            [&](const auto& published) {
                              const bool needed = published.manifest.savepoint ||
                                                  AwaitsCommit(published.epoch, published.manifest,
                                                               state->committed);
                              if (!needed) {
                                state->dropped_epoch =
                                    std::max(state->dropped_epoch, published.epoch);
                              }
                              return !needed;
                            }),
             end);
}

struct Change {
  int64_t n;
  int64_t written_ms;
  JobLogState* state;

  void operator()(const JobSpec& spec) const { state->spec = spec; }
  void operator()(const StartedRecord& started) const {
    state->generation = Generation(n);
    state->parallelism = started.parallelism;
    state->starts.emplace_back(n, started);
    state->starts.back().second.at_ms = written_ms;
    state->starts.back().second.fenced_files = std::exchange(state->next_files, {});
    if (state->starts.size() > kStartsKept) state->starts.erase(state->starts.begin());
  }
  void operator()(const Manifest& manifest) const {
    state->checkpoints.push_back({Epoch(n), manifest});
    state->last_epoch = Epoch(n);
    state->next_files = NextDataFiles(state->next_files, manifest);
    Prune(state);
  }
  void operator()(const CommittedRecord& committed) const {
    state->committed[committed.sink] = committed;
    Prune(state);
  }
  void operator()(const EndedRecord& ended) const { state->ended = ended; }
  void operator()(const DroppedSavepointRecord& dropped) const {
    for (auto& published : state->checkpoints) {
      if (published.epoch == dropped.epoch) published.manifest.savepoint = false;
    }
    Prune(state);
  }
  void operator()(const RestoredRecord& restored) const {
    state->restored_at = n;
    std::erase_if(state->checkpoints,
                  [&](const auto& published) { return published.epoch > restored.epoch; });
  }
};

}  // namespace

absl::Status CanRestore(const JobLogState& state, Epoch epoch) {
  const auto& list = state.checkpoints;
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const auto& published) { return published.epoch == epoch; });
  if (at == list.end()) {
    return absl::FailedPreconditionError(absl::StrCat("epoch ", epoch.value, " is not kept"));
  }
  if (at + 1 == list.end()) {
    return absl::FailedPreconditionError(absl::StrCat("epoch ", epoch.value, " is the newest"));
  }
  if (epoch < state.dropped_epoch) {
    return absl::FailedPreconditionError(
        absl::StrCat("epochs between ", epoch.value, " and ", at[1].epoch.value,
                     " are no longer kept, and tables may hold their rows"));
  }
  for (auto later = at + 1; later != list.end(); ++later) {
    if (later->manifest.staged.empty()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "epoch ", later->epoch.value, " gave rows to ", later->manifest.staged.front().sink));
  }
  return absl::OkStatus();
}

bool AwaitsCommit(Epoch epoch, const Manifest& manifest,
                  const std::map<std::string, CommittedRecord>& committed) {
  return std::any_of(manifest.staged.begin(), manifest.staged.end(), [&](const StagedFile& file) {
    const auto it = committed.find(file.sink);
    return it == committed.end() || it->second.epoch < epoch;
  });
}

absl::Status CanFollow(int64_t n, const LogRecord& record, const JobLogState& state) {
  if (n != state.tail + 1) return Refuse(n, "it doesn't follow record ", state.tail);
  if (state.ended && !std::holds_alternative<DroppedSavepointRecord>(record.body)) {
    return Refuse(n, "the job has ended");
  }
  if (!state.spec && !std::holds_alternative<JobSpec>(record.body)) {
    return Refuse(n, "the job was never submitted");
  }
  return std::visit(Judge{n, state}, record.body);
}

absl::Status Apply(int64_t n, const LogRecord& record, JobLogState* state) {
  WEIR_RETURN_IF_ERROR(CanFollow(n, record, *state));
  state->tail = n;
  state->last_written_ms = record.written_ms;
  std::visit(Change{n, record.written_ms, state}, record.body);
  return absl::OkStatus();
}

}  // namespace weir
