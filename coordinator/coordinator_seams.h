// What the coordinator is put together from, so that tests can put in their own.
#ifndef WEIR_COORDINATOR_COORDINATOR_SEAMS_H_
#define WEIR_COORDINATOR_COORDINATOR_SEAMS_H_

#include <functional>
#include <string>

#include "coordinator/commit_driver.h"
#include "coordinator/job_machine.h"
#include "coordinator/lease.h"
#include "coordinator/submitter.h"
#include "model/plan.h"

namespace weir {

struct CoordinatorSeams {
  CompileJob compile;
  std::function<std::string(const Plan&)> explain;
  CommitDriver::MakeCommitter make_committer;
  JobMachineOptions machine;
  LeaseOptions lease;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_COORDINATOR_SEAMS_H_
