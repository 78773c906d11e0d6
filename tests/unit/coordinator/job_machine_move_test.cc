// Planned moves: another parallelism, workers that drain or join. Each goes through a checkpoint of
// its own and a new generation.
#include <algorithm>
#include <set>

#include "coordinator/job_machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000;

std::set<std::string> WorkersOf(const JobMachine& machine) {
  std::set<std::string> ids;
  for (const SlotRef& slot : machine.placement()) ids.insert(slot.worker_id);
  return ids;
}

StartedRecord TakeStarted(JobHarness& job) {
  const LogRecord record = job.AppendOk();
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(record.body));
  return std::holds_alternative<StartedRecord>(record.body) ? std::get<StartedRecord>(record.body)
                                                            : StartedRecord();
}

TEST(JobMachineMoveTest, RescalesBehindACheckpointOfItsOwn) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp(3);
  EXPECT_EQ(job.machine->log().parallelism, 4);
  job.Send(RescaleRequestedEvent{2});
  EXPECT_EQ(job.machine->rescaling_to(), 2);
  EXPECT_THAT(job.machine->warnings(), ElementsAre(HasSubstr("from 4 to 2")));
  const auto trigger = job.Expect<TriggerAction>("at once, not at the next interval");
  EXPECT_FALSE(trigger.last);
  job.AllDurable(trigger, 70);
  EXPECT_EQ(job.Take<CancelTasksAction>(), std::nullopt) << "before the checkpoint is published";
  const auto published = std::get<Manifest>(job.AppendOk().body);
  job.Expect<CancelTasksAction>();
  EXPECT_TRUE(job.Expect<RestartNote>().planned);
  const StartedRecord started = TakeStarted(job);
  EXPECT_EQ(started.parallelism, 2);
  EXPECT_THAT(started.reason, HasSubstr("parallelism changes from 4 to 2"));
  EXPECT_EQ(job.machine->rescaling_to(), std::nullopt);
  EXPECT_FALSE(job.machine->running());
  const DeployAction deploy = job.FinishDeploy();
  EXPECT_TRUE(job.machine->running());
  EXPECT_EQ(deploy.parallelism, 2);
  EXPECT_EQ(deploy.tasks.size(), 4u);
  EXPECT_EQ(published.positions.size(), 3u);
  for (const auto& [partition, offset] : job.next_offset) EXPECT_EQ(offset, 70) << partition;
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
  EXPECT_THAT(job.machine->warnings(), IsEmpty());
}

TEST(JobMachineMoveTest, ACheckpointTriggeredBeforeTheRequestDoesNotDo) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Pass(kSecond);
  const auto before = job.Expect<TriggerAction>();
  job.Send(RescaleRequestedEvent{3});
  EXPECT_EQ(job.Take<TriggerAction>(), std::nullopt) << "one at a time";
  job.AllCaptured(before);
  const auto own = job.Expect<TriggerAction>();
  job.AllDurable(before, 10);
  job.AppendOk();
  EXPECT_TRUE(job.machine->running());
  job.AllDurable(own, 20);
  job.AppendOk();
  EXPECT_FALSE(job.machine->running());
  EXPECT_EQ(TakeStarted(job).parallelism, 3);
}

TEST(JobMachineMoveTest, AFailureOnTheWayStartsWithTheNewParallelism) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{3});
  job.Expect<TriggerAction>();
  job.LoseWorker("b");
  job.Pass(kSecond);
  EXPECT_EQ(TakeStarted(job).parallelism, 3) << "its tasks share the slots that are left";
  EXPECT_EQ(WorkersOf(*job.machine), std::set<std::string>{"a"});
}

TEST(JobMachineMoveTest, ACrashBeforeTheRecordLeavesTheOldParallelism) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{2});
  job.PublishAt(5);
  JobLogState log = job.machine->log();
  job.Boot(log, /*took_over=*/true);
  job.Pass(5 * kSecond);
  EXPECT_EQ(TakeStarted(job).parallelism, 4);
  EXPECT_EQ(job.FinishDeploy().parallelism, 4);
}

