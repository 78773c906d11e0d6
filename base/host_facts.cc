#include "base/host_facts.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <limits>

#include "base/certificate.h"
#include "base/machine.h"

namespace weir {

HostFacts ReadHostFacts(const std::string& directory, const std::string& certificate) {
  HostFacts facts;
  if (rlimit limit; getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files_max = limit.rlim_cur > std::numeric_limits<int64_t>::max()
                               ? std::numeric_limits<int64_t>::max()
                               : static_cast<int64_t>(limit.rlim_cur);
  }
  if (struct statvfs disk; !directory.empty() && statvfs(directory.c_str(), &disk) == 0) {
    facts.disk_bytes = static_cast<int64_t>(disk.f_blocks * disk.f_frsize);
    facts.disk_free_bytes = static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
  }
  facts.memory_limit_bytes = ReadMachineLimits().memory_bytes;
  if (!certificate.empty()) {
    facts.certificate_expires_s = CertificateExpiry(certificate).value_or(0);
  }
  return facts;
}

}  // namespace weir
