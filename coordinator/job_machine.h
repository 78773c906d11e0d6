// One job's life, decided: events in, actions out. No I/O, no threads, no clock.
//
// The durable truth is the job's log; the machine folds it along and holds at most one append in
// flight. An append whose outcome is unknown is repeated, the same record, until it is known: until
// then nothing else can be appended. So every step below waits its turn:
//
//   STARTED → [describe sources, or import another job's checkpoint → first CHECKPOINT] → deploy,
//   start → { trigger → CHECKPOINT }* →
//   last CHECKPOINT → commits → COMMITTED* → STOPPED | FINISHED
//
// A failure anywhere between leads back to STARTED, from the last published epoch. So does a
// planned move of tasks (another parallelism, a worker that drains, free slots while tasks share
// some), right behind a checkpoint of its own: STARTED carries the parallelism, so a crash in
// between leaves the old one or the new one. Commits run on their own beside it, and go on across
// generations.
#ifndef WEIR_COORDINATOR_JOB_MACHINE_H_
#define WEIR_COORDINATOR_JOB_MACHINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/commit_schedule.h"
#include "coordinator/generation_run.h"
#include "coordinator/job_events.h"
#include "coordinator/restart_policy.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class Random;

enum class JobState {
  kCreated,
  kWaiting,
  kRunning,
  kStopping,
  kStopped,
  kCancelled,
  kFinished,
  kFailed
};
bool IsFinal(JobState state);

// Times in microseconds.
struct JobMachineOptions {
  std::string coordinator;                      // address, for people
  int64_t discovery_us = 10'000'000;            // between looks for new partitions
  int64_t checkpoint_timeout_us = 600'000'000;  // then it is given up and counted as failed
  int64_t deploy_timeout_us = 120'000'000;      // state of a large job is fetched in this time
  int64_t settle_us = 300'000;                  // a lost worker may come back before its tasks move
  int64_t takeover_settle_us = 2'000'000;       // workers reconnect after the coordinator was away
  int64_t first_checkpoint_us = 200'000;        // after a recovery, when the interval is longer
  int64_t lazy_record_us = 5'000'000;           // between COMMITTED records
  int64_t failed_drain_us = 60'000'000;         // a failed job waits that long for its last commits
  int uncommitted_max = 8;                      // epochs; then triggering pauses
  // Tasks that share slots move to free ones when these have been there for `spread_settle_us`
  // (workers join one after another) and the generation has run for `spread_cooldown_us` (a worker
  // that comes and goes must not keep a job restarting).
  int64_t spread_settle_us = 2'000'000;
  int64_t spread_cooldown_us = 30'000'000;
};

// One thread at a time. `random` outlives the machine.
class JobMachine {
 public:
  // `log` is folded and not ended. `took_over`: the log was read after a start of the coordinator,
  // not just submitted.
  JobMachine(JobLogState log, bool took_over, const JobFacts& facts, JobMachineOptions options,
             Random* random);

  std::vector<JobAction> Handle(const JobEvent& event, const JobFacts& facts);
  // When to send a TickEvent at the latest; INT64_MAX = only after an event.
  int64_t wake_us() const { return wake_us_; }

  JobState state() const;
  // Why it waits, failed or last restarted; empty when there is nothing to say.
  std::string reason() const;
  std::vector<std::string> warnings() const;
  // Why no checkpoint has been published for longer than three intervals and ten seconds; empty
  // when there was one, or when the job hasn't begun or ends.
  std::string checkpoint_problem(int64_t now_us) const;
  int64_t checkpoint_failures() const { return checkpoint_failures_; }  // since the last one
  const JobLogState& log() const { return log_; }
  const CommitSchedule& commits() const { return commits_; }
  // Slot of each task index of the current generation; empty when not deployed.
  const std::vector<SlotRef>& placement() const { return run_.placement; }
  // What the tasks of the current generation count from.
  const std::map<int, InsertCounters>& base_counters() const { return run_.base_counters; }
  bool fenced() const { return fenced_; }
  // Whether all tasks of the current generation run.
  bool running() const { return phase_ == Phase::kRunning; }
  // Asked for and not yet in effect.
  std::optional<int> rescaling_to() const;

 private:
  enum class Phase {
    kWaiting,     // for workers, a delay, or the STARTED record
    kDescribing,  // sources, and the first checkpoint
    kDeploying,
    kRunning,
    kClosing,  // no new rows: commits, then the ended record
    kOver,     // ended or fenced
  };
  // Events.
  void On(const TickEvent&) {}
  void On(const AppendedEvent& event);
  void On(const SourceDescribedEvent& event);
  void On(const DeployedEvent& event);
  void On(const CapturedEvent& event);
  void On(const DurableEvent& event);
  void On(const TaskFailedEvent& event);
  void On(const SourcesFinishedEvent& event);
  void On(const CommitDoneEvent& event);
  void On(const StopRequestedEvent& event);
  void On(const CancelRequestedEvent& event);
  void On(const CheckpointRequestedEvent& event);
  void On(const RescaleRequestedEvent& event);
  void On(const ImportedEvent& event);
  void On(const TableSweptEvent& event);
  void On(const DropSavepointEvent& event) { drops_.insert(event.epoch); }

