// From a script to a SUBMITTED record: compile, check names, sources and tables, then make tables
// and record the job. Nothing is made before everything was checked.
#ifndef WEIR_COORDINATOR_SUBMITTER_H_
#define WEIR_COORDINATOR_SUBMITTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/io_pool.h"
#include "coordinator/commit_driver.h"
#include "coordinator/origin.h"
#include "coordinator/source_queries.h"
#include "lake/table_roots.h"
#include "model/plan.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class BlobStore;
class Clock;
class EventLoop;
class Random;

struct SubmitArgs {
  std::string script;
  std::string name;
  std::map<std::string, std::string> variables;
  std::string request_id;
  bool validate_only = false;
  bool append = false;
  // Go on from a checkpoint of that job, by id or name; empty = begin anew.
  std::string from_job;
  Epoch from_epoch;  // 0 = its newest
  bool restore_tables = false;
  std::set<std::string> drop_states;  // as FitCheckpoint's `drop`
  // With validate_only: a job, by id or name, that will have been stopped by then; empty = none.
  std::string replaces;
};

// What the compiler makes of a script.
struct CompiledJob {
  Plan plan;
  std::string script;  // variables filled, secrets still references
  std::vector<std::string> warnings;
  bool explain_only = false;  // the script asks for its plan, not to be run
};
// Pure, on the pool. INVALID_ARGUMENT naming line and column.
using CompileJob = std::function<absl::StatusOr<CompiledJob>(
    const std::string& script, const std::map<std::string, std::string>& variables)>;

struct Submitted {
  JobId id;
  JobLogState log;
  bool validated_only = false;        // nothing was made
  std::string script;                 // variables filled
  std::vector<CarriedState> carried;  // with from_job
  std::vector<std::string> warnings;
};

// All calls, and all answers, on the event loop's thread.
class Submitter {
 public:
  // All outlive the submitter and what it queued on the pool.
  struct Deps {
    EventLoop* loop = nullptr;
    IoPool* pool = nullptr;
    BlobStore* blobs = nullptr;
    Clock* clock = nullptr;
    Random* random = nullptr;
    SourceQueries* queries = nullptr;
    CommitDriver::MakeCommitter make_committer;
    CompileJob compile;
    std::function<bool()> has_workers;
    // Name and table paths of live jobs: "" when free, else the id of the job that has it.
    std::function<JobId(const std::string& name)> job_of_name;
    std::function<JobId(const std::string& path)> job_of_table;
    // The job of that id or name as it is now. NOT_FOUND.
    std::function<absl::StatusOr<OriginJob>(const std::string& job)> find_origin;
    // Keeps a checkpoint's files for `holder` until released; tells whether it was still there.
    std::function<void(const JobId&, const std::string& holder, Epoch, std::function<void(bool)>)>
        hold;
    std::function<void(const JobId&, const std::string& holder)> release;
    TableRoots table_roots;
  };
  using Done = std::function<void(absl::StatusOr<Submitted>)>;
  struct Caller {
    Done done;
    // Whether nobody waits for the answer any more; on any thread, until `done` is called. Null =
    // somebody always does.
    std::function<bool()> gone;
  };

  explicit Submitter(Deps deps);

  // A request whose id is under way already gets the same answer. When all who asked have gone
  // before the job is recorded, it isn't, and the answer is CANCELLED: a job must not begin behind
  // the back of a user who was told that his call failed.
  void Submit(SubmitArgs args, Caller caller);

 private:
  struct Request;
  using RequestPtr = std::shared_ptr<Request>;  // shared by the steps, which run on two threads

  void CheckConflicts(const RequestPtr& request);
  // From another job's checkpoint: finds it, and keeps it while the request is under way.
  void FindOrigin(const RequestPtr& request);
  void DescribeSources(const RequestPtr& request);
  void OnDescribed(const RequestPtr& request, const SourceDescribedEvent& answer,
                   const KafkaSpec& kafka);
  void Finish(const RequestPtr& request, absl::Status status);
  // Pool to loop.
  void Continue(const RequestPtr& request, absl::Status status,
                void (Submitter::*next)(const RequestPtr&));
  void Complete(const RequestPtr& request) { Finish(request, absl::OkStatus()); }

  const Deps deps_;
  std::set<std::string> names_;   // of requests under way
  std::set<std::string> tables_;  // likewise
  std::map<std::string, RequestPtr> by_request_id_;
  int64_t holders_ = 0;  // so far, for their names
};

// INVALID_ARGUMENT saying which names are accepted.
absl::Status CheckJobName(const std::string& name);

}  // namespace weir

#endif  // WEIR_COORDINATOR_SUBMITTER_H_
