#include "coordinator/commit_schedule.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kFirstRetryUs = 100'000;
constexpr int64_t kRetryUsMax = 10'000'000;

int64_t RetryDelayUs(int failures) {
  const int doublings = std::min(failures - 1, 10);
  return std::min(kRetryUsMax, kFirstRetryUs << doublings);
}

// Errors that no retry cures. Everything else may pass: a full disk, a store out of reach.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsDataLoss(status) || absl::IsNotFound(status) || absl::IsUnimplemented(status);
}

Epoch Newest(const JobLogState& log) {
  return log.checkpoints.empty() ? Epoch(0) : log.checkpoints.back().epoch;
}

Epoch RecordedEpoch(const JobLogState& log, const std::string& sink) {
  const auto it = log.committed.find(sink);
  return it == log.committed.end() ? Epoch(0) : it->second.epoch;
}

}  // namespace

CommitSchedule::CommitSchedule(const JobLogState& log) {
  WEIR_CHECK(log.spec.has_value());
  for (const SinkSpec& spec : log.spec->plan.sinks) {
    Sink sink;
    const auto it = log.committed.find(spec.id);
    if (it != log.committed.end()) {
      sink.committed = it->second.epoch;
      sink.table_version = it->second.table_version;
    }
    sinks_.push_back(sink);
  }
}

std::vector<CommitSchedule::Due> CommitSchedule::TakeDue(const JobLogState& log, int64_t now_us,
                                                         bool closing) {
  std::vector<Due> due;
  const Epoch newest = Newest(log);
  for (size_t i = 0; i < sinks_.size(); ++i) {
    Sink& sink = sinks_[i];
    if (sink.in_flight || sink.given_up || now_us < sink.retry_us) continue;
    const SinkSpec& spec = log.spec->plan.sinks[i];
    const std::vector<Epoch> with_files = EpochsToCommit(log, spec.id, sink.committed);
    Epoch next;
    if (!with_files.empty()) {
      next = with_files.front();
    } else if (newest > sink.committed &&
               (closing || !sink.last_commit_us ||
                now_us >= *sink.last_commit_us + spec.freshness_interval_us)) {
      next = newest;
    } else {
      continue;
    }
    sink.in_flight = next;
    // Behind a RESTORED record the table may rightly hold an epoch that is no longer kept.
    due.push_back({static_cast<int>(i), next, std::max(newest, log.last_epoch)});
  }
  return due;
}

CommitSchedule::Outcome CommitSchedule::OnDone(int index, Epoch epoch,
                                               const absl::StatusOr<CommitResult>& result,
                                               int64_t rows, int64_t now_us) {
  Sink& sink = sinks_[static_cast<size_t>(index)];
  WEIR_CHECK(sink.in_flight == epoch, "sink ", index, " epoch ", epoch.value);
  sink.in_flight.reset();
  if (result.ok()) {
    sink.committed = epoch;
    sink.table_version = std::max(sink.table_version, result->table_version);
    if (!result->already_there) sink.rows_committed += rows;
    sink.last_commit_us = now_us;
    sink.failures = 0;
    sink.trouble.clear();
    return Outcome::kDone;
  }
  sink.trouble = std::string(result.status().message());
  if (absl::IsAborted(result.status())) {
    sink.given_up = true;
    return Outcome::kFenced;
  }
  if (IsRefusal(result.status())) {
    sink.given_up = true;
    return Outcome::kRefused;
  }
  sink.retry_us = now_us + RetryDelayUs(++sink.failures);
  return Outcome::kRetry;
}

int64_t CommitSchedule::NextDueUs(const JobLogState& log, bool closing) const {
  int64_t next = kNever;
  for (size_t i = 0; i < sinks_.size(); ++i) {
    const Sink& sink = sinks_[i];
    if (sink.in_flight || sink.given_up || Newest(log) <= sink.committed) continue;
    const SinkSpec& spec = log.spec->plan.sinks[i];
    int64_t at = sink.retry_us;
    if (!closing && sink.last_commit_us && EpochsToCommit(log, spec.id, sink.committed).empty()) {
      at = std::max(at, *sink.last_commit_us + spec.freshness_interval_us);
    }
    next = std::min(next, at);
  }
  return next;
}

int CommitSchedule::Backlog(const JobLogState& log) const {
  size_t backlog = 0;
  for (size_t i = 0; i < sinks_.size(); ++i) {
    const std::string& id = log.spec->plan.sinks[i].id;
    backlog = std::max(backlog, EpochsToCommit(log, id, sinks_[i].committed).size());
  }
  return static_cast<int>(backlog);
}

bool CommitSchedule::AllCommitted(const JobLogState& log) const {
  return std::all_of(sinks_.begin(), sinks_.end(), [&](const Sink& sink) {
    return sink.given_up || sink.committed >= Newest(log);
  });
}

std::optional<CommittedRecord> CommitSchedule::Unrecorded(const JobLogState& log) const {
  for (size_t i = 0; i < sinks_.size(); ++i) {
    const Sink& sink = sinks_[i];
    const std::string& id = log.spec->plan.sinks[i].id;
    if (sink.committed > RecordedEpoch(log, id)) {
      return CommittedRecord{id, sink.committed, sink.table_version};
    }
  }
  return std::nullopt;
}

}  // namespace weir
