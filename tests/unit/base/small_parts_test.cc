// Clock, random numbers, memory budget, log, files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/memory_share.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(ClockTest, MonotonicNeverGoesBack) {
  int64_t last = SystemClock()->MonotonicMicros();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = SystemClock()->MonotonicMicros();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(SystemClock()->WallMicros(), 1'700'000'000'000'000);
}

TEST(ClockDeathTest, JumpsWithTheFileThatTheEnvironmentNames) {
  const std::string path = testing::TempDir() + "/clock_offset";
  EXPECT_EXIT(
      {
        setenv("WEIR_TEST_CLOCK_OFFSET_FILE", path.c_str(), 1);
        const int64_t without = SystemClock()->WallMicros();
        const int64_t monotonic = SystemClock()->MonotonicMicros();
        std::ofstream(path) << -3'600'000'000;
        const int64_t back = SystemClock()->WallMicros() - without;
        std::remove(path.c_str());
        const bool jumped = back > -3'600'000'000 && back < -3'000'000'000;
        const bool returned = SystemClock()->WallMicros() >= without;
        exit(jumped && returned && SystemClock()->MonotonicMicros() >= monotonic ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(RandomTest, SeedsRepeat) {
  auto a = SeededRandom(7), b = SeededRandom(7), c = SeededRandom(8);
  const uint64_t first = a->Next();
  EXPECT_EQ(first, b->Next());
  EXPECT_NE(first, c->Next());
}

TEST(RandomTest, MakesVersion4Uuids) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string uuid = MakeUuid(*SystemRandom());
    EXPECT_THAT(uuid, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                   "[0-9a-f]{12}"));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(RandomTest, MakesHexOfAnyLength) {
  auto random = SeededRandom(1);
  for (const int digits : {0, 1, 16, 17, 40})
    EXPECT_THAT(RandomHex(*random, digits),
                MatchesRegex("[0-9a-f]{" + std::to_string(digits) + "}"));
}

TEST(MemoryBudgetTest, RefusesBeyondTheLimit) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.Reserve(60));
  EXPECT_FALSE(budget.Reserve(41));
  EXPECT_EQ(budget.used(), 60);
  EXPECT_TRUE(budget.Reserve(40));
  EXPECT_FALSE(budget.Reserve(1));
  EXPECT_FALSE(budget.Reserve(INT64_MAX));
  EXPECT_TRUE(budget.Reserve(-100));
  EXPECT_EQ(budget.used(), 0);
}

TEST(MemoryBudgetTest, NeverPassesTheLimitUnderContention) {
  MemoryBudget budget(1000);
  std::atomic<int64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j)
        if (budget.Reserve(7)) taken += 7;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 994);
  EXPECT_EQ(budget.used(), 994);
}

TEST(MemoryBudgetTest, WhatExistsAlreadyMayPassTheLimitAndHoldsOthersBack) {
  MemoryBudget budget(100);
  budget.Take(130);
  EXPECT_EQ(budget.used(), 130);
  EXPECT_TRUE(budget.full());
  EXPECT_FALSE(budget.Reserve(1));
  budget.Take(-60);
  EXPECT_TRUE(budget.Reserve(30));
  EXPECT_FALSE(budget.Reserve(1));
}

TEST(MemoryShareTest, HoldsWhatWasGrantedAndGivesItBack) {
  MemoryBudget budget(1 << 20);
  {
    MemoryShare one(&budget), other(&budget);
    EXPECT_EQ(one.fair(), 1 << 19);
    EXPECT_TRUE(one.Resize(700'000));
    EXPECT_GE(budget.used(), 700'000);
    EXPECT_FALSE(other.Resize(400'000));
    EXPECT_EQ(other.held(), 0);
    other.Take(400'000);
    EXPECT_GE(budget.used(), 1'100'000);
    EXPECT_FALSE(one.Resize(800'000));
    EXPECT_GE(one.held(), 700'000);
    EXPECT_TRUE(one.Resize(1));  // shrinking is always granted
  }
  EXPECT_EQ(budget.used(), 0);
  EXPECT_EQ(budget.fair_share(), 1 << 20);
}

TEST(MemoryShareTest, WithoutABudgetEverythingIsGranted) {
  MemoryShare share(nullptr);
  EXPECT_TRUE(share.Resize(int64_t{1} << 50));
}

TEST(LogTest, PrintsOneLinePerCall) {
  ::testing::internal::CaptureStderr();
  WEIR_LOG(kInfo, "checkpoint published", {"job", "a-1"}, {"epoch", 12});
  WEIR_LOG(kDebug, "not shown");
  WEIR_LOG(kError, "bad row", {"error", "line 1\nline \"2\""}, {"empty", ""});
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z INFO "
                                  "checkpoint published job=a-1 epoch=12\n.*"));
  EXPECT_THAT(lines, HasSubstr("ERROR bad row error=\"line 1\\nline \\\"2\\\"\" empty=\"\"\n"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
}

TEST(LogTest, NamesItsThread) {
  ::testing::internal::CaptureStderr();
  std::thread([] {
    SetThreadName("slot/0");
    WEIR_LOG(kInfo, "hello");
  }).join();
  WEIR_LOG(kInfo, "main");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex(".* INFO hello thread=slot/0\n.* INFO main\n"));
}

TEST(CheckDeathTest, SaysWhatBroke) {
  const int epoch = 3;
  EXPECT_DEATH(WEIR_CHECK(epoch > 4, "epoch=", epoch), "broken invariant: epoch > 4: epoch=3");
  WEIR_CHECK(epoch == 3);
}

TEST(PosixFileTest, WritesOnceAndReadsBack) {
  TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory / "a/b/c").ok());
  ASSERT_TRUE(WriteNewFile(directory / "a/b/c/file", "bytes").ok());
  EXPECT_EQ(*ReadFile(directory / "a/b/c/file"), "bytes");
  EXPECT_EQ(WriteNewFile(directory / "a/b/c/file", "x").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(MakeDirectories(directory / "a/b/c/file/d").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadFile(directory / "missing").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(CopyToNewFile(directory / "a/b/c/file", directory / "copy").ok());
  EXPECT_EQ(*ReadFile(directory / "copy"), "bytes");
}

TEST(PosixFileTest, ReadsFilesWithoutASize) {
  EXPECT_THAT(*ReadFile("/proc/self/status"), HasSubstr("VmHWM:"));
}

}  // namespace
}  // namespace weir
