// A job's log as the pool sees it: appends, and tidying up behind them. On the job's strand only.
#ifndef WEIR_COORDINATOR_JOB_LOG_IO_H_
#define WEIR_COORDINATOR_JOB_LOG_IO_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/blob_store.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class Clock;

// Paths, relative to the job's folder, of the state files that checkpoints in the log name.
std::set<std::string> NamedStateFiles(const JobLogState& log);
// The generation that wrote a state file, by its name ("state/<state id>/<generation>-...");
// nullopt for anything else.
std::optional<Generation> GenerationOfStateFile(std::string_view path);

class JobLogIo {
 public:
  // Folds are kept every so many records, and records before them removed when they are this old.
  static constexpr int64_t kRecordsPerFold = 500;
  static constexpr int64_t kFoldedKeptMs = 3'600'000;

  // `blobs` and `clock` outlive it.
  JobLogIo(BlobStore* blobs, Clock* clock, JobId job, JobLogState log);

  // As JobLog::Append. The same record again after any error but ABORTED.
  absl::StatusOr<int64_t> Append(const LogRecord& record);

  // After an append: deletes state files that no checkpoint names any more, keeps folds. What fails
  // is logged and left for a later time.
  //
  // A file may be deleted in two cases, neither of which depends on a clock. It was named by a
  // checkpoint that the log no longer keeps, and by none that it keeps: lists of files only lose
  // entries, so nobody will name it again. Or a fenced generation wrote it and no kept checkpoint
  // names it: generations restore only what checkpoints name.
  void TidyUp();

 private:
  void Delete(const std::string& path);
  void DeleteFenced();
  void Fold();

  BlobStore* const blobs_;
  Clock* const clock_;
  const JobId job_;
  JobLog log_;
  JobLogState state_;
  std::string applied_id_;  // of the last record that stands in the log
  std::set<std::string> named_;
  std::vector<std::string> unneeded_;
  bool swept_ = false;  // fenced generations' files are gone
  int64_t folded_tail_ = 0;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_LOG_IO_H_
