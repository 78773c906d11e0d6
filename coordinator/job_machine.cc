// The job machine's spine: events, appends, the way to an end. Starting is in job_machine_start.cc,
// running in job_machine_run.cc.
#include "coordinator/job_machine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutant.h"
#include "base/random.h"

namespace weir {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kAppendRetryUs = 100'000;
constexpr int64_t kAppendRetryUsMax = 5'000'000;

JobState StateOf(JobEnd how) {
  switch (how) {
    case JobEnd::kStopped:
      return JobState::kStopped;
    case JobEnd::kCancelled:
      return JobState::kCancelled;
    case JobEnd::kFinished:
      return JobState::kFinished;
    case JobEnd::kFailed:
      return JobState::kFailed;
  }
  CheckFailed(__FILE__, __LINE__, "known JobEnd", "");
}

}  // namespace

bool IsFinal(JobState state) {
  return state == JobState::kStopped || state == JobState::kCancelled ||
         state == JobState::kFinished || state == JobState::kFailed;
}

JobMachine::JobMachine(JobLogState log, bool took_over, const JobFacts& facts,
                       JobMachineOptions options, Random* random)
    : options_(std::move(options)),
      random_(random),
      facts_(facts),
      wake_us_(facts.now_us),
      log_(std::move(log)),
      commits_(log_),
      last_committed_record_us_(facts.now_us),
      start_reason_(took_over ? "the coordinator started" : "submitted"),
      last_request_(facts.now_us),
      last_published_us_(facts.now_us) {
  WEIR_CHECK(log_.spec && !log_.ended);
  if (!took_over) return;
  settle_us_ = facts.now_us + options_.takeover_settle_us;
  recovery_ = Recovery{facts.now_us};
}

std::vector<JobAction> JobMachine::Handle(const JobEvent& event, const JobFacts& facts) {
  facts_ = facts;
  actions_.clear();
  if (phase_ != Phase::kOver) {
    std::visit([this](const auto& e) { On(e); }, event);
    Advance();
  }
  return std::move(actions_);
}

void JobMachine::Advance() {
  wake_us_ = kNever;
  if (phase_ == Phase::kOver) return;
  ForgiveErrorOfLostWorker();
  AdvanceDeployment();
  AdvanceSpread();
  AdvanceCheckpoints();
  AdvanceDiscovery();
  AdvanceCommits();
  AdvanceAppends();
}

void JobMachine::WakeAt(int64_t at_us) { wake_us_ = std::min(wake_us_, at_us); }

bool JobMachine::IsCurrent(Generation generation) const {
  if (Mutant("skip_fence")) return run_.tracker.has_value();
  return generation == log_.generation && run_.tracker.has_value();
}

// ---- Appends

LogRecord JobMachine::MakeRecord(decltype(LogRecord::body) body) {
  LogRecord record;
  record.id = RandomHex(*random_, 32);
  record.written_ms = facts_.wall_ms;
  record.body = std::move(body);
  return record;
}

void JobMachine::AdvanceAppends() {
  if (!append_) {
    std::optional<LogRecord> record = NextRecord();
    if (!record) return;
    const absl::Status status = CanFollow(log_.tail + 1, *record, log_);
    if (!status.ok()) {
      // What tasks reported contradicts the log: their generation can't be trusted any further.
      WEIR_CHECK(std::holds_alternative<Manifest>(record->body), status.message());
      OnTaskError(absl::StrCat("a checkpoint was refused: ", status.message()));
      WakeAt(facts_.now_us);
      return;
    }
    append_.emplace();
    append_->record = *std::move(record);
    if (run_.tracker && std::holds_alternative<Manifest>(append_->record.body)) {
      const CheckpointTracker::Pending* pending = run_.tracker->NewestDurable();
      append_->triggered_us = pending->triggered_us;
      append_->last = pending->last;
    }
  }
  if (append_->in_flight) return;
  if (facts_.now_us < append_->retry_us) return WakeAt(append_->retry_us);
  append_->in_flight = true;
  Do(AppendAction{append_->record});
}