TEST(JobMachineMoveTest, ACrashBehindTheRecordLeavesTheNewParallelism) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{2});
  job.PublishAt(5);
  TakeStarted(job);
  JobLogState log = job.machine->log();
  job.Boot(log, /*took_over=*/true);
  job.Pass(5 * kSecond);
  EXPECT_EQ(TakeStarted(job).parallelism, 2);
}

TEST(JobMachineMoveTest, ARequestWhileDeployingIsCarriedOutOnceTasksRun) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.AppendOk();
  job.Send(RescaleRequestedEvent{1});
  job.Describe(2);
  job.AppendOk();
  job.FinishDeploy();
  job.PublishAt(9);
  EXPECT_EQ(TakeStarted(job).parallelism, 1);
}

TEST(JobMachineMoveTest, ARequestWhileTheStartIsBeingRecordedIsNotForgotten) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.Send(RescaleRequestedEvent{1});  // its STARTED record of 4 is in flight
  EXPECT_EQ(TakeStarted(job).parallelism, 4);
  EXPECT_EQ(job.machine->rescaling_to(), 1);
}

TEST(JobMachineMoveTest, AWaitingJobStartsWithTheParallelismThatItIsGiven) {
  JobSpec spec = TestSpec();
  spec.plan.settings.parallelism = 5;
  JobHarness job(spec);
  job.AddWorkers({"a"});
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job.machine->reason(), HasSubstr("weir job rescale"));
  job.Send(RescaleRequestedEvent{2});
  EXPECT_EQ(TakeStarted(job).parallelism, 2);
}

TEST(JobMachineMoveTest, TheSameParallelismMovesNothing) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{4});
  EXPECT_EQ(job.machine->rescaling_to(), std::nullopt);
  EXPECT_EQ(job.Take<TriggerAction>(), std::nullopt);
}

TEST(JobMachineMoveTest, AStopComesBeforeAMove) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{2});
  const auto own = job.Expect<TriggerAction>();
  job.AllCaptured(own);
  job.Send(StopRequestedEvent());
  const auto last = job.Expect<TriggerAction>();
  EXPECT_TRUE(last.last);
  job.AllDurable(own, 5);
  job.AppendOk();
  EXPECT_TRUE(job.machine->running()) << "the move is off";
  job.AllDurable(last, 6);
  job.AppendOk();
  EXPECT_EQ(job.machine->state(), JobState::kStopping);
  job.Send(RescaleRequestedEvent{3});
  EXPECT_EQ(job.machine->rescaling_to(), 2) << "an ending job takes no request";
}

TEST(JobMachineMoveTest, ARescaleCheckpointThatTimesOutIsTakenAgain) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Send(RescaleRequestedEvent{2});
  const auto lost = job.Expect<TriggerAction>();
  job.AllCaptured(lost);
  job.Pass(601 * kSecond);
  job.Expect<CheckpointFailedNote>();
  job.PublishAt(8);
  EXPECT_EQ(TakeStarted(job).parallelism, 2);
}

TEST(JobMachineMoveTest, TasksLeaveAWorkerThatDrainsAndTheOthersStay) {
  JobHarness job;
  job.AddWorkers({"a", "b", "c"});
  JobSpec spec = TestSpec();
  job.RunUp(6);
  const std::vector<SlotRef> before = job.machine->placement();
  job.Drain("b");
  EXPECT_THAT(job.machine->warnings(), ElementsAre(HasSubstr("worker addr-b drains")));
  job.PublishAt(11);
  EXPECT_THAT(TakeStarted(job).reason, HasSubstr("addr-b drains"));
  job.FinishDeploy();
  EXPECT_EQ(WorkersOf(*job.machine), (std::set<std::string>{"a", "c"}));
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].worker_id == "b") continue;
    EXPECT_EQ(job.machine->placement()[i].worker_id, before[i].worker_id) << i;
    EXPECT_EQ(job.machine->placement()[i].slot, before[i].slot) << i;
  }
  EXPECT_EQ(job.Take<TriggerAction>(), std::nullopt) << "it has moved";
}

