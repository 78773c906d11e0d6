#include "state/checkpoint/job_log.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr char kJobsPrefix[] = "jobs/";
constexpr int kCatchUpLooks = 3;

std::string LogPrefix(const JobId& job) { return absl::StrCat(kJobsPrefix, job, "/log/"); }

std::string FoldPrefix(const JobId& job) { return absl::StrCat(kJobsPrefix, job, "/fold/"); }

absl::Status Damaged(const std::string& name, const absl::Status& status) {
  return absl::DataLossError(absl::StrCat(name, ": ", status.message()));
}

absl::StatusOr<LogRecord> Read(BlobStore* blobs, const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, blobs->Get(name));
  absl::StatusOr<LogRecord> record = DecodeLogRecord(bytes);
  if (!record.ok()) return Damaged(name, record.status());
  return record;
}

// What became of a record that was, or may have been, written as `name`.
enum class Outcome { kOurs, kAnothers, kAbsent };

absl::StatusOr<Outcome> ReadBack(BlobStore* blobs, const std::string& name, const std::string& id) {
  const absl::StatusOr<LogRecord> there = Read(blobs, name);
  if (there.ok()) return there->id == id ? Outcome::kOurs : Outcome::kAnothers;
  if (absl::IsNotFound(there.status())) return Outcome::kAbsent;
  return there.status();
}

// Creates `name` with `bytes`, whose record has `id`; OK when it certainly stands there.
absl::Status Write(BlobStore* blobs, const std::string& name, const std::string& bytes,
                   const std::string& id) {
  absl::Status last;
  for (int attempt = 0; attempt < kAppendAttempts; ++attempt) {
    last = blobs->PutIfAbsent(name, bytes);
    if (last.ok()) return last;
    // Another record there, or an earlier attempt of ours whose outcome was unknown?
    const absl::StatusOr<Outcome> outcome = ReadBack(blobs, name, id);
    if (absl::IsDataLoss(outcome.status())) return outcome.status();
    if (!outcome.ok()) continue;
    if (*outcome == Outcome::kOurs) return absl::OkStatus();
    if (*outcome == Outcome::kAnothers) {
      return absl::AbortedError(absl::StrCat(name, " is another writer's record"));
    }
  }
  return absl::UnavailableError(
      absl::StrCat(name, " can't be written: ", last.message(), " (", last.code(), ")"));
}

absl::StatusOr<JobLogState> ReadFold(BlobStore* blobs, const JobId& job, const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, blobs->Get(name));
  absl::StatusOr<JobLogState> fold = DecodeFold(bytes);
  if (!fold.ok()) return Damaged(name, fold.status());
  if (LogFoldName(job, fold->tail) != name) {
    return Damaged(name, absl::DataLossError(absl::StrCat("it ends at record ", fold->tail)));
  }
  return fold;
}

}  // namespace

std::string LogRecordName(const JobId& job, int64_t n) {
  return absl::StrCat(kJobsPrefix, job, "/log/", absl::Dec(n, absl::kZeroPad20));
}

std::string LogFoldName(const JobId& job, int64_t n) {
  return absl::StrCat(kJobsPrefix, job, "/fold/", absl::Dec(n, absl::kZeroPad20));
}

absl::StatusOr<std::vector<JobId>> ListJobs(BlobStore* blobs) {
  WEIR_ASSIGN_OR_RETURN(const auto entries, blobs->List(kJobsPrefix, ""));
  std::set<JobId> jobs;
  for (const BlobStore::Entry& entry : entries) {
    const absl::string_view rest = absl::string_view(entry.name).substr(sizeof(kJobsPrefix) - 1);
    const size_t slash = rest.find('/');
    if (slash == rest.npos) continue;
    const absl::string_view inside = rest.substr(slash);
    if (!absl::StartsWith(inside, "/log/") && !absl::StartsWith(inside, "/fold/")) continue;
    jobs.emplace(rest.substr(0, slash));
  }
  return std::vector<JobId>(jobs.begin(), jobs.end());
}

JobLog::JobLog(BlobStore* blobs, JobId job) : blobs_(blobs), job_(std::move(job)) {}

absl::Status JobLog::LoadFold(JobLogState* state) {
  WEIR_ASSIGN_OR_RETURN(const auto folds, blobs_->List(FoldPrefix(job_), ""));
  absl::Status damage;
  for (auto entry = folds.rbegin(); entry != folds.rend(); ++entry) {
    absl::StatusOr<JobLogState> fold = ReadFold(blobs_, job_, entry->name);
    if (fold.ok()) {
      *state = *std::move(fold);
      return absl::OkStatus();
    }
    if (absl::IsNotFound(fold.status())) continue;  // removed since the listing; so is its damage
    if (!absl::IsDataLoss(fold.status())) return fold.status();
    if (damage.ok()) damage = fold.status();
  }
  return damage;
}

