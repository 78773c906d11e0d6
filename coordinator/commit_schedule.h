// Which published epochs are to be committed to which table, and when. Pure.
//
// Each epoch that holds files of a sink is committed by itself, oldest first; the newest epoch is
// also committed without files, at most once per freshness interval, so that the watermark in the
// table's metadata moves. The table's transaction id is the truth about what is committed;
// COMMITTED records only keep manifests from piling up.
#ifndef WEIR_COORDINATOR_COMMIT_SCHEDULE_H_
#define WEIR_COORDINATOR_COMMIT_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lake/table_committer.h"
#include "model/ids.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class CommitSchedule {
 public:
  struct Sink {
    Epoch committed;             // by the table, as far as known
    int64_t table_version = -1;  // that held the last commit
    int64_t rows_committed = 0;  // by this process
    std::optional<Epoch> in_flight;
    std::optional<int64_t> last_commit_us;
    int64_t retry_us = 0;
    int failures = 0;       // in a row
    std::string trouble;    // of the last attempt, for people
    bool given_up = false;  // the table refuses our commits, or another writer has our app id
  };
  struct Due {
    int sink = 0;
    Epoch epoch;
    Epoch newest;  // published: a predecessor may have committed up to there
  };
  enum class Outcome { kDone, kRetry, kRefused, kFenced };

  // `log` is the folded log at start: its COMMITTED records are where this process begins.
  explicit CommitSchedule(const JobLogState& log);

  // What to commit now; each is in flight until OnDone. `closing`: the job ends, so the newest
  // epoch is committed without waiting for the freshness interval.
  std::vector<Due> TakeDue(const JobLogState& log, int64_t now_us, bool closing);
  Outcome OnDone(int sink, Epoch epoch, const absl::StatusOr<CommitResult>& result, int64_t rows,
                 int64_t now_us);
  // Earliest time at which TakeDue may have more; INT64_MAX = only after an event.
  int64_t NextDueUs(const JobLogState& log, bool closing) const;

  // Epochs with files that the slowest sink has yet to commit.
  int Backlog(const JobLogState& log) const;
  // Whether everything that `closing` asks for is in the tables.
  bool AllCommitted(const JobLogState& log) const;
  // A COMMITTED record that the log lacks, if any.
  std::optional<CommittedRecord> Unrecorded(const JobLogState& log) const;

  const std::vector<Sink>& sinks() const { return sinks_; }

 private:
  std::vector<Sink> sinks_;  // as Plan::sinks
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_COMMIT_SCHEDULE_H_
