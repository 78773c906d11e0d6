// What lately happened to a job, for people: checkpoints by phase, commits, events. Kept in memory,
// bounded, by the coordinator that leads; the restarts before its time come from the job log. Pure:
// times come by argument.
#ifndef WEIR_COORDINATOR_JOB_HISTORY_H_
#define WEIR_COORDINATOR_JOB_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "coordinator/job_events.h"
#include "model/event_time.h"
#include "model/ids.h"
#include "state/checkpoint/job_log.h"

namespace weir {

inline constexpr size_t kCheckpointsShown = 50;
inline constexpr size_t kCommitsShown = 50;
inline constexpr size_t kEventsShown = 200;
inline constexpr size_t kOffsetsShown = 64;  // of one commit

// Monotonic and wall time of one moment.
struct Moment {
  int64_t us = 0;       // monotonic
  int64_t wall_ms = 0;  // for people
};

// One attempt. Times in microseconds since it was triggered, -1 = not reached (yet).
struct CheckpointAttempt {
  enum class Outcome { kUnderWay, kPublished, kFailed, kAbandoned };
  CheckpointId id;
  Generation generation;
  int64_t triggered_ms = 0;  // wall time
  int64_t triggered_us = 0;  // monotonic
  int64_t captured_us = -1;  // every task has taken its cut
  int64_t durable_us = -1;   // every task's files are durable
  int64_t published_us = -1;
  int64_t committed_us = -1;  // in the last table that got rows of it
  Epoch epoch;                // once published
  Outcome outcome = Outcome::kUnderWay;
  std::string reason;  // why it failed
  int tasks = 0;       // in all
  int captured = 0;    // tasks so far, as the next
  int durable = 0;
  TaskId last_captured;  // the slowest ones, once all have
  TaskId last_durable;
  bool savepoint = false;
};

struct SourceOffset {
  std::string source;  // its table
  int32_t partition = 0;
  int64_t next_offset = 0;
};

// What a commit puts into a table, or would have put.
struct CommitAttempt {
  std::string sink;
  Epoch epoch;
  int64_t at_ms = 0;
  int64_t duration_us = 0;
  int64_t table_version = -1;  // -1 = it failed
  int64_t rows = 0;
  int64_t files = 0;
  int64_t bytes = 0;
  int conflicts = 0;
  EventTime watermark = kMinEventTime;
  std::vector<SourceOffset>
      offsets;         // of the prefix that the table stands for; at most kOffsetsShown
  int partitions = 0;  // in all
  std::string error;
};

enum class HappeningKind {
  kSubmitted,
  kStarted,
  kState,
  kRestart,
  kMove,
  kRecovered,
  kCheckpointFailed,
  kCommitFailed,
  kFenced,
  kEnded,
};
struct Happening {
  HappeningKind kind = HappeningKind::kState;
  int64_t at_ms = 0;  // the last time
  int64_t generation = 0;
  int64_t epoch = 0;  // 0 = not about one
  std::string message;
  int64_t count = 1;  // the same, one after another, counts once more
};

// "failed: a bad row ...".
std::string EndText(const EndedRecord& ended);

class JobHistory {
 public:
  // What the log says of the time before.
  explicit JobHistory(const JobLogState& log);

  // ---- Checkpoints. Reports of attempts that aren't known are ignored.
  void OnTriggered(const TriggerAction& action, int tasks, Moment now);
  void OnCaptured(const CapturedEvent& event, Moment now);
  void OnDurable(Generation generation, CheckpointId id, TaskId task, Moment now);
  void OnPublished(Generation generation, const CheckpointPublishedNote& note, Moment now);
  void OnFailed(Generation generation, const CheckpointFailedNote& note, Moment now);
  // The generation is left: what it had under way comes to nothing.
  void OnLeft(Generation generation);

  // ---- Commits
  void OnCommitBegins(const Plan& plan, const CommitAction& action);
  void OnCommitDone(const Plan& plan, const CommitDoneEvent& event, int64_t generation, Moment now);

  void Add(Happening happening);

  // Newest first.
  const std::deque<CheckpointAttempt>& checkpoints() const { return checkpoints_; }
  const std::deque<CommitAttempt>& commits() const { return commits_; }
  // Oldest first.
  const std::deque<Happening>& happenings() const { return happenings_; }

 private:
  CheckpointAttempt* Find(Generation generation, CheckpointId id);

  std::deque<CheckpointAttempt> checkpoints_;
  std::deque<CommitAttempt> commits_;
  std::map<int, CommitAttempt> committing_;  // by sink
  std::deque<Happening> happenings_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_HISTORY_H_
