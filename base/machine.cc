#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/posix_file.h"

namespace weir {
namespace {

constexpr char kCgroupMount[] = "/sys/fs/cgroup";

std::string ReadOrEmpty(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

std::optional<int64_t> ReadInteger(const std::string& path) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(ReadOrEmpty(path), &value)) return std::nullopt;
  return value;
}

// `mount` + "/a/b", "/a", "" for group "/a/b": limits of all of them hold. Inside a container the
// path of /proc/self/cgroup may not exist below the mount; its top does.
std::vector<std::string> GroupAndAncestors(const std::string& mount, std::string group) {
  std::vector<std::string> folders;
  while (!group.empty() && group != "/") {
    folders.push_back(absl::StrCat(mount, group));
    group.resize(group.rfind('/'));
  }
  folders.push_back(mount);
  return folders;
}

void LimitByV2(const std::string& folder, MachineLimits* limits) {
  int64_t memory = 0;
  if (absl::SimpleAtoi(ReadOrEmpty(folder + "/memory.max"), &memory))
    limits->memory_bytes = std::min(limits->memory_bytes, memory);
  // "max 100000" or "150000 100000": microseconds of CPU per microseconds of time.
  const std::string text = ReadOrEmpty(folder + "/cpu.max");
  const std::vector<std::string> fields =
      absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  double quota = 0, period = 0;
  if (fields.size() == 2 && absl::SimpleAtod(fields[0], &quota) &&
      absl::SimpleAtod(fields[1], &period) && period > 0)
    limits->cpus = std::min(limits->cpus, quota / period);
}

void LimitByV1(const std::string& memory_folder, const std::string& cpu_folder,
               MachineLimits* limits) {
  if (const auto memory = ReadInteger(memory_folder + "/memory.limit_in_bytes"))
    limits->memory_bytes = std::min(limits->memory_bytes, *memory);
  const auto quota = ReadInteger(cpu_folder + "/cpu.cfs_quota_us");
  const auto period = ReadInteger(cpu_folder + "/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0)
    limits->cpus = std::min(limits->cpus, static_cast<double>(*quota) / *period);
}

void LimitByCgroups(const std::string& root, MachineLimits* limits) {
  const std::string mount = absl::StrCat(root, kCgroupMount);
  // Lines "hierarchy:controllers:path"; v2 is "0::path".
  for (const absl::string_view line :
       absl::StrSplit(ReadOrEmpty(root + "/proc/self/cgroup"), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || !absl::StartsWith(fields[2], "/")) continue;
    if (fields[0] == "0" && fields[1].empty()) {
      for (const std::string& folder : GroupAndAncestors(mount, fields[2]))
        LimitByV2(folder, limits);
      continue;
    }
    for (const absl::string_view controller : absl::StrSplit(fields[1], ',')) {
      if (controller != "memory" && controller != "cpu") continue;
      const std::string below = absl::StrCat(mount, "/", controller);
      for (const std::string& folder : GroupAndAncestors(below, fields[2]))
        LimitByV1(folder, folder, limits);
    }
  }
}

// A line "MemTotal:  16384 kB" of a /proc file, in bytes.
std::optional<int64_t> ReadKilobytes(const std::string& path, const std::string& key) {
  for (const absl::string_view line : absl::StrSplit(ReadOrEmpty(path), '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, key + ":")) continue;
    int64_t kilobytes = 0;
    if (absl::SimpleAtoi(absl::StripSuffix(rest, "kB"), &kilobytes)) return kilobytes * 1024;
  }
  return std::nullopt;
}

double RunnableCpus() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) return CPU_COUNT(&mask);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

MachineLimits ReadMachineLimits(const std::string& root) {
  MachineLimits limits;
  limits.cpus = RunnableCpus();
  limits.memory_bytes = ReadKilobytes(root + "/proc/meminfo", "MemTotal")
                            .value_or(std::numeric_limits<int64_t>::max());
  LimitByCgroups(root, &limits);
  return limits;
}

int DefaultSlots(const MachineLimits& limits) { return std::max(1, static_cast<int>(limits.cpus)); }

int64_t DefaultMemoryBytes(const MachineLimits& limits) { return limits.memory_bytes / 5 * 4; }

std::string MachineId() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  const std::string boot = ReadOrEmpty("/proc/sys/kernel/random/boot_id");
  return absl::StrCat(host, "/", absl::StripAsciiWhitespace(boot));
}

int64_t ResidentBytes() {
  const std::vector<std::string> fields = absl::StrSplit(ReadOrEmpty("/proc/self/statm"), ' ');
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * sysconf(_SC_PAGESIZE);
}

int64_t PeakResidentBytes() {
  return ReadKilobytes("/proc/self/status", "VmHWM").value_or(ResidentBytes());
}

}  // namespace weir
