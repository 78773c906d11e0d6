#include "coordinator/job_log_io.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

// Where tests break an append.
struct Failpoints {
  std::string_view before;
  std::string_view after;
};

Failpoints PointsOf(const JobSpec&) {
  return {"coordinator.before_submitted", "coordinator.after_submitted"};
}
Failpoints PointsOf(const StartedRecord&) {
  return {"coordinator.before_started", "coordinator.after_started"};
}
Failpoints PointsOf(const Manifest& manifest) {
  if (manifest.checkpoint.value == 0) {
    return {"coordinator.before_first_manifest", "coordinator.after_first_manifest"};
  }
  return {"coordinator.before_publish", "coordinator.after_publish"};
}
Failpoints PointsOf(const CommittedRecord&) {
  return {"coordinator.before_committed_record", "coordinator.after_committed_record"};
}
Failpoints PointsOf(const EndedRecord&) {
  return {"coordinator.before_ended_record", "coordinator.after_ended_record"};
}
Failpoints PointsOf(const DroppedSavepointRecord&) {
  return {"coordinator.before_drop_savepoint", "coordinator.after_drop_savepoint"};
}
Failpoints PointsOf(const RestoredRecord&) {
  return {"coordinator.before_restored_record", "coordinator.after_restored_record"};
}

}  // namespace

std::set<std::string> NamedStateFiles(const Manifest& manifest) {
  std::set<std::string> named;
  for (const OperatorState& state : manifest.states) {
    for (const StateFile& file : state.files) named.insert(file.path);
  }
  return named;
}

std::set<std::string> NamedStateFiles(const JobLogState& log) {
  std::set<std::string> named;
  for (const auto& published : log.checkpoints) named.merge(NamedStateFiles(published.manifest));
  return named;
}

JobLogIo::JobLogIo(BlobStore* blobs, Clock* clock, JobId job, JobLogState log)
    : blobs_(blobs),
      clock_(clock),
      job_(std::move(job)),
      log_(blobs, job_),
      state_(std::move(log)),
      named_(NamedStateFiles(state_)) {}

absl::StatusOr<int64_t> JobLogIo::Append(const LogRecord& record) {
  const Failpoints points =
      std::visit([](const auto& body) { return PointsOf(body); }, record.body);
  WEIR_RETURN_IF_ERROR(Failpoint(points.before));
  // After an error behind a successful append the record comes again; it stands there already.
  if (applied_id_ == record.id) return state_.tail;
  WEIR_ASSIGN_OR_RETURN(const int64_t n, log_.Append(record, &state_));
  applied_id_ = record.id;
  if (std::holds_alternative<Manifest>(record.body)) ++published_;
  if (!std::holds_alternative<StartedRecord>(record.body)) {
    std::set<std::string> now = NamedStateFiles(state_);
    std::set_difference(named_.begin(), named_.end(), now.begin(), now.end(),
                        std::back_inserter(unneeded_));
    named_ = std::move(now);
  }
  WEIR_RETURN_IF_ERROR(Failpoint(points.after));
  return n;
}

void JobLogIo::TidyUp() {
  if (!Failpoint("coordinator.before_tidy_up").ok()) return;
  for (const std::string& path : std::exchange(unneeded_, {})) {
    if (IsHeld(path)) {
      unneeded_.push_back(path);
    } else {
      Delete(path);
    }
  }
  if (!Failpoint("coordinator.after_tidy_up").ok()) return;
  if (state_.checkpoints.empty()) return;
  // With a checkpoint of its own the generation has restored whatever it needed.
  const Manifest& last = state_.checkpoints.back().manifest;
  const bool stands = last.generation == state_.generation && last.checkpoint.value > 0;
  if ((stands &&
       (swept_generation_ != state_.generation || published_ - swept_at_ >= kPublishesPerSweep)) ||
      state_.ended) {
    Sweep();
  }
  // An ended job's log is read by every takeover from now on.
  const bool fold_end = state_.ended.has_value() && folded_tail_ < state_.tail;
  if (fold_end || state_.tail - folded_tail_ >= kRecordsPerFold) Fold();
}

void JobLogIo::Hold(const std::string& holder, std::set<std::string> files) {
  held_[holder] = std::move(files);
}

bool JobLogIo::IsHeld(const std::string& path) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const auto& held) { return held.second.contains(path); });
}

void JobLogIo::Delete(const std::string& path) {
  const absl::Status status = blobs_->Delete(absl::StrCat("jobs/", job_, "/", path));
  if (status.ok()) return;
  WEIR_LOG(kWarning, "a state file can't be deleted", {"job", job_}, {"path", path},
           {"error", status.message()});
}

void JobLogIo::Sweep() {
  swept_generation_ = state_.generation;
  swept_at_ = published_;
  const std::string folder = absl::StrCat("jobs/", job_, "/");
  const auto entries = blobs_->List(absl::StrCat(folder, "state/"), "");
  if (!entries.ok()) {
    WEIR_LOG(kWarning, "state files can't be listed", {"job", job_},
             {"error", entries.status().message()});
    return;
  }
  std::vector<std::string> paths;
  for (const BlobStore::Entry& entry : *entries) paths.push_back(entry.name.substr(folder.size()));
  const auto needed = [this](const std::string& path) {
    return named_.contains(path) || IsHeld(path);
  };
  for (const std::string& path :
       sweep_.Decide(paths, state_, needed, published_, clock_->WallMicros() / 1000)) {
    Delete(path);
  }
}

void JobLogIo::Fold() {
  absl::Status status = log_.KeepFold(state_);
  if (status.ok()) {
    status = log_.RemoveFolded(clock_->WallMicros() / 1000 - kFoldedKeptMs,
                               state_.tail - kFoldedRecordsKept);
  }
  if (status.ok()) {
    folded_tail_ = state_.tail;
    return;
  }
  WEIR_LOG(kWarning, "the job log can't be folded", {"job", job_}, {"error", status.message()});
}

}  // namespace weir
