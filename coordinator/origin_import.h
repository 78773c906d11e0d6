// Carries out what coordinator/origin.h decides: looks at the tables of a job that is to go on from
// another one's checkpoint, and makes its start. Calls block.
#ifndef WEIR_COORDINATOR_ORIGIN_IMPORT_H_
#define WEIR_COORDINATOR_ORIGIN_IMPORT_H_

#include <string>

#include "absl/status/status.h"
#include "coordinator/commit_driver.h"
#include "coordinator/origin.h"
#include "state/checkpoint/job_log.h"

namespace weir {

class BlobStore;

// Fills origin->continued, ->staged and ->undone for the sinks of `next`: which of its tables are
// the other job's, and which data files of it they still lack. `lineage` is the new job's.
// FAILED_PRECONDITION when a table holds rows from after the checkpoint and origin->restore_tables
// is off, or it can't be rolled back; names table and epochs. `append`: tables of other lineages
// are accepted.
absl::Status CheckOriginTables(const OriginJob& from, const Plan& next, const std::string& lineage,
                               const CommitDriver::MakeCommitter& make, bool append,
                               JobOrigin* origin);

// Makes the start of `job`, whose spec has an origin: copies state files and takes the tables over.
// May be called again after any outcome, by anybody: what was done isn't done twice.
//   UNAVAILABLE, UNKNOWN, RESOURCE_EXHAUSTED  again, later
//   anything else  can't be done, and says why: the job fails
absl::Status ImportOrigin(const JobId& job, const JobSpec& spec, BlobStore* blobs,
                          const CommitDriver::MakeCommitter& make);

}  // namespace weir

#endif  // WEIR_COORDINATOR_ORIGIN_IMPORT_H_