std::optional<LogRecord> JobMachine::NextRecord() {
  switch (phase_) {
    case Phase::kWaiting:
      if (restore_) {
        LogRecord record = MakeRecord(*std::exchange(restore_, std::nullopt));
        // Else what it rests on has changed meanwhile: the next start finds the damage again.
        if (CanFollow(log_.tail + 1, record, log_).ok()) return record;
      }
      if (MayStart()) {
        const int slots = TotalSlots(facts_.workers);
        const int wanted = WantedParallelism();
        return MakeRecord(StartedRecord{options_.coordinator, start_reason_,
                                        std::clamp(wanted > 0 ? wanted : slots, 1, kKeyGroups)});
      }
      break;
    case Phase::kDescribing:
      if (auto record = NextFirstCheckpoint()) return record;
      break;
    case Phase::kDeploying:
      break;
    case Phase::kRunning:
      if (auto record = NextCheckpoint()) return record;
      break;
    case Phase::kClosing:
      return NextEnd();
    case Phase::kOver:
      return std::nullopt;
  }
  if (!acts_) return std::nullopt;
  if (auto record = NextDrop()) return record;
  const std::optional<CommittedRecord> committed = commits_.Unrecorded(log_);
  if (!committed) return std::nullopt;
  const int64_t at = last_committed_record_us_ + options_.lazy_record_us;
  if (facts_.now_us >= at) return MakeRecord(*committed);
  WakeAt(at);
  return std::nullopt;
}

std::optional<LogRecord> JobMachine::NextDrop() {
  while (!drops_.empty()) {
    LogRecord record = MakeRecord(DroppedSavepointRecord{*drops_.begin()});
    drops_.erase(drops_.begin());
    if (CanFollow(log_.tail + 1, record, log_).ok()) return record;
  }
  return std::nullopt;
}

std::optional<LogRecord> JobMachine::NextEnd() {
  if (end_->how == JobEnd::kCancelled) return MakeRecord(*end_);
  const bool gave_up = end_->how == JobEnd::kFailed && facts_.now_us >= end_deadline_us_;
  if (!commits_.AllCommitted(log_) && !gave_up) {
    if (end_->how == JobEnd::kFailed) WakeAt(end_deadline_us_);
    return std::nullopt;
  }
  if (const auto committed = commits_.Unrecorded(log_)) return MakeRecord(*committed);
  return MakeRecord(*end_);
}

void JobMachine::On(const AppendedEvent& event) {
  if (!append_ || !append_->in_flight) return;
  append_->in_flight = false;
  if (absl::IsAborted(event.status) || absl::IsFailedPrecondition(event.status) ||
      absl::IsDataLoss(event.status)) {
    return BeFenced(std::string(event.status.message()));
  }
  if (!event.status.ok()) {
    append_->trouble = std::string(event.status.message());
    const int doublings = std::min(append_->failures++, 10);
    append_->retry_us = facts_.now_us + std::min(kAppendRetryUsMax, kAppendRetryUs << doublings);
    return;
  }
  const Appending append = *std::move(append_);
  append_.reset();
  const absl::Status applied = Apply(event.n, append.record, &log_);
  WEIR_CHECK(applied.ok(), applied.message());
  if (std::holds_alternative<StartedRecord>(append.record.body)) return OnStarted();
  if (const auto* manifest = std::get_if<Manifest>(&append.record.body)) {
    return OnPublished(*manifest, append);
  }
  if (std::holds_alternative<CommittedRecord>(append.record.body)) {
    last_committed_record_us_ = facts_.now_us;
    return SweepTables();
  }
  if (std::holds_alternative<EndedRecord>(append.record.body)) return OnEnded();
}

void JobMachine::BeFenced(const std::string& reason) {
  fenced_ = true;
  phase_ = Phase::kOver;
  reason_ = absl::StrCat("another coordinator acts for this job: ", reason);
  Do(CancelTasksAction{log_.generation, reason_});
  Do(FencedNote{reason_, acts_});
}

