// How far jobs have brought a table, by what their commits say of themselves: no coordinator is
// asked. A table is complete past a time once the watermark of every job that writes it has passed
// that time.
#ifndef WEIR_LAKE_TABLE_PROGRESS_H_
#define WEIR_LAKE_TABLE_PROGRESS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "lake/commit_summary.h"
#include "lake/delta_log.h"

namespace weir {

class LogStore;

// One thread; calls block. `store` outlives it.
class TableProgress {
 public:
  // A job's newest commit is looked for in so many commits at most, the newest ones. One that wrote
  // nothing in so many commits of others is taken for gone; a job that runs commits at least once
  // per `freshness_interval`.
  static constexpr int64_t kCommitsMax = 1000;

  struct Writer {
    WeirCommit commit;  // its newest
    int64_t version = -1;
    std::optional<int64_t> timestamp_ms;
  };

  explicit TableProgress(LogStore* store) : store_(store) {}

  // Reads the table as it is now; the first call reads back, later ones only what is new.
  // NOT_FOUND when there is no table; DATA_LOSS, FAILED_PRECONDITION as LoadDeltaState.
  absl::Status Refresh();

  const DeltaState& state() const { return state_; }
  // By the job's name: a job that went on from another one under its name takes its place. Without
  // jobs whose commits were undone or taken over.
  const std::map<std::string, Writer>& writers() const { return writers_; }
  // The least of the writers' watermarks; kMinEventTime without writers. `job`: only this one's,
  // by name; empty = all.
  EventTime Watermark(const std::string& job) const;

 private:
  absl::Status LookBack();
  bool IsFenced(const std::string& app_id) const;
  void Note(const CommitSummary& summary, bool newer);

  LogStore* const store_;
  DeltaState state_;  // version -1 before the first Refresh
  std::map<std::string, Writer> writers_;
};

}  // namespace weir

#endif  // WEIR_LAKE_TABLE_PROGRESS_H_
