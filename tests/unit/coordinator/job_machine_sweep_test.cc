// When a job's machine has its tables rid of what fenced generations left there.
#include "coordinator/job_machine.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000;

class JobMachineSweepTest : public ::testing::Test {
 protected:
  JobMachineSweepTest() : job_(Spec()) {
    job_.AddWorker("0", 2, "addr");
    job_.RunUp();
  }
  static JobSpec Spec() {
    JobSpec spec = TestSpec();
    OperatorSpec sink;
    sink.id = "sink";
    sink.op = SinkOp{.sink = 0};
    spec.plan.vertices[1].operators.push_back(sink);
    return spec;
  }

  // Commits and records what is due.
  bool Answer() {
    if (const auto commit = job_.Take<CommitAction>()) {
      job_.Send(CommitDoneEvent{commit->sink, commit->epoch, CommitResult{1, false, 0}});
      return true;
    }
    for (const JobAction& action : job_.pending) {
      if (!std::holds_alternative<AppendAction>(action)) continue;
      job_.AppendOk();
      return true;
    }
    return false;
  }
  // The worker's process dies, and the next generation runs until it may look at the table.
  RemoveAbandonedFilesAction NextSweep() {
    while (Answer()) continue;
    std::erase_if(job_.pending, [](const JobAction& action) {
      return std::holds_alternative<TriggerAction>(action);
    });
    job_.LoseWorker(std::to_string(worker_));
    job_.AddWorker(std::to_string(++worker_), 2, "addr");
    while (Answer()) continue;
    job_.FinishDeploy();
    job_.Pass(kSecond);
    job_.PublishAt(offset_ += 10);
    for (int i = 0; i < 100; ++i) {
      if (const auto sweep = job_.Take<RemoveAbandonedFilesAction>()) return *sweep;
      if (!Answer()) job_.Pass(kSecond);
    }
    ADD_FAILURE() << "no sweep";
    return {};
  }
  Generation Now() { return job_.machine->log().generation; }

  JobHarness job_;
  int worker_ = 0;
  int64_t offset_ = 0;
};

TEST_F(JobMachineSweepTest, AGenerationIsLookedForAgainUntilItIsLongGone) {
  const Generation first = Now();
  const auto sweep = NextSweep();
  EXPECT_EQ(sweep.from, Generation());
  EXPECT_LE(sweep.before, first) << "a worker of the first may still complete a file";
  job_.Send(TableSweptEvent{sweep.sink, sweep.before});
  const Generation second = Now();
  job_.Pass(700 * kSecond);
  const auto again = NextSweep();
  EXPECT_LE(again.from, first);
  EXPECT_EQ(again.before, second);
  job_.Send(TableSweptEvent{again.sink, again.before});
  EXPECT_EQ(NextSweep().from, second) << "nothing is left of the first";
}

TEST_F(JobMachineSweepTest, OneThatFailedIsDoneByTheNextGeneration) {
  const Generation first = Now();
  job_.Pass(700 * kSecond);
  NextSweep();  // not answered
  job_.Pass(700 * kSecond);
  EXPECT_LE(NextSweep().from, first);
}

TEST_F(JobMachineSweepTest, TheEndLooksForAllOnceMore) {
  job_.Pass(700 * kSecond);
  NextSweep();
  job_.Pass(700 * kSecond);
  const auto sweep = NextSweep();
  job_.Send(TableSweptEvent{sweep.sink, sweep.before});
  EXPECT_GT(sweep.before, Generation());
  while (Answer()) continue;
  job_.Send(CancelRequestedEvent());
  while (Answer()) continue;
  EXPECT_EQ(job_.Expect<RemoveAbandonedFilesAction>().from, Generation());
}

}  // namespace
}  // namespace weir
