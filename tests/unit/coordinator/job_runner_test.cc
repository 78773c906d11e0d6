#include "coordinator/job_runner.h"

#include "absl/synchronization/notification.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "coordinator/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSettleUs = 300'000;

// Runs what is queued when the test says so.
class QueuedPool : public IoPool {
 public:
  void Run(std::function<void()> work) override { queue.push_back(std::move(work)); }
  std::vector<std::function<void()>> queue;
};

// A runner of a job that was read from its log, with a loop of its own and without workers.
class JobRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto blobs = OpenBlobStore(directory_.path());
    ASSERT_TRUE(blobs.ok());
    blobs_ = *std::move(blobs);
    deps_.loop = &loop_;
    deps_.pool = pool_.get();
    deps_.slow = pool_.get();
    deps_.blobs = blobs_.get();
    deps_.registry = &registry_;
    deps_.commits = &commits_;
    deps_.clock = SystemClock();
    deps_.random = SystemRandom();
    deps_.metrics = metrics_.get();
    deps_.workers = [](const JobId&) { return std::vector<WorkerView>(); };
    deps_.changed = [](const JobId&) {};
    deps_.reread = [](const JobId&, int64_t) {};
    deps_.deliver = [this](const RunnerRef&, JobEvent event) {
      ++delivered_;
      if (runner_) runner_->Handle(event);
    };
    JobLogState log;
    ASSERT_TRUE(Apply(1, TestRecord("spec", TestSpec()), &log).ok());
    JobMachineOptions options;
    options.takeover_settle_us = kSettleUs;
    loop_.Run([&] {
      runner_ = std::make_unique<JobRunner>(&deps_, "activity-1", log, /*took_over=*/true, options);
    });
  }
  void TearDown() override {
    loop_.Run([this] { runner_.reset(); });
    loop_.Stop();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
  std::unique_ptr<IoPool> pool_ = MakeInlineIoPool();
  WorkerRegistry registry_{""};
  CommitDriver commits_{pool_.get(), nullptr, SystemClock()};
  EventLoop loop_{SystemClock()};
  JobRunnerDeps deps_;
  std::unique_ptr<JobRunner> runner_;
  int delivered_ = 0;
};

// Each timer that fires sets the next one, so one too many would tick for as long as the job lives.
TEST_F(JobRunnerTest, EventsDontMultiplyTimers) {
  absl::Notification settled;
  loop_.Run([&] {
    for (int i = 0; i < 50; ++i) runner_->Tick();
    loop_.PostAt(SystemClock()->MonotonicMicros() + kSettleUs + 1, [&] { settled.Notify(); });
  });
  settled.WaitForNotification();
  loop_.Run([&] { EXPECT_EQ(delivered_, 1); });
}

TEST_F(JobRunnerTest, CountsCommitsOfOthersThatCameBetween) {
  loop_.Run([&] {
    CommitDoneEvent event;
    event.epoch = Epoch{2};
    event.result = CommitResult{/*table_version=*/7, /*already_there=*/false, /*rebases=*/3};
    runner_->Handle(event);
  });
  EXPECT_THAT(metrics_->Serialize(),
              HasSubstr("weir_commit_conflicts_total{job=\"activity-1\",sink=\"activity\"} 3"));
}

TEST_F(JobRunnerTest, CountsWritesOfUnknownOutcome) {
  loop_.Run([&] {
    CommitDoneEvent event;
    event.epoch = Epoch{2};
    event.result = CommitResult{7, false, 0, /*unknowns=*/2};  // found out in the end
    runner_->Handle(event);
    event.result = absl::UnknownError("the answer was lost");
    runner_->Handle(event);
    event.result = absl::UnavailableError("nothing happened");
    runner_->Handle(event);
  });
  EXPECT_THAT(
      metrics_->Serialize(),
      HasSubstr("weir_commit_unknown_outcomes_total{job=\"activity-1\",sink=\"activity\"} 3"));
}

TEST_F(JobRunnerTest, ShowsTheAgeOfATableThatWasNeverCommitted) {
  loop_.Run([&] { runner_->UpdateGauges(); });
  EXPECT_THAT(metrics_->Serialize(),
              HasSubstr("weir_table_freshness_seconds{job=\"activity-1\",sink=\"activity\"} 0"));
}

TEST_F(JobRunnerTest, ShowsWhatTheJobAsksFor) {
  loop_.Run([&] { runner_->UpdateGauges(); });
  const std::string served = metrics_->Serialize();
  EXPECT_THAT(served, HasSubstr("weir_checkpoint_interval_seconds{job=\"activity-1\"} 1\n"));
  // The longer of the checkpoint interval and the table's freshness interval.
  EXPECT_THAT(served, HasSubstr("weir_table_commit_interval_seconds{job=\"activity-1\","
                                "sink=\"activity\"} 60"));
  EXPECT_THAT(served, HasSubstr("weir_restarts_total{job=\"activity-1\"} 0"));
}

TEST_F(JobRunnerTest, CountsJobsGivenUpToAnotherCoordinator) {
  // Somebody else's record stands where the end of the cancelled job should.
  ASSERT_TRUE(blobs_
                  ->PutIfAbsent("jobs/activity-1/log/00000000000000000002",
                                EncodeLogRecord(TestRecord("theirs", StartedRecord())))
                  .ok());
  loop_.Run([&] { runner_->Handle(CancelRequestedEvent()); });
  loop_.Run([&] { EXPECT_THAT(metrics_->Serialize(), HasSubstr("weir_fenced_total 1")); });
}

// It may copy much: appends and commits have the other pool to themselves.
TEST_F(JobRunnerTest, AnImportHasAPoolOfItsOwnAndIsNotBegunForNobody) {
  QueuedPool slow, of_commits;
  CommitDriver commits(&of_commits, nullptr, SystemClock());
  loop_.Run([&] {
    deps_.slow = &slow;
    deps_.commits = &commits;
    deps_.describe = [](const JobId&, const DescribeSourceAction&) {};
    deps_.workers = [](const JobId&) { return std::vector<WorkerView>{{"w", "addr", 2, {0, 0}}}; };
    JobSpec spec = TestSpec();
    JobOrigin origin;
    origin.job = "activity-1";
    origin.epoch = Epoch(3);
    spec.origin = std::make_shared<const JobOrigin>(origin);
    JobLogState log;
    ASSERT_TRUE(Apply(1, TestRecord("spec", spec), &log).ok());
    runner_ = std::make_unique<JobRunner>(&deps_, "fork-1", log, /*took_over=*/false,
                                          JobMachineOptions());
    runner_->Tick();
    ASSERT_EQ(slow.queue.size(), 1u);
    const int before = delivered_;
    slow.queue[0]();
    EXPECT_GT(delivered_, before) << "the answer";
    const int after = delivered_;
    runner_.reset();
    slow.queue[0]();
    EXPECT_EQ(delivered_, after);
  });
}

}  // namespace
}  // namespace weir
