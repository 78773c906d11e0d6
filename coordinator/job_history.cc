#include "coordinator/job_history.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/short_text.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr size_t kMessageMax = 1024;

const char* HowText(JobEnd how) {
  switch (how) {
    case JobEnd::kStopped:
      return "stopped";
    case JobEnd::kCancelled:
      return "cancelled";
    case JobEnd::kFinished:
      return "finished";
    case JobEnd::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

std::string EndText(const EndedRecord& ended) {
  return absl::StrCat(HowText(ended.how), ended.reason.empty() ? "" : ": ", ended.reason);
}

JobHistory::JobHistory(const JobLogState& log) {
  Add({HappeningKind::kSubmitted, log.spec->submitted_ms, 0, 0, "submitted"});
  for (const auto& [n, start] : log.starts) {
    Add({HappeningKind::kStarted, start.at_ms, n, 0, start.reason});
  }
  if (!log.ended) return;
  Add({HappeningKind::kEnded, log.last_written_ms, log.generation.value, 0, EndText(*log.ended)});
}

CheckpointAttempt* JobHistory::Find(Generation generation, CheckpointId id) {
  for (CheckpointAttempt& attempt : checkpoints_) {
    if (attempt.generation == generation && attempt.id == id) return &attempt;
  }
  return nullptr;
}

void JobHistory::OnTriggered(const TriggerAction& action, int tasks, Moment now) {
  CheckpointAttempt attempt;
  attempt.id = action.checkpoint;
  attempt.generation = action.generation;
  attempt.triggered_us = now.us;
  attempt.triggered_ms = now.wall_ms;
  attempt.tasks = tasks;
  checkpoints_.push_front(std::move(attempt));
  if (checkpoints_.size() > kCheckpointsShown) checkpoints_.pop_back();
}

void JobHistory::OnCaptured(const CapturedEvent& event, Moment now) {
  CheckpointAttempt* attempt = Find(event.generation, event.checkpoint);
  if (attempt == nullptr || attempt->captured == attempt->tasks) return;
  if (++attempt->captured < attempt->tasks) return;
  attempt->captured_us = now.us - attempt->triggered_us;
  attempt->last_captured = event.task;
}

void JobHistory::OnDurable(Generation generation, CheckpointId id, TaskId task, Moment now) {
  CheckpointAttempt* attempt = Find(generation, id);
  if (attempt == nullptr || attempt->durable == attempt->tasks) return;
  if (++attempt->durable < attempt->tasks) return;
  attempt->durable_us = now.us - attempt->triggered_us;
  attempt->last_durable = task;
}

void JobHistory::OnPublished(Generation generation, const CheckpointPublishedNote& note,
                             Moment now) {
  CheckpointAttempt* attempt = Find(generation, note.checkpoint);
  if (attempt == nullptr) return;
  attempt->published_us = now.us - attempt->triggered_us;
  attempt->epoch = note.epoch;
  attempt->savepoint = note.savepoint;
  attempt->outcome = CheckpointAttempt::Outcome::kPublished;
  // A newer one that is published takes the place of those still under way before it.
  for (CheckpointAttempt& older : checkpoints_) {
    if (older.generation != generation || older.id >= note.checkpoint) continue;
    if (older.outcome != CheckpointAttempt::Outcome::kUnderWay) continue;
    older.outcome = CheckpointAttempt::Outcome::kAbandoned;
    older.reason = "a newer one was published first";
  }
}

void JobHistory::OnFailed(Generation generation, const CheckpointFailedNote& note, Moment now) {
  Add({HappeningKind::kCheckpointFailed, now.wall_ms, generation.value, 0,
       absl::StrCat("checkpoint ", note.checkpoint.value, ": ", note.reason)});
  CheckpointAttempt* attempt = Find(generation, note.checkpoint);
  if (attempt == nullptr) return;
  attempt->outcome = CheckpointAttempt::Outcome::kFailed;
  attempt->reason = ShortText(note.reason, kMessageMax);
}

void JobHistory::OnLeft(Generation generation) {
  for (CheckpointAttempt& attempt : checkpoints_) {
    if (attempt.generation > generation) continue;
    if (attempt.outcome != CheckpointAttempt::Outcome::kUnderWay) continue;
    attempt.outcome = CheckpointAttempt::Outcome::kAbandoned;
    attempt.reason = "the tasks that took it were ended";
  }
}

void JobHistory::OnCommitBegins(const Plan& plan, const CommitAction& action) {
  CommitAttempt commit;
  commit.sink = plan.sinks[static_cast<size_t>(action.sink)].id;
  commit.epoch = action.epoch;
  commit.watermark = action.manifest.watermark;
  for (const StagedFile& file : action.manifest.staged) {
    if (file.sink != commit.sink) continue;
    ++commit.files;
    commit.rows += file.rows;
    commit.bytes += file.size;
  }
  std::map<std::string, std::string> tables;
  for (const PlanSource& source : SourcesOf(plan)) tables[source.id] = source.op->table;
  commit.partitions = static_cast<int>(action.manifest.positions.size());
  for (const PartitionPosition& position : action.manifest.positions) {
    if (commit.offsets.size() == kOffsetsShown) break;
    commit.offsets.push_back({tables[position.source], position.partition, position.next_offset});
  }
  std::sort(commit.offsets.begin(), commit.offsets.end(),
            [](const SourceOffset& a, const SourceOffset& b) {
              return std::tie(a.source, a.partition) < std::tie(b.source, b.partition);
            });
  committing_[action.sink] = std::move(commit);
}

void JobHistory::OnCommitDone(const Plan& plan, const CommitDoneEvent& event, int64_t generation,
                              Moment now) {
  const auto it = committing_.find(event.sink);
  if (it == committing_.end() || it->second.epoch != event.epoch) return;
  CommitAttempt commit = std::move(it->second);
  committing_.erase(it);
  commit.at_ms = now.wall_ms;
  commit.duration_us = event.duration_us;
  if (event.result.ok()) {
    commit.table_version = event.result->table_version;
    commit.conflicts = event.result->rebases;
    for (CheckpointAttempt& attempt : checkpoints_) {
      if (attempt.epoch == event.epoch) attempt.committed_us = now.us - attempt.triggered_us;
    }
  } else {
    commit.error = ShortText(event.result.status().message(), kMessageMax);
    const std::string& path = plan.sinks[static_cast<size_t>(event.sink)].path;
    Add({HappeningKind::kCommitFailed, now.wall_ms, generation, event.epoch.value,
         absl::StrCat("table ", path, ": ", commit.error)});
  }
  commits_.push_front(std::move(commit));
  if (commits_.size() > kCommitsShown) commits_.pop_back();
}

void JobHistory::Add(Happening happening) {
  happening.message = ShortText(happening.message, kMessageMax);
  if (!happenings_.empty()) {
    Happening& last = happenings_.back();
    if (last.kind == happening.kind && last.message == happening.message &&
        last.generation == happening.generation) {
      ++last.count;
      last.at_ms = happening.at_ms;
      last.epoch = happening.epoch;
      return;
    }
  }
  happenings_.push_back(std::move(happening));
  if (happenings_.size() > kEventsShown) happenings_.pop_front();
}

}  // namespace weir