// ---- The end

void JobMachine::On(const StopRequestedEvent&) {
  if (phase_ == Phase::kClosing || stop_requested_) return;
  stop_requested_ = true;
  if (phase_ == Phase::kRunning) return;  // AdvanceCheckpoints takes the last one
  // Nothing was read since the last published epoch, so that one is the last.
  AbandonGeneration("stopped");
  Close(JobEnd::kStopped, "");
}

void JobMachine::On(const CancelRequestedEvent&) {
  AbandonGeneration("cancelled");
  Close(JobEnd::kCancelled, "cancelled");
}

void JobMachine::Close(JobEnd how, const std::string& reason) {
  // A cancel cuts every other end short; a failure takes the place of a stop.
  const bool replaces = !end_ || how == JobEnd::kCancelled ||
                        (how == JobEnd::kFailed && end_->how != JobEnd::kCancelled);
  if (!replaces) return;
  if (how == JobEnd::kFailed && (!end_ || end_->how != JobEnd::kFailed)) {
    end_deadline_us_ = facts_.now_us + options_.failed_drain_us;
  }
  end_ = EndedRecord{how, reason};
  acts_ = true;
  phase_ = Phase::kClosing;
  waiting_.clear();
}

void JobMachine::OnEnded() {
  phase_ = Phase::kOver;
  if (log_.generation.value > 0) Do(CancelTasksAction{log_.generation, "the job has ended"});
  // Again: what a task of an older generation completed since the last look.
  run_.swept.clear();
  SweepTables();
  Do(EndedNote{*log_.ended});
}

// ---- For people

JobState JobMachine::state() const {
  if (log_.ended) return StateOf(log_.ended->how);
  switch (phase_) {
    case Phase::kWaiting:
      if (!waiting_.empty()) return JobState::kWaiting;
      return log_.starts.empty() ? JobState::kCreated : JobState::kRunning;
    case Phase::kDescribing:
      return waiting_.empty() ? JobState::kCreated : JobState::kWaiting;
    case Phase::kDeploying:
      return log_.starts.size() > 1 ? JobState::kRunning : JobState::kCreated;
    case Phase::kRunning:
      return stop_requested_ ? JobState::kStopping : JobState::kRunning;
    case Phase::kClosing:
      return end_->how == JobEnd::kFinished ? JobState::kRunning : JobState::kStopping;
    case Phase::kOver:
      return JobState::kWaiting;  // fenced
  }
  CheckFailed(__FILE__, __LINE__, "known Phase", "");
}

std::string JobMachine::reason() const {
  if (log_.ended) return log_.ended->reason;
  if (end_) return end_->reason;
  return waiting_.empty() ? reason_ : waiting_;
}

std::optional<int> JobMachine::rescaling_to() const {
  return rescale_to_ == log_.parallelism ? std::nullopt : rescale_to_;
}

std::vector<std::string> JobMachine::warnings() const {
  std::vector<std::string> warnings;
  if (const std::string why = WhyMove(); !why.empty()) {
    warnings.push_back(absl::StrCat("tasks move after the next checkpoint: ", why));
  }
  if (!passing_error_.empty() && !end_) {
    warnings.push_back(absl::StrCat("tasks start again until this passes: ", passing_error_));
  }
  if (append_ && !append_->trouble.empty()) {
    warnings.push_back(absl::StrCat("the job log can't be written: ", append_->trouble));
  }
  for (size_t i = 0; i < commits_.sinks().size(); ++i) {
    const CommitSchedule::Sink& sink = commits_.sinks()[i];
    if (sink.trouble.empty()) continue;
    warnings.push_back(absl::StrCat("commits to ", plan().sinks[i].path, " wait: ", sink.trouble));
  }
  if (commits_.Backlog(log_) >= options_.uncommitted_max) {
    warnings.push_back(
        absl::StrCat("checkpoints pause: ", commits_.Backlog(log_), " epochs await their commit"));
  }
  return warnings;
}

}  // namespace weir
