#include "coordinator/takeover.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/blob_store.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {

absl::Status ReadLogs(BlobStore* blobs, IoPool* io, std::map<JobId, FoundLog>* found) {
  WEIR_ASSIGN_OR_RETURN(std::vector<JobId> ids, ListJobs(blobs));
  std::erase_if(ids, [found](const JobId& id) { return found->contains(id); });
  absl::Mutex mutex;
  return RunForEach(io, ids.size(), [&](size_t i) {
    FoundLog one;
    one.damage = JobLog(blobs, ids[i]).CatchUp(&one.log);
    if (absl::IsUnavailable(one.damage)) return one.damage;
    absl::MutexLock lock(&mutex);
    found->emplace(ids[i], std::move(one));
    return absl::OkStatus();
  });
}

void DropUnacknowledged(std::map<JobId, FoundLog>* found) {
  std::map<std::string, JobId> of_request;
  for (const auto& [id, one] : *found) {
    const std::string& request = one.log.spec->request_id;
    if (request.empty()) continue;
    JobId& kept = of_request[request];
    if (kept.empty() || (one.log.tail > 1 && found->at(kept).log.tail == 1)) kept = id;
  }
  std::erase_if(*found, [&](const auto& entry) {
    const JobLogState& log = entry.second.log;
    const std::string& request = log.spec->request_id;
    if (request.empty() || of_request.at(request) == entry.first || log.tail > 1) return false;
    WEIR_LOG(kWarning, "a job that was never acknowledged is left alone", {"job", entry.first},
             {"in its place", of_request.at(request)});
    return true;
  });
}

}  // namespace weir