TEST(JobMachineMoveTest, TheLastWorkerThatDrainsParksTheJob) {
  JobHarness job;
  job.AddWorkers({"a"});
  job.RunUp();
  job.Drain("a");
  job.PublishAt(33);
  EXPECT_TRUE(job.machine->placement().empty());
  job.Pass(kSecond);
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job.machine->reason(), HasSubstr("every registered worker drains"));
  job.LoseWorker("a");
  EXPECT_THAT(job.machine->reason(), HasSubstr("no worker is registered"));
  job.AddWorkers({"b"});
  EXPECT_EQ(TakeStarted(job).parallelism, 2);
  job.FinishDeploy();
  EXPECT_EQ(job.next_offset.at(0), 33) << "nothing is read again";
}

TEST(JobMachineMoveTest, ADrainingWorkerThatLeavesEarlyIsALostOne) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.Drain("b");
  job.Expect<TriggerAction>();
  job.LoseWorker("b");
  job.Pass(kSecond);
  EXPECT_THAT(TakeStarted(job).reason, HasSubstr("lost"));
  job.FinishDeploy();
  EXPECT_EQ(WorkersOf(*job.machine), std::set<std::string>{"a"});
}

TEST(JobMachineMoveTest, TasksThatShareSlotsSpreadToAWorkerThatJoins) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.LoseWorker("b");
  job.Pass(kSecond);
  TakeStarted(job);
  job.FinishDeploy();
  job.Pass(JobMachineOptions().first_checkpoint_us);
  job.AllDurable(job.Expect<TriggerAction>("soon after the loss"), 1);
  job.AppendOk();
  job.AddWorkers({"c"});
  job.pending.clear();
  job.Pass(kSecond / 2);
  EXPECT_EQ(job.Take<TriggerAction>(), std::nullopt) << "more may join; it has just moved";
  job.Pass(28 * kSecond);
  const auto interval = job.Expect<TriggerAction>();
  job.AllDurable(interval, 5);
  job.AppendOk();
  EXPECT_TRUE(job.machine->running());
  job.Pass(2 * kSecond);
  job.PublishAt(6);
  EXPECT_THAT(TakeStarted(job).reason, HasSubstr("shared slots"));
  job.FinishDeploy();
  EXPECT_EQ(WorkersOf(*job.machine), (std::set<std::string>{"a", "c"}));
}

TEST(JobMachineMoveTest, NothingSpreadsWhenTheWorkerHasLeftAgain) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.LoseWorker("b");
  job.Pass(kSecond);
  TakeStarted(job);
  job.FinishDeploy();
  job.AddWorkers({"c"});
  job.pending.clear();
  job.Pass(31 * kSecond);
  const auto own = job.Expect<TriggerAction>();
  job.LoseWorker("c");
  job.AllDurable(own, 5);
  job.AppendOk();
  EXPECT_TRUE(job.machine->running());
}

TEST(JobMachineMoveTest, AWorkerThatJoinsNeedlesslyMovesNothing) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.AddWorkers({"c"});
  job.Pass(100 * kSecond);
  job.PublishAt(5);
  EXPECT_TRUE(job.machine->running());
}

// RisingWave #21142: recovery used only the workers that were there when it began.
TEST(JobMachineMoveTest, AWorkerThatJoinsMidRecoveryIsUsed) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp();
  job.LoseWorker("b");
  job.Pass(kSecond);
  const auto started = job.Expect<AppendAction>();
  job.AddWorkers({"c"});  // while the record is on its way
  job.Send(AppendedEvent{absl::OkStatus(), job.machine->log().tail + 1});
  job.FinishDeploy();
  EXPECT_EQ(WorkersOf(*job.machine), (std::set<std::string>{"a", "c"}));
}

TEST(JobMachineMoveTest, NewTasksAvoidAWorkerThatDrains) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.Drain("b");
  job.AppendOk();
  job.Describe(2);
  job.AppendOk();
  job.FinishDeploy();
  EXPECT_EQ(WorkersOf(*job.machine), std::set<std::string>{"a"});
}

}  // namespace
}  // namespace weir
