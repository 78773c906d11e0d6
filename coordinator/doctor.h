// What `weir doctor` says about a cluster: facts in, findings out, each with what to do about it.
// The judgements are pure; CheckStore and StoreWallMicros block.
#ifndef WEIR_COORDINATOR_DOCTOR_H_
#define WEIR_COORDINATOR_DOCTOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/host_facts.h"

namespace weir {

class BlobStore;
class Random;

struct Finding {
  enum class Level { kOk, kWarning, kProblem };
  Level level = Level::kOk;
  std::string check;    // "store", "clock", "files", "disk", "memory", "certificate", ...
  std::string subject;  // "worker 10.0.0.1:7080", "job activity, topic orders", ...
  std::string message;
  std::string fix;  // empty when all is well
};

struct DoctorReport {
  int64_t now_us = 0;  // the coordinator's clock
  std::vector<Finding> findings;
};

// `ahead_us`: of the clock it is compared with.
Finding JudgeClock(const std::string& subject, int64_t ahead_us);
Finding JudgeOpenFiles(const std::string& subject, int64_t open_files_max);
// Of the file system of a worker's --cache.
Finding JudgeDisk(const std::string& subject, int64_t free_bytes, int64_t bytes);
// --memory against what the cgroup and the machine allow.
Finding JudgeMemory(const std::string& subject, int64_t memory_bytes, int64_t limit_bytes);
Finding JudgeCertificate(const std::string& subject, int64_t expires_s, int64_t now_s);
// `version` against the coordinator's.
Finding JudgeVersion(const std::string& subject, const std::string& version,
                     const std::string& coordinator);

// Writes, reads and deletes a blob of its own, `doctor/<random>`, and tries what must be refused:
// two creators of one name, and a change of what has changed meanwhile. One finding.
Finding CheckStore(BlobStore* store, Random* random, const std::string& subject);

// The clock of the store's server, in microseconds, to the second; NOT_FOUND when the store has
// none of its own: a directory.
absl::StatusOr<int64_t> StoreWallMicros(const std::string& data_uri);

}  // namespace weir

#endif  // WEIR_COORDINATOR_DOCTOR_H_