  // Each does what its part of the job allows now; called after every event.
  void Advance();
  void AdvanceAppends();
  void AdvanceDeployment();
  void AdvanceSpread();
  void AdvanceCheckpoints();
  void AdvanceCommits();
  void AdvanceDiscovery();
  void SweepTables();

  // The next record to append, when nothing is in flight.
  std::optional<LogRecord> NextRecord();
  std::optional<LogRecord> NextFirstCheckpoint();
  std::optional<LogRecord> NextCheckpoint();
  std::optional<LogRecord> NextEnd();
  std::optional<LogRecord> NextDrop();
  bool MayStart();
  // Of the next STARTED record; 0 = as many as there are slots.
  int WantedParallelism() const;
  std::string WhyNoSlot() const;
  LogRecord MakeRecord(decltype(LogRecord::body) body);
  void OnStarted();
  void OnPublished(const Manifest& manifest, const Appending& append);
  void OnEnded();
  void BeFenced(const std::string& reason);

  void BeginDescribing();
  std::optional<LogRecord> NextImported();
  void WaitToStart(const absl::Status& status);
  void OnDescribedFirst(const std::string& source, const SourceDescribedEvent& event);
  void OnDiscovered(const GenerationRun::Describe& asked, const SourceDescribedEvent& event);
  void Ask(GenerationRun::Describe question, KafkaSpec kafka, bool resolve_offsets);
  void Deploy();
  bool AllSourcesFinished() const;
  bool FinishedAlready() const;

  // Leave the current generation: its tasks end, what it staged and did not publish is dropped.
  void AbandonGeneration(const std::string& reason);
  void Restart(const std::string& reason, int64_t delay_us, bool planned = false);
  // Why tasks must move, with a checkpoint first; empty when they may stay.
  std::string WhyMove() const;
  int64_t SpreadAtUs() const;
  void OnTaskError(const std::string& reason);
  void OnPassingError(const std::string& reason);
  // The checkpoint to start from is damaged: back to the one before it, or the end.
  void OnDamagedState(const std::string& error);
  void GiveUp(CheckpointId checkpoint, const std::string& reason);
  std::string WhyPending() const;
  void ForgiveErrorOfLostWorker();
  const WorkerView* FindWorker(const SlotRef& slot) const;
  bool IsRegistered(const SlotRef& slot) const { return FindWorker(slot) != nullptr; }
  // The first slot whose worker isn't there; sets how long the next start waits for it.
  std::optional<SlotRef> Lost(const std::vector<SlotRef>& placement);
  // No more rows; end as `how` once what was published is committed.
  void Close(JobEnd how, const std::string& reason);

  void Do(JobAction action) { actions_.push_back(std::move(action)); }
  void WakeAt(int64_t at_us);
  bool IsCurrent(Generation generation) const;
  const Plan& plan() const { return log_.spec->plan; }

  const JobMachineOptions options_;
  Random* const random_;
  JobFacts facts_;                  // of the event being handled
  std::vector<JobAction> actions_;  // of the event being handled
  int64_t wake_us_ = 0;

  JobLogState log_;
  CommitSchedule commits_;
  RestartPolicy restarts_;
  Phase phase_ = Phase::kWaiting;
  bool fenced_ = false;
  // Whether this process has appended a STARTED record, or was told to end the job. Before that it
  // only watches: without workers, a second coordinator disturbs nobody.
  bool acts_ = false;
  std::string reason_;
  std::string waiting_;  // what a job that can't start waits for

  std::optional<Appending> append_;
  int64_t last_committed_record_us_ = 0;

  // Towards the next start.
  std::optional<RestoredRecord> restore_;  // first, to be appended
  std::string start_reason_;
  int64_t not_before_us_ = 0;  // delay after a task error
  int64_t settle_us_ = 0;      // until then, wait for workers to come back
  std::vector<SlotRef> previous_placement_;
  // When a task failed last: if a worker turns out to be lost, that was why.
  std::optional<int64_t> suspect_error_us_;
  bool suspect_counted_ = false;
  std::string passing_error_;  // the last one, until a checkpoint shows that it has passed

  GenerationRun run_;
  // Begins with the time: the machine before this one, fenced, may still have questions open.
  int64_t last_request_;
  bool checkpoint_requested_ = false;
  int64_t last_published_us_;  // or when this machine began
  int64_t checkpoint_failures_ = 0;
  // Until the first checkpoint after a failure: when it began, was fenced, ran again.
  struct Recovery {
    int64_t began_us = 0;
    int64_t fenced_us = 0;
    int64_t running_us = 0;
  };
  std::optional<Recovery> recovery_;
  std::string checkpoint_failure_;    // the last one's reason
  bool savepoint_requested_ = false;  // the next checkpoint is one
  int64_t savepoint_asked_us_ = 0;    // last
  std::set<Epoch> drops_;             // savepoints to drop
  // By sink: its table holds nothing that generations before this one left behind.
  std::map<int, Generation> swept_before_;
  std::optional<int> rescale_to_;  // until a STARTED record says so
  bool ran_ = false;               // some generation of this process reached its start

  // Towards the end.
  bool stop_requested_ = false;
  std::optional<EndedRecord> end_;
  int64_t end_deadline_us_ = 0;  // of a failed job's last commits
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_MACHINE_H_
