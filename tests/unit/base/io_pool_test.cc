#include "base/io_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <numeric>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace weir {
namespace {

TEST(IoPoolTest, FinishesQueuedWorkBeforeItGoes) {
  std::atomic<int> done{0};
  {
    auto pool = MakeIoPool("test", 3);
    for (int i = 0; i < 1000; ++i) pool->Run([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(IoPoolTest, RunsWorkThatWorkQueuesWhileItGoes) {
  std::atomic<int> done{0};
  {
    auto pool = MakeIoPool("test", 2);
    IoPool* const p = pool.get();
    std::function<void(int)> chain = [&](int left) {
      ++done;
      if (left > 0) p->Run([&, left] { chain(left - 1); });
    };
    pool->Run([&] { chain(100); });
    pool.reset();
  }
  EXPECT_EQ(done, 101);
}

TEST(IoPoolTest, RunsOnAllItsThreads) {
  auto pool = MakeIoPool("test", 2);
  absl::Notification first_runs, second_ran;
  pool->Run([&] {
    first_runs.Notify();
    second_ran.WaitForNotification();
  });
  pool->Run([&] {
    first_runs.WaitForNotification();
    second_ran.Notify();
  });
  second_ran.WaitForNotification();
}

TEST(IoPoolTest, InlineRunsAtOnce) {
  auto pool = MakeInlineIoPool();
  bool ran = false;
  pool->Run([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(StrandTest, KeepsOrderAndNeverOverlaps) {
  constexpr int kPieces = 2000;
  std::vector<int> order;
  std::atomic<int> running{0};
  std::atomic<bool> overlapped{false};
  {
    auto pool = MakeIoPool("test", 4);
    Strand strand(pool.get());
    for (int i = 0; i < kPieces; ++i) {
      strand.Run([&, i] {
        if (++running != 1) overlapped = true;
        order.push_back(i);
        --running;
      });
    }
    pool.reset();
  }
  std::vector<int> expected(kPieces);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
  EXPECT_FALSE(overlapped);
}

TEST(StrandTest, BlockedStrandLeavesTheOthersAlone) {
  auto pool = MakeIoPool("test", 2);
  Strand blocked(pool.get());
  Strand free_one(pool.get());
  absl::Notification release, done;
  blocked.Run([&] { release.WaitForNotification(); });
  free_one.Run([&] { done.Notify(); });
  done.WaitForNotification();
  release.Notify();
}

TEST(StrandTest, WorkOutlivesTheStrand) {
  std::atomic<int> done{0};
  absl::Notification release;
  auto pool = MakeIoPool("test", 1);
  {
    Strand strand(pool.get());
    strand.Run([&] { release.WaitForNotification(); });
    for (int i = 0; i < 50; ++i) strand.Run([&] { ++done; });
  }
  release.Notify();
  pool.reset();
  EXPECT_EQ(done, 50);
}

TEST(StrandTest, TakesWorkFromItsOwnWorkOnAnInlinePool) {
  auto pool = MakeInlineIoPool();
  Strand strand(pool.get());
  std::vector<int> order;
  strand.Run([&] {
    strand.Run([&] { order.push_back(2); });
    order.push_back(1);
  });
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(IoPoolTest, RunForEachDoesAllWithFreeThreadsOrWithout) {
  auto pool = MakeIoPool("test", 2);
  for (IoPool* io : {pool.get(), static_cast<IoPool*>(nullptr)}) {
    std::vector<std::atomic<int>> done(100);
    EXPECT_TRUE(RunForEach(io, done.size(), [&](size_t i) {
                  ++done[i];
                  return absl::OkStatus();
                }).ok());
    for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
  }
}

// More work than threads, each waiting for work of its own on the same pool.
TEST(IoPoolTest, RunForEachMayRunWithinItself) {
  auto pool = MakeIoPool("test", 2);
  std::atomic<int> done{0};
  absl::Notification over;
  pool->Run([&] {
    EXPECT_TRUE(RunForEach(pool.get(), 8, [&](size_t) {
                  return RunForEach(pool.get(), 8, [&](size_t) {
                    ++done;
                    return absl::OkStatus();
                  });
                }).ok());
    over.Notify();
  });
  over.WaitForNotification();
  EXPECT_EQ(done, 64);
}

TEST(IoPoolTest, RunForEachEndsWithTheFirstError) {
  std::vector<size_t> begun;
  const absl::Status status = RunForEach(nullptr, 10, [&](size_t i) {
    begun.push_back(i);
    return i == 2 ? absl::DataLossError("third") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::DataLossError("third"));
  EXPECT_EQ(begun.size(), 3u);
}

}  // namespace
}  // namespace weir
