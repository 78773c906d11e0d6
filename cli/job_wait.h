// Waiting for jobs, through coordinators that go away for a while.
#ifndef WEIR_CLI_JOB_WAIT_H_
#define WEIR_CLI_JOB_WAIT_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/api_client.h"

namespace weir {

class ClientSession;

// Watches until the job, by id or name, is final. Calls `on_update`, unless it is null, for each
// state of it. DEADLINE_EXCEEDED when that takes too long; the job goes on.
absl::StatusOr<v1::Job> WaitUntilFinal(const std::string& name, Deadline deadline,
                                       ClientSession& session,
                                       const std::function<void(const v1::Job&)>& on_update);

// For a call whose server waits itself: no longer than its patience.
Deadline CallDeadline(Deadline deadline);

}  // namespace weir

#endif  // WEIR_CLI_JOB_WAIT_H_
