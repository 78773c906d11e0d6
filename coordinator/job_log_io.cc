#include "coordinator/job_log_io.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"

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

}  // namespace

std::set<std::string> NamedStateFiles(const JobLogState& log) {
  std::set<std::string> named;
  for (const auto& published : log.checkpoints) {
    for (const OperatorState& state : published.manifest.states) {
      for (const StateFile& file : state.files) named.insert(file.path);
    }
  }
  return named;
}

std::optional<Generation> GenerationOfStateFile(std::string_view path) {
  constexpr std::string_view kFolder = "state/";
  if (path.substr(0, kFolder.size()) != kFolder) return std::nullopt;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dash = name.find('-');
  int64_t generation = 0;
  if (dash == std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(name.substr(0, dash)), &generation)) {
    return std::nullopt;
  }
  return Generation(generation);
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
  if (std::holds_alternative<Manifest>(record.body) ||
      std::holds_alternative<CommittedRecord>(record.body)) {
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
  for (const std::string& path : std::exchange(unneeded_, {})) Delete(path);
  if (!Failpoint("coordinator.after_tidy_up").ok()) return;
  if (state_.checkpoints.empty()) return;
  // With a checkpoint of its own the generation has restored whatever it needed.
  const Manifest& last = state_.checkpoints.back().manifest;
  if (!swept_ && last.generation == state_.generation && last.checkpoint.value > 0) DeleteFenced();
  if (state_.tail - folded_tail_ >= kRecordsPerFold) Fold();
}

void JobLogIo::Delete(const std::string& path) {
  const absl::Status status = blobs_->Delete(absl::StrCat("jobs/", job_, "/", path));
  if (status.ok()) return;
  WEIR_LOG(kWarning, "a state file can't be deleted", {"job", job_}, {"path", path},
           {"error", status.message()});
}

void JobLogIo::DeleteFenced() {
  swept_ = true;
  const std::string folder = absl::StrCat("jobs/", job_, "/");
  const auto entries = blobs_->List(absl::StrCat(folder, "state/"), "");
  if (!entries.ok()) {
    WEIR_LOG(kWarning, "state files can't be listed", {"job", job_},
             {"error", entries.status().message()});
    return;
  }
  for (const BlobStore::Entry& entry : *entries) {
    const std::string path = entry.name.substr(folder.size());
    const std::optional<Generation> generation = GenerationOfStateFile(path);
    if (generation && *generation < state_.generation && !named_.contains(path)) Delete(path);
  }
}

void JobLogIo::Fold() {
  absl::Status status = log_.KeepFold(state_);
  if (status.ok()) status = log_.RemoveFolded(clock_->WallMicros() / 1000 - kFoldedKeptMs);
  if (status.ok()) {
    folded_tail_ = state_.tail;
    return;
  }
  WEIR_LOG(kWarning, "the job log can't be folded", {"job", job_}, {"error", status.message()});
}

}  // namespace weir
