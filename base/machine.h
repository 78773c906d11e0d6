// What this machine, or the container on it, lets the process use, and what the process uses.
#ifndef WEIR_BASE_MACHINE_H_
#define WEIR_BASE_MACHINE_H_

#include <cstdint>
#include <string>

namespace weir {

struct MachineLimits {
  double cpus = 1;           // quota of the cgroup, at most the processors the process may run on
  int64_t memory_bytes = 0;  // limit of the cgroup, at most the machine's
};

// Reads cgroup v2 or v1 (the smallest limit of the process's group and all groups above it), the
// scheduler's mask and /proc/meminfo. `root` stands before /proc and /sys, for tests.
MachineLimits ReadMachineLimits(const std::string& root = "");

// Defaults of --slots and --memory: whole CPUs, at least one; 80 % of the memory.
int DefaultSlots(const MachineLimits& limits);
int64_t DefaultMemoryBytes(const MachineLimits& limits);

// Names this machine, or this container on it, since its last boot: "host/boot id".
std::string MachineId();

// Resident set of this process, bytes; 0 when the kernel doesn't say.
int64_t ResidentBytes();
int64_t PeakResidentBytes();

}  // namespace weir

#endif  // WEIR_BASE_MACHINE_H_
