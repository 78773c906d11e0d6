// What a coordinator that begins to lead reads: all jobs' logs.
#ifndef WEIR_COORDINATOR_TAKEOVER_H_
#define WEIR_COORDINATOR_TAKEOVER_H_

#include <map>

#include "absl/status/status.h"
#include "model/ids.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class BlobStore;
class IoPool;

// A log as far as it can be read.
struct FoundLog {
  JobLogState log;
  absl::Status damage;  // what is in the way behind that; OK = nothing
};

// Adds the logs of all jobs that aren't in *found yet, several at a time, on this thread and those
// of `io` that are free.
//
// UNAVAILABLE when the store doesn't answer: again with the same *found, which keeps what was read.
// Nobody may lead without one of them: it may hold a name, a table, or another job's state files.
// Any other error is of one log, stands in its `damage`, and is in nobody else's way.
absl::Status ReadLogs(BlobStore* blobs, IoPool* io, std::map<JobId, FoundLog>* found);

// Leaves out jobs that nobody was told of. A leader that was paused while it recorded a job, and
// replaced meanwhile, didn't acknowledge it: the caller repeated the request, and it may have made
// another job here. All have a spec.
void DropUnacknowledged(std::map<JobId, FoundLog>* found);

}  // namespace weir

#endif  // WEIR_COORDINATOR_TAKEOVER_H_
