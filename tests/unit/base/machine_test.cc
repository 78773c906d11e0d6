#include "base/machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

class MachineTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::string full = root_ / path;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full) << text;
  }
  MachineLimits Read() { return ReadMachineLimits(root_.path()); }

  TemporaryDirectory root_;
};

TEST_F(MachineTest, TakesTheMachineWithoutCgroups) {
  Write("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
  const MachineLimits limits = Read();
  EXPECT_EQ(limits.memory_bytes, 16384 * 1024);
  EXPECT_GE(limits.cpus, 1);
}

TEST_F(MachineTest, TakesTheSmallestLimitOfV2Groups) {
  Write("proc/meminfo", "MemTotal: 16384 kB\n");
  Write("proc/self/cgroup", "0::/pod/worker\n");
  Write("sys/fs/cgroup/pod/worker/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/worker/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/pod/memory.max", "1048576\n");
  Write("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
  const MachineLimits limits = Read();
  EXPECT_EQ(limits.memory_bytes, 1048576);
  EXPECT_DOUBLE_EQ(limits.cpus, 0.5);
}

TEST_F(MachineTest, FindsV2LimitsAtTheTopOfAContainer) {
  Write("proc/meminfo", "MemTotal: 16384 kB\n");
  Write("proc/self/cgroup", "0::/docker/abc\n");  // a path of the host, not visible here
  Write("sys/fs/cgroup/memory.max", "4194304\n");
  EXPECT_EQ(Read().memory_bytes, 4194304);
}

TEST_F(MachineTest, ReadsV1) {
  Write("proc/meminfo", "MemTotal: 16384 kB\n");
  Write("proc/self/cgroup", "5:memory:/pod\n3:cpu,cpuacct:/pod\n1:name=systemd:/\n");
  Write("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "2097152\n");
  Write("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "25000\n");
  Write("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n");
  const MachineLimits limits = Read();
  EXPECT_EQ(limits.memory_bytes, 2097152);
  EXPECT_DOUBLE_EQ(limits.cpus, 0.25);
}

TEST_F(MachineTest, IgnoresUnlimitedV1Groups) {
  Write("proc/meminfo", "MemTotal: 16384 kB\n");
  Write("proc/self/cgroup", "5:memory:/\n3:cpu,cpuacct:/\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const MachineLimits limits = Read();
  EXPECT_EQ(limits.memory_bytes, 16384 * 1024);
  EXPECT_GE(limits.cpus, 1);
}

TEST(MachineDefaultsTest, LeaveRoom) {
  EXPECT_EQ(DefaultSlots({0.5, 0}), 1);
  EXPECT_EQ(DefaultSlots({3.9, 0}), 3);
  EXPECT_EQ(DefaultMemoryBytes({1, 1000}), 800);
}

TEST(ResidentSetTest, GrowsWithMemoryThatIsTouched) {
  const int64_t before = ResidentBytes();
  ASSERT_GT(before, 0);
  std::vector<char> block(64 << 20, 1);
  EXPECT_GT(ResidentBytes(), before + (32 << 20));
  EXPECT_GE(PeakResidentBytes(), ResidentBytes() - (1 << 20));
  EXPECT_EQ(block[12345], 1);
}

}  // namespace
}  // namespace weir
