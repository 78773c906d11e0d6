// What the machine, or the container on it, gives a process, for people who look why it suffers.
#ifndef WEIR_BASE_HOST_FACTS_H_
#define WEIR_BASE_HOST_FACTS_H_

#include <cstdint>
#include <string>

namespace weir {

// 0 = not known, or there is none.
struct HostFacts {
  int64_t open_files_max = 0;         // `ulimit -n` of the process
  int64_t disk_bytes = 0;             // of the file system of its directory
  int64_t disk_free_bytes = 0;        // to it, not only to root
  int64_t memory_limit_bytes = 0;     // of its cgroup, at most the machine's
  int64_t certificate_expires_s = 0;  // since 1970
  friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

// `directory`: empty = no disk counts. `certificate`: a PEM file, empty = none.
HostFacts ReadHostFacts(const std::string& directory, const std::string& certificate);

}  // namespace weir

#endif  // WEIR_BASE_HOST_FACTS_H_
