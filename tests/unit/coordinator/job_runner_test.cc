#include "coordinator/job_runner.h"

#include "absl/synchronization/notification.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "coordinator/event_loop.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

// Each timer that fires sets the next one, so one too many would tick for as long as the job lives.
TEST(JobRunnerTest, EventsDontMultiplyTimers) {
  constexpr int64_t kSettleUs = 300'000;
  TemporaryDirectory directory;
  auto blobs = OpenBlobStore(directory.path());
  ASSERT_TRUE(blobs.ok());
  auto metrics = MakeMetrics();
  auto pool = MakeInlineIoPool();
  WorkerRegistry registry("");
  CommitDriver commits(pool.get(), nullptr, SystemClock());
  EventLoop loop(SystemClock());
  JobRunnerDeps deps;
  deps.loop = &loop;
  deps.pool = pool.get();
  deps.blobs = blobs->get();
  deps.registry = &registry;
  deps.commits = &commits;
  deps.clock = SystemClock();
  deps.random = SystemRandom();
  deps.metrics = metrics.get();
  deps.workers = [](const JobId&) { return std::vector<WorkerView>(); };
  deps.changed = [](const JobId&) {};
  std::unique_ptr<JobRunner> runner;
  int ticks = 0;
  deps.deliver = [&](const JobId&, JobEvent event) {
    ++ticks;
    runner->Handle(event);
  };

  JobLogState log;
  ASSERT_TRUE(Apply(1, TestRecord("spec", TestSpec()), &log).ok());
  JobMachineOptions options;
  options.takeover_settle_us = kSettleUs;
  absl::Notification settled;
  loop.Run([&] {
    runner = std::make_unique<JobRunner>(&deps, "activity-1", log, /*took_over=*/true, options);
    for (int i = 0; i < 50; ++i) runner->Tick();
    loop.PostAt(SystemClock()->MonotonicMicros() + kSettleUs + 1, [&] { settled.Notify(); });
  });
  settled.WaitForNotification();
  loop.Run([&] { EXPECT_EQ(ticks, 1); });
  loop.Stop();
}

}  // namespace
}  // namespace weir
