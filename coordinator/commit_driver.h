// Commits published epochs to their tables: one after another per table, beside one another across
// tables.
#ifndef WEIR_COORDINATOR_COMMIT_DRIVER_H_
#define WEIR_COORDINATOR_COMMIT_DRIVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/io_pool.h"
#include "lake/table_committer.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class Clock;
class Random;

// "<lineage>/<sink>": the transaction id of a job's sink in its table.
std::string CommitAppId(const std::string& lineage, const std::string& sink);

// The commit of `epoch` to sink number `sink` of the job: its files, and in weir_info what the
// table holds from then on:
//
//   {"job", "name", "lineage", "generation", "epoch", "watermark": RFC 3339 | null,
//    "sources": {"<table>": {"topic", "watermark", "partitions": {"0": {"next_offset",
//                                                                        "watermark"}}}},
//    "counters": {"read", "used", "late", "bad", "filtered"}}    sums over the sink's INSERTs
//
// Two sources of the same table name in SQL (read twice with other settings) are told apart by
// "#<source id>" behind the second one's name.
TableCommit BuildTableCommit(const JobId& job, const JobSpec& spec, int sink, Epoch epoch,
                             const Manifest& manifest);

// One thread calls it.
class CommitDriver {
 public:
  using MakeCommitter = std::function<std::unique_ptr<TableCommitter>(const std::string& path)>;

  // The result, and how long it took.
  using Done = std::function<void(absl::StatusOr<CommitResult>, int64_t duration_us)>;

  // Both pointers outlive the driver, the pool's queued work included.
  CommitDriver(IoPool* pool, MakeCommitter make, Clock* clock);

  // Commits on the pool, behind earlier commits to the same table, and tells `done` there. Error
  // kinds as TableCommitter::Commit, and NOT_FOUND when the table has vanished.
  void Commit(const SinkSpec& sink, TableCommit commit, Done done);
  // Forgets the job's committers; commits under way finish.
  void Forget(const std::vector<SinkSpec>& sinks);
  // Likewise for all jobs: somebody else leads.
  void ForgetAll();

 private:
  struct Table;
  std::shared_ptr<Table> TableAt(const std::string& path);

  IoPool* const pool_;
  const MakeCommitter make_;
  Clock* const clock_;
  std::map<std::string, std::shared_ptr<Table>> tables_;  // shared with queued commits
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_COMMIT_DRIVER_H_
