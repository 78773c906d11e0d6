// A job's log as the pool sees it: appends, and tidying up behind them. On the job's strand only.
#ifndef WEIR_COORDINATOR_JOB_LOG_IO_H_
#define WEIR_COORDINATOR_JOB_LOG_IO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/blob_store.h"
#include "coordinator/state_sweep.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class Clock;

// Paths, relative to the job's folder, of the state files that a checkpoint, or those in the log,
// name.
std::set<std::string> NamedStateFiles(const Manifest& manifest);
std::set<std::string> NamedStateFiles(const JobLogState& log);
class JobLogIo {
 public:
  // Folds are kept every so many records, and records before them removed when they are this old.
  static constexpr int64_t kRecordsPerFold = 100;  // a takeover reads at most about so many
  static constexpr int64_t kFoldedKeptMs = 3'600'000;
  static constexpr int64_t kFoldedRecordsKept = 20'000;  // fewer than an hour's, at any age

  static constexpr int64_t kPublishesPerSweep = 200;

  // `blobs` and `clock` outlive it.
  JobLogIo(BlobStore* blobs, Clock* clock, JobId job, JobLogState log);

  // As JobLog::Append. The same record again after any error but ABORTED.
  absl::StatusOr<int64_t> Append(const LogRecord& record);

  // After an append: deletes state files that no checkpoint names any more, keeps folds. What fails
  // is logged and left for a later time.
  //
  // A file that a checkpoint named goes with the last checkpoint that the log keeps of those that
  // name it: lists of files only lose entries, so nobody will name it again. What was never named
  // is found by listing now and then; coordinator/state_sweep.h says what of it may go. Neither
  // depends on a clock. Of an ended job the kept checkpoints' files stay: jobs may go on from them.
  void TidyUp();

  // Keeps `files`, for `holder`, until it is released: what the log keeps doesn't matter.
  void Hold(const std::string& holder, std::set<std::string> files);
  void Release(const std::string& holder) { held_.erase(holder); }
  // What the log amounts to, with what was appended here.
  const JobLogState& state() const { return state_; }

 private:
  bool IsHeld(const std::string& path) const;
  void Delete(const std::string& path);
  void Sweep();
  void Fold();

  BlobStore* const blobs_;
  Clock* const clock_;
  const JobId job_;
  JobLog log_;
  JobLogState state_;
  std::string applied_id_;  // of the last record that stands in the log
  std::set<std::string> named_;
  std::vector<std::string> unneeded_;
  std::map<std::string, std::set<std::string>> held_;  // by holder
  StateSweep sweep_;
  int64_t published_ = 0;        // checkpoints, by this object
  int64_t swept_at_ = 0;         // of them
  Generation swept_generation_;  // last
  int64_t folded_tail_ = 0;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_LOG_IO_H_