absl::Status JobLog::CatchUp(JobLogState* state) {
  absl::Status status;
  for (int look = 0; look < kCatchUpLooks; ++look) {
    int64_t missing = 0;
    status = ReadOn(state, &missing);
    if (missing == 0) return status;
    // Folded and removed while we read, or before, when we were paused?
    JobLogState fold;
    if (const absl::Status read = LoadFold(&fold); !read.ok()) {
      return absl::IsDataLoss(read) ? status : read;
    }
    if (fold.tail < missing) return status;
    *state = std::move(fold);
  }
  return status;
}

absl::Status JobLog::ReadOn(JobLogState* state, int64_t* missing) {
  absl::Status damaged_folds;
  if (state->tail == 0) {
    damaged_folds = LoadFold(state);
    if (!damaged_folds.ok() && !absl::IsDataLoss(damaged_folds)) return damaged_folds;
  }
  const std::string after = state->tail == 0 ? "" : LogRecordName(job_, state->tail);
  WEIR_ASSIGN_OR_RETURN(const auto entries, blobs_->List(LogPrefix(job_), after));
  if (entries.empty() && state->tail == 0) {
    WEIR_RETURN_IF_ERROR(damaged_folds);
    return absl::NotFoundError(absl::StrCat("job ", job_, " has no log"));
  }
  for (const BlobStore::Entry& entry : entries) {
    const int64_t n = state->tail + 1;
    const std::string name = LogRecordName(job_, n);
    if (entry.name != name) {
      *missing = n;
      if (n == 1) WEIR_RETURN_IF_ERROR(damaged_folds);
      return absl::DataLossError(absl::StrCat(name, " is missing, though ", entry.name, " exists"));
    }
    absl::StatusOr<LogRecord> record = Read(blobs_, name);
    if (absl::IsNotFound(record.status()) || absl::IsDataLoss(record.status())) *missing = n;
    if (absl::IsNotFound(record.status())) return Damaged(name, record.status());
    WEIR_RETURN_IF_ERROR(record.status());
    if (absl::Status status = Apply(n, *record, state); !status.ok()) return Damaged(name, status);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> JobLog::Append(const LogRecord& record, JobLogState* state) {
  const int64_t n = state->tail + 1;
  WEIR_RETURN_IF_ERROR(CanFollow(n, record, *state));
  WEIR_RETURN_IF_ERROR(Write(blobs_, LogRecordName(job_, n), EncodeLogRecord(record), record.id));
  // A record behind ours means that a successor read ours and acts for the job since.
  const std::string next = LogRecordName(job_, n + 1);
  const absl::StatusOr<std::string> newer = blobs_->Get(next);
  if (newer.ok()) return absl::AbortedError(absl::StrCat(next, " is another writer's record"));
  if (!absl::IsNotFound(newer.status())) {
    return absl::UnavailableError(
        absl::StrCat(next, " can't be checked: ", newer.status().message()));
  }
  // So does a fold from here on: ours may have landed where older records were removed.
  const auto folds = blobs_->List(FoldPrefix(job_), LogFoldName(job_, n - 1));
  if (!folds.ok()) {
    return absl::UnavailableError(
        absl::StrCat(FoldPrefix(job_), " can't be checked: ", folds.status().message()));
  }
  if (!folds->empty()) return absl::AbortedError(absl::StrCat(next, " is folded already"));
  WEIR_RETURN_IF_ERROR(Apply(n, record, state));
  return n;
}

absl::Status JobLog::KeepFold(const JobLogState& state) {
  const absl::Status put = blobs_->PutIfAbsent(LogFoldName(job_, state.tail), EncodeFold(state));
  return absl::IsAlreadyExists(put) ? absl::OkStatus() : put;
}

absl::Status JobLog::RemoveFolded(int64_t before_ms, int64_t before_n) {
  WEIR_ASSIGN_OR_RETURN(const auto folds, blobs_->List(FoldPrefix(job_), ""));
  int64_t newest_old = 0;
  int64_t tail = 0;  // of the one before it; recovery begins there or later
  for (const BlobStore::Entry& entry : folds) {
    const absl::StatusOr<JobLogState> fold = ReadFold(blobs_, job_, entry.name);
    if (absl::IsDataLoss(fold.status()) || absl::IsNotFound(fold.status())) continue;
    WEIR_RETURN_IF_ERROR(fold.status());
    if (fold->last_written_ms >= before_ms && fold->tail > before_n) break;
    tail = std::exchange(newest_old, fold->tail);
  }
  if (tail == 0) return absl::OkStatus();
  // Oldest first: what remains is always without gaps.
  WEIR_ASSIGN_OR_RETURN(const auto records, blobs_->List(LogPrefix(job_), ""));
  for (const BlobStore::Entry& entry : records) {
    if (entry.name > LogRecordName(job_, tail)) break;
    WEIR_RETURN_IF_ERROR(blobs_->Delete(entry.name));
  }
  for (const BlobStore::Entry& entry : folds) {
    if (entry.name >= LogFoldName(job_, tail)) break;
    WEIR_RETURN_IF_ERROR(blobs_->Delete(entry.name));
  }
  return absl::OkStatus();
}

}  // namespace weir
