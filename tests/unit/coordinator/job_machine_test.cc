#include "coordinator/job_machine.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kSecond = 1'000'000;

template <class Action>
int Count(const JobHarness& job) {
  int count = 0;
  for (const JobAction& action : job.pending) count += std::holds_alternative<Action>(action);
  return count;
}

std::vector<std::string> Paths(const CommitAction& commit) {
  std::vector<std::string> paths;
  for (const StagedFile& file : commit.manifest.staged) paths.push_back(file.path);
  return paths;
}

TEST(JobMachineTest, WaitsForAWorkerAndSaysSo) {
  JobHarness job;
  job.Send(TickEvent());
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job.machine->reason(), HasSubstr("no worker"));
  EXPECT_EQ(Count<AppendAction>(job), 0);
  job.AddWorker("a");
  const LogRecord started = job.AppendOk();
  EXPECT_EQ(std::get<StartedRecord>(started.body).parallelism, 2);
}

TEST(JobMachineTest, AnExplicitParallelismNeedsThatManySlots) {
  JobSpec spec = TestSpec();
  spec.plan.settings.parallelism = 3;
  JobHarness job(spec);
  job.AddWorker("a");
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job.machine->reason(), HasSubstr("parallelism 3 needs as many slots"));
  job.AddWorker("b");
  EXPECT_EQ(std::get<StartedRecord>(job.AppendOk().body).parallelism, 3);
}

TEST(JobMachineTest, RecordsConcreteOffsetsBeforeTheFirstRow) {
  JobHarness job;
  job.AddWorker("a");
  job.AppendOk();
  EXPECT_TRUE(job.Take<DeployAction>() == std::nullopt);
  auto ask = job.Expect<DescribeSourceAction>();
  EXPECT_TRUE(ask.resolve_offsets);
  // Brokers out of reach: waits, asks again, doesn't fail.
  job.Send(SourceDescribedEvent{ask.request, absl::UnavailableError("brokers b: unreachable"), {}});
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_THAT(job.machine->reason(), HasSubstr("unreachable"));
  EXPECT_EQ(Count<DescribeSourceAction>(job), 0);
  job.Pass(kSecond);
  ask = job.Expect<DescribeSourceAction>();
  job.Send(SourceDescribedEvent{ask.request, absl::OkStatus(), {{0, 17, -1}, {1, 4, -1}}});
  const auto manifest = std::get<Manifest>(job.AppendOk().body);
  EXPECT_EQ(manifest.checkpoint, CheckpointId(0));
  EXPECT_THAT(manifest.positions, SizeIs(2));
  const DeployAction deploy = job.FinishDeploy();
  EXPECT_EQ(deploy.epoch, Epoch(3));
  EXPECT_EQ(deploy.generation, Generation(2));
  EXPECT_THAT(deploy.tasks, SizeIs(4));
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
}

TEST(JobMachineTest, StartsOnlyWhenAllWorkersAreReady) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.AppendOk();
  job.Describe(4);
  job.AppendOk();
  const auto deploy = job.Expect<DeployAction>();
  job.Send(DeployedEvent{deploy.generation, "a", ""});
  EXPECT_EQ(Count<StartAction>(job), 0);
  job.Send(DeployedEvent{Generation(1), "b", ""});
  EXPECT_EQ(Count<StartAction>(job), 0);
  job.Send(DeployedEvent{deploy.generation, "b", ""});
  EXPECT_EQ(Count<StartAction>(job), 1);
}

TEST(JobMachineTest, ChecksPointPublishNotifyCommitInThatOrder) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();  // the first epoch, empty
  job.Pass(kSecond);
  const auto trigger = job.Expect<TriggerAction>();
  job.AllDurable(trigger, 10, "f");
  EXPECT_EQ(Count<CommitAction>(job), 0) << "committed before it was published";
  EXPECT_EQ(Count<NotifyPublishedAction>(job), 0);
  const auto manifest = std::get<Manifest>(job.AppendOk().body);
  EXPECT_EQ(manifest.generation, Generation(2));
  EXPECT_EQ(job.Expect<NotifyPublishedAction>().epoch, Epoch(4));
  const CommitAction commit = job.CommitOk();
  EXPECT_EQ(commit.epoch, Epoch(4));
  EXPECT_THAT(commit.manifest.staged, SizeIs(2));
}

TEST(JobMachineTest, TheNextCheckpointWaitsForCaptureNotForDurability) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.Pass(kSecond);
  const auto first = job.Expect<TriggerAction>();
  job.Pass(kSecond);
  EXPECT_EQ(Count<TriggerAction>(job), 0);
  job.AllCaptured(first);
  const auto second = job.Expect<TriggerAction>();
  EXPECT_EQ(second.checkpoint, CheckpointId(2));
}

TEST(JobMachineTest, PublishingOneAbandonsThoseBeforeItAndCarriesTheirFiles) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Pass(kSecond);
  const auto first = job.Expect<TriggerAction>();
  job.AllDurable(first, 10, "one");
  // The append of the first is on its way; two more become durable meanwhile.
  const auto append = job.Expect<AppendAction>();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 20, "two");
  job.Pass(kSecond);
  const auto third = job.Expect<TriggerAction>();
  job.AllDurable(third, 30, "three");
  job.Send(AppendedEvent{absl::OkStatus(), 4});
  const auto manifest = std::get<Manifest>(job.AppendOk().body);
  EXPECT_EQ(manifest.checkpoint, third.checkpoint);
  std::vector<std::string> paths;
  for (const StagedFile& file : manifest.staged) paths.push_back(file.path);
  EXPECT_THAT(paths, testing::UnorderedElementsAre("two-0", "two-1", "three-0", "three-1"));
  // A repeated report of what is published stages nothing again.
  job.AllDurable(third, 30, "three");
  job.Pass(kSecond);
  const auto fourth = job.Expect<TriggerAction>();
  job.AllDurable(fourth, 40, "four");
  EXPECT_THAT(std::get<Manifest>(job.AppendOk().body).staged, SizeIs(2));
}

// Peers, row 9 (iceberg #15846): a checkpoint fails after rows of the next one arrived, and takes
// rows with it.
TEST(JobMachineTest, Row9AFailedCheckpointIsGivenUpButItsFilesAreKept) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.Pass(kSecond);
  const auto first = job.Expect<TriggerAction>();
  job.Send(DurableEvent{first.generation, first.checkpoint,
                        job.Snapshot(job.deployed.tasks[2], 10, "early")});
  job.Pass(601 * kSecond);
  EXPECT_EQ(job.Expect<CheckpointFailedNote>().checkpoint, first.checkpoint);
  const auto second = job.Expect<TriggerAction>();
  for (size_t i = 0; i < job.deployed.tasks.size(); ++i) {
    if (i == 2) continue;
    job.Send(DurableEvent{first.generation, first.checkpoint,
                          job.Snapshot(job.deployed.tasks[i], 10, "late")});
  }
  job.AllDurable(second, 20, "two");
  const auto manifest = std::get<Manifest>(job.AppendOk().body);
  EXPECT_THAT(manifest.staged, SizeIs(4));
}

TEST(JobMachineTest, EmptyEpochsCommitOnlyOncePerFreshnessInterval) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  for (int i = 1; i <= 20; ++i) {
    job.Pass(kSecond);
    job.AllDurable(job.Expect<TriggerAction>(), i);
    job.AppendOk();
  }
  EXPECT_EQ(Count<CommitAction>(job), 0);
  job.Pass(41 * kSecond);
  EXPECT_EQ(job.CommitOk().epoch, job.machine->log().checkpoints.back().epoch);
}

TEST(JobMachineTest, TriggeringPausesBeyondEightUncommittedEpochs) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  const auto stuck = job.Expect<CommitAction>();
  int triggered = 0;
  for (int i = 1; i <= 12; ++i) {
    job.Pass(kSecond);
    const auto trigger = job.Take<TriggerAction>();
    if (!trigger) break;
    ++triggered;
    job.AllDurable(*trigger, i, "f" + std::to_string(i));
    job.AppendOk();
  }
  EXPECT_EQ(triggered, 8);
  EXPECT_THAT(job.machine->warnings(), testing::Contains(HasSubstr("checkpoints pause")));
  job.Send(CommitDoneEvent{stuck.sink, stuck.epoch, CommitResult{0, false, 0}});
  EXPECT_EQ(job.CommitOk().epoch, Epoch(4));  // oldest first
  EXPECT_EQ(Count<TriggerAction>(job), 1);
}

TEST(JobMachineTest, AnUnknownCommitIsTriedAgainAndBlocksTheNextEpoch) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 10, "f");
  job.AppendOk();
  const auto commit = job.Expect<CommitAction>();
  job.Send(CommitDoneEvent{0, commit.epoch, absl::UnknownError("answer lost")});
  EXPECT_EQ(Count<CommitAction>(job), 0);
  EXPECT_THAT(job.machine->warnings(), testing::Contains(HasSubstr("answer lost")));
  job.Pass(kSecond);
  const auto again = job.Expect<CommitAction>();
  EXPECT_EQ(again.epoch, commit.epoch);
  EXPECT_EQ(Paths(again), Paths(commit));
  job.Send(CommitDoneEvent{0, again.epoch, CommitResult{5, true, 0}});
  EXPECT_THAT(job.machine->warnings(), IsEmpty());
  EXPECT_EQ(job.machine->commits().sinks()[0].table_version, 5);
}

TEST(JobMachineTest, AnUnknownAppendIsRepeatedWithTheSameRecordBeforeAnythingElse) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 10, "f");
  const auto append = job.Expect<AppendAction>();
  job.LoseWorker("a");
  job.AddWorker("a2", 2, "addr-a");
  job.Send(AppendedEvent{absl::UnavailableError("no answer"), 0});
  EXPECT_EQ(Count<AppendAction>(job), 0);
  job.Pass(kSecond);
  const auto again = job.Expect<AppendAction>();
  EXPECT_EQ(again.record.id, append.record.id);
  EXPECT_EQ(EncodeLogRecord(again.record), EncodeLogRecord(append.record));
  job.Send(AppendedEvent{absl::OkStatus(), 4});
  // It was published after all, and the new generation starts from it.
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(job.AppendOk().body));
  EXPECT_EQ(job.Expect<DeployAction>().epoch, Epoch(4));
  EXPECT_EQ(Count<NotifyPublishedAction>(job), 0);
}

TEST(JobMachineTest, ALostWorkersTasksMoveToTheOthersAndDropWhatWasNotPublished) {
  JobHarness job;
  job.AddWorkers({"a", "b"});
  job.RunUp(4);
  job.CommitOk();
  job.Pass(kSecond);
  const auto trigger = job.Expect<TriggerAction>();
  job.Send(DurableEvent{trigger.generation, trigger.checkpoint,
                        job.Snapshot(job.deployed.tasks[4], 10, "dropped")});
  job.LoseWorker("b");
  job.Expect<CancelTasksAction>();
  EXPECT_EQ(Count<AppendAction>(job), 0) << "it may come back at once";
  job.Pass(300'000);
  const auto started = std::get<StartedRecord>(job.AppendOk().body);
  EXPECT_EQ(started.parallelism, 4);
  EXPECT_THAT(started.reason, HasSubstr("worker addr-b lost"));
  const DeployAction deploy = job.FinishDeploy();
  EXPECT_EQ(deploy.epoch, Epoch(3));
  for (const TaskDeployment& task : deploy.tasks) EXPECT_EQ(task.slot.worker_id, "a");
  job.Pass(kSecond);
  const auto next = job.Expect<TriggerAction>();
  EXPECT_EQ(next.checkpoint, CheckpointId(1));
  // Reports of the old generation stage nothing.
  job.Send(DurableEvent{trigger.generation, trigger.checkpoint,
                        job.Snapshot(job.deployed.tasks[5], 10, "zombie")});
  job.AllDurable(next, 10, "new");
  const auto manifest = std::get<Manifest>(job.AppendOk().body);
  for (const StagedFile& file : manifest.staged) EXPECT_THAT(file.path, HasSubstr("new"));
}

TEST(JobMachineTest, AProcessThatComesBackAtOnceGetsItsTasksBack) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.LoseWorker("a");
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
  job.AddWorker("a2", 2, "addr-a");
  job.AppendOk();
  EXPECT_EQ(job.FinishDeploy().tasks[0].slot.worker_id, "a2");
}

TEST(JobMachineTest, WithoutAnyWorkerItWaitsForOne) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.LoseWorker("a");
  job.Pass(kSecond);
  EXPECT_EQ(job.machine->state(), JobState::kWaiting);
  EXPECT_EQ(Count<AppendAction>(job), 0);
  job.AddWorker("c", 1);
  const auto started = std::get<StartedRecord>(job.AppendOk().body);
  EXPECT_EQ(started.parallelism, 2) << "parallelism stays";
}

TEST(JobMachineTest, FiveTaskErrorsInTenMinutesAreTooMany) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  for (int i = 1; i <= 5; ++i) {
    SCOPED_TRACE(i);
    job.Send(TaskFailedEvent{job.machine->log().generation, {1, 0}, "disk on fire"});
    if (i == 5) break;
    job.Pass(15 * kSecond);
    ASSERT_TRUE(std::holds_alternative<StartedRecord>(job.AppendOk().body));
    job.FinishDeploy();
  }
  job.CommitOk();  // what was published
  job.AppendOk();  // COMMITTED
  const auto ended = std::get<EndedRecord>(job.AppendOk().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("5 errors within 10 minutes"));
  EXPECT_THAT(ended.reason, HasSubstr("activity/0: disk on fire"));
  EXPECT_EQ(job.machine->state(), JobState::kFailed);
}

TaskFailedEvent PassingError(const JobHarness& job) {
  TaskFailedEvent event{job.machine->log().generation, {1, 0}, "the store is away"};
  event.may_pass = true;
  return event;
}

// A store that is away keeps commits waiting for as long as that lasts; uploads no less.
TEST(JobMachineTest, ErrorsThatMayPassNeverFailTheJob) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  for (int i = 0; i < 30; ++i) {
    SCOPED_TRACE(i);
    job.Send(PassingError(job));
    EXPECT_THAT(
        job.machine->warnings(),
        testing::ElementsAre("tasks start again until this passes: task activity/0: the store is "
                             "away"));
    EXPECT_EQ(job.Expect<RestartNote>().reason, "task activity/0: the store is away");
    EXPECT_TRUE(i > 0 || Count<AppendAction>(job) == 0) << "not at once";
    job.Pass(i == 0 ? kSecond / 10 : RestartPolicy::kPassingDelayUsMax);
    while (!std::holds_alternative<StartedRecord>(job.AppendOk().body)) {
    }
    const auto deploy = job.Expect<DeployAction>();
    job.Send(DeployedEvent{deploy.generation, "a", "the store is away", false, true});
    EXPECT_EQ(job.Expect<RestartNote>().reason, "deployment failed: the store is away");
    job.Pass(RestartPolicy::kPassingDelayUsMax);
    while (!std::holds_alternative<StartedRecord>(job.AppendOk().body)) {
    }
    job.FinishDeploy();
  }
  job.Send(PassingError(job));
  job.Pass(RestartPolicy::kPassingDelayUsMax / 2);
  EXPECT_FALSE(job.Take<DeployAction>()) << "the wait has grown";
  job.Pass(RestartPolicy::kPassingDelayUsMax / 2);
  while (!std::holds_alternative<StartedRecord>(job.AppendOk().body)) {
  }
  job.FinishDeploy();
  job.Pass(kSecond);
  job.PublishAt(10);
  EXPECT_THAT(job.machine->warnings(), IsEmpty()) << "it has passed";
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
}

TEST(JobMachineTest, ErrorsThatMayPassDoNotHideOthers) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  for (int i = 1; i <= 5; ++i) {
    SCOPED_TRACE(i);
    job.Send(TaskFailedEvent{job.machine->log().generation, {1, 0}, "disk on fire"});
    if (i == 5) break;
    job.Pass(15 * kSecond);
    job.AppendOk();
    job.FinishDeploy();
    job.Send(PassingError(job));
    job.Pass(15 * kSecond);
    job.AppendOk();
    job.FinishDeploy();
  }
  job.CommitOk();
  job.AppendOk();  // COMMITTED
  const auto ended = std::get<EndedRecord>(job.AppendOk().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("5 errors within 10 minutes"));
}

TEST(JobMachineTest, ErrorsFarApartAndLostWorkersDoNotCount) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  for (int i = 0; i < 8; ++i) {
    job.Send(TaskFailedEvent{job.machine->log().generation, {1, 0}, "hiccup"});
    job.Pass(200 * kSecond);
    while (!job.Take<StartAction>()) {
      if (Count<AppendAction>(job) > 0) {
        job.AppendOk();
      } else if (const auto commit = job.Take<CommitAction>()) {
        job.Send(CommitDoneEvent{0, commit->epoch, CommitResult{1, false, 0}});
      } else if (const auto deploy = job.Take<DeployAction>()) {
        job.Send(DeployedEvent{deploy->generation, "a", ""});
      } else {
        FAIL() << "stuck";
      }
    }
  }
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
}

TEST(JobMachineTest, AnErrorThatALostWorkerExplainsIsForgiven) {
  JobHarness job;
  job.AddWorker("w0");
  job.RunUp();
  for (int i = 0; i < 10; ++i) {
    const std::string id = "w" + std::to_string(i);
    job.Send(TaskFailedEvent{job.machine->log().generation, {1, 0}, "exchange broke"});
    job.LoseWorker(id);
    job.AddWorker("w" + std::to_string(i + 1), 2, "addr-w0");
    ASSERT_TRUE(std::holds_alternative<StartedRecord>(job.AppendOk().body)) << i;
    job.FinishDeploy();
  }
  EXPECT_EQ(job.machine->state(), JobState::kRunning);
}

TEST(JobMachineTest, AFatalErrorFailsAtOnceAndKeepsWhatWasPublished) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 10, "f");
  job.AppendOk();
  job.Send(TaskFailedEvent{Generation(2), {0, 1}, "bad row at offset 11", true});
  job.Expect<CancelTasksAction>();
  EXPECT_EQ(Count<AppendAction>(job), 0) << "ended before its last commit";
  EXPECT_THAT(job.CommitOk().manifest.staged, SizeIs(2));
  job.AppendOk();
  const auto ended = std::get<EndedRecord>(job.AppendOk().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("events/1: bad row at offset 11"));
}

TEST(JobMachineTest, AFailedJobDoesNotWaitForeverForItsTable) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  const auto commit = job.Expect<CommitAction>();
  job.Send(TaskFailedEvent{Generation(2), {0, 1}, "bad row", true});
  job.Send(CommitDoneEvent{0, commit.epoch, absl::UnavailableError("down")});
  job.Pass(61 * kSecond);
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kFailed);
}

TEST(JobMachineTest, ATableThatRefusesFailsTheJob) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  const auto commit = job.Expect<CommitAction>();
  job.Send(CommitDoneEvent{0, commit.epoch, absl::FailedPreconditionError("column x was dropped")});
  job.Expect<CancelTasksAction>();
  const auto ended = std::get<EndedRecord>(job.AppendOk().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("column x was dropped"));
}

TEST(JobMachineTest, AZombiesTableCommitEndsInAConflictOfTheLog) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  const auto commit = job.Expect<CommitAction>();
  job.Send(CommitDoneEvent{0, commit.epoch, absl::AbortedError("version 9 is there")});
  job.Expect<CancelTasksAction>();
  job.Expect<AppendAction>();
  job.Send(AppendedEvent{absl::AbortedError("another writer's record"), 0});
  EXPECT_TRUE(job.machine->fenced());
  EXPECT_FALSE(job.machine->log().ended.has_value());
}

TEST(JobMachineTest, AnothersRecordInTheLogStopsEverything) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 10, "f");
  job.Expect<AppendAction>();
  job.CommitOk();
  job.Send(AppendedEvent{absl::AbortedError("another writer's record"), 0});
  EXPECT_TRUE(job.machine->fenced());
  job.Expect<FencedNote>();
  job.pending.clear();
  job.Pass(100 * kSecond);
  job.Send(StopRequestedEvent());
  EXPECT_THAT(job.pending, IsEmpty());
}

TEST(JobMachineTest, StopTakesALastCheckpointCommitsItAndEnds) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Send(StopRequestedEvent());
  EXPECT_EQ(job.machine->state(), JobState::kStopping);
  const auto trigger = job.Expect<TriggerAction>();
  EXPECT_TRUE(trigger.last);
  job.AllDurable(trigger, 10, "f");
  job.AppendOk();
  job.Expect<NotifyPublishedAction>();
  EXPECT_EQ(Count<AppendAction>(job), 0);
  job.CommitOk();
  EXPECT_TRUE(std::holds_alternative<CommittedRecord>(job.AppendOk().body));
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kStopped);
  EXPECT_EQ(job.machine->state(), JobState::kStopped);
  job.Expect<EndedNote>();
}

TEST(JobMachineTest, StopCommitsAnEmptyLastEpochToo) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Send(StopRequestedEvent());
  job.AllDurable(job.Expect<TriggerAction>(), 10);
  job.AppendOk();
  EXPECT_THAT(job.CommitOk().manifest.staged, IsEmpty());
  job.AppendOk();
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kStopped);
}

// The freshness interval, a minute here, isn't waited for by a job that ends.
TEST(JobMachineTest, AnEmptyLastCommitThatFailedIsTriedAgainSoon) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Send(StopRequestedEvent());
  job.AllDurable(job.Expect<TriggerAction>(), 0);
  job.AppendOk();
  const auto commit = job.Expect<CommitAction>();
  job.Send(CommitDoneEvent{commit.sink, commit.epoch, absl::UnavailableError("passing")});
  EXPECT_LE(job.machine->wake_us(), job.facts.now_us + 1'000'000);
  job.Pass(1'000'000);
  EXPECT_EQ(job.CommitOk().epoch, commit.epoch);
}

TEST(JobMachineTest, AFailureWhileStoppingEndsAtTheLastPublishedEpoch) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Send(StopRequestedEvent());
  job.Expect<TriggerAction>();
  job.LoseWorker("a");
  job.AppendOk();
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kStopped);
}

TEST(JobMachineTest, AJobThatNeverStartedStopsAndCancelsAtOnce) {
  JobHarness stopped;
  stopped.Send(StopRequestedEvent());
  EXPECT_EQ(std::get<EndedRecord>(stopped.AppendOk().body).how, JobEnd::kStopped);
  JobHarness cancelled;
  cancelled.Send(CancelRequestedEvent());
  EXPECT_EQ(std::get<EndedRecord>(cancelled.AppendOk().body).how, JobEnd::kCancelled);
}

TEST(JobMachineTest, CancelCommitsNothingMore) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  job.Pass(kSecond);
  job.AllDurable(job.Expect<TriggerAction>(), 10, "f");
  job.Expect<AppendAction>();
  job.Send(CancelRequestedEvent());
  job.Send(AppendedEvent{absl::OkStatus(), 4});
  EXPECT_EQ(Count<CommitAction>(job), 0);
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kCancelled);
}

TEST(JobMachineTest, ABoundedJobFinishesAfterAllItsSourcesDid) {
  JobHarness job(TestSpec(/*bounded=*/true));
  job.AddWorker("a");
  job.AppendOk();
  job.Describe(2, /*stop_offset=*/50);
  job.AppendOk();
  job.FinishDeploy();
  job.CommitOk();
  job.Send(SourcesFinishedEvent{Generation(2), {0, 0}});
  EXPECT_EQ(Count<TriggerAction>(job), 0);
  job.Send(SourcesFinishedEvent{Generation(2), {0, 1}});
  const auto trigger = job.Expect<TriggerAction>();
  EXPECT_TRUE(trigger.last);
  job.AllDurable(trigger, 50, "f");
  EXPECT_TRUE(std::get<Manifest>(job.AppendOk().body).sources_finished);
  job.CommitOk();
  job.AppendOk();
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kFinished);
}

TEST(JobMachineTest, ACrashBetweenTheLastCheckpointAndItsCommitFinishesWithoutTasks) {
  JobHarness job(TestSpec(/*bounded=*/true));
  job.AddWorker("a");
  job.AppendOk();
  job.Describe(1, 50);
  job.AppendOk();
  job.FinishDeploy();
  job.Send(SourcesFinishedEvent{Generation(2), {0, 0}});
  EXPECT_EQ(Count<TriggerAction>(job), 0) << "the task without partitions hasn't said its end";
  job.Send(SourcesFinishedEvent{Generation(2), {0, 1}});
  job.AllDurable(job.Expect<TriggerAction>(), 50, "f");
  job.AppendOk();
  JobLogState log = job.machine->log();
  job.facts.workers.clear();
  job.Boot(std::move(log), /*took_over=*/true);
  job.Send(TickEvent());
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(job.AppendOk().body));
  EXPECT_THAT(job.CommitOk().manifest.staged, SizeIs(2));
  job.AppendOk();
  EXPECT_EQ(std::get<EndedRecord>(job.AppendOk().body).how, JobEnd::kFinished);
  EXPECT_EQ(Count<DeployAction>(job), 0);
}

// Peers, row 5 (FLINK-29509, -29512, -29627): of several epochs that wait for their commit some are
// lost at a restart, or clash.
TEST(JobMachineTest, Row5ANewCoordinatorRedoesCommitsInOrderAndResumesFromTheLastEpoch) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  for (int i = 1; i <= 3; ++i) {
    job.Pass(kSecond);
    job.AllDurable(job.Expect<TriggerAction>(), 10 * i, "f" + std::to_string(i));
    job.AppendOk();
  }
  JobLogState log = job.machine->log();
  job.Boot(std::move(log), /*took_over=*/true);
  job.Send(TickEvent());
  EXPECT_EQ(Count<CommitAction>(job), 0) << "acts before it took over";
  EXPECT_THAT(std::get<StartedRecord>(job.AppendOk().body).reason, HasSubstr("coordinator"));
  EXPECT_EQ(job.FinishDeploy().epoch, Epoch(6));
  EXPECT_EQ(job.next_offset.at(0), 30);
  EXPECT_EQ(job.CommitOk().epoch, Epoch(4));
  EXPECT_EQ(job.CommitOk().epoch, Epoch(5));
  EXPECT_EQ(job.CommitOk().epoch, Epoch(6));
  EXPECT_EQ(Count<CommitAction>(job), 0);
}

TEST(JobMachineTest, WithoutWorkersANewCoordinatorDisturbsNobody) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  JobLogState log = job.machine->log();
  job.facts.workers.clear();
  job.Boot(std::move(log), /*took_over=*/true);
  job.Pass(100 * kSecond);
  EXPECT_EQ(Count<AppendAction>(job), 0);
  EXPECT_EQ(Count<CommitAction>(job), 0);
}

TEST(JobMachineTest, NewPartitionsAreReadFromTheirBeginningByTheLeastLoadedTask) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp(3);  // task 0 has two, task 1 has one
  job.Pass(10 * kSecond);
  auto ask = job.Expect<DescribeSourceAction>();
  EXPECT_FALSE(ask.resolve_offsets);
  job.Send(SourceDescribedEvent{ask.request, absl::OkStatus(), {{0}, {1}, {2}, {3}}});
  ask = job.Expect<DescribeSourceAction>();
  EXPECT_TRUE(ask.resolve_offsets);
  EXPECT_EQ(ask.kafka.start.kind, StartPosition::Kind::kEarliest);
  job.Send(SourceDescribedEvent{
      ask.request, absl::OkStatus(), {{0, 0, -1}, {1, 0, -1}, {2, 0, -1}, {3, 7, -1}}});
  const auto added = job.Expect<AddPartitionsAction>();
  EXPECT_EQ(added.task, (TaskId{0, 1}));
  ASSERT_THAT(added.positions, SizeIs(1));
  EXPECT_EQ(added.positions[0].partition, 3);
  EXPECT_EQ(added.positions[0].next_offset, 7);
  job.Pass(10 * kSecond);
  ask = job.Expect<DescribeSourceAction>();
  job.Send(SourceDescribedEvent{ask.request, absl::OkStatus(), {{0}, {1}, {2}, {3}}});
  EXPECT_EQ(Count<DescribeSourceAction>(job), 0);
}

TEST(JobMachineTest, CommittedIsRecordedLazily) {
  JobHarness job;
  job.AddWorker("a");
  job.RunUp();
  job.CommitOk();
  EXPECT_EQ(Count<AppendAction>(job), 0);
  job.Pass(5 * kSecond);
  const LogRecord record = job.AppendOk();
  ASSERT_TRUE(std::holds_alternative<CommittedRecord>(record.body));
  EXPECT_EQ(std::get<CommittedRecord>(record.body).epoch, Epoch(3));
}

// ---- Saying what is wrong

TEST(JobMachineTest, AJobThatCantCheckpointSaysWhichTasksItWaitsFor) {
  JobHarness harness;
  harness.AddWorkers({"a"});
  harness.RunUp();
  const auto problem = [&] { return harness.machine->checkpoint_problem(harness.facts.now_us); };
  harness.Pass(1'000'000);
  const auto trigger = harness.Expect<TriggerAction>();
  harness.Pass(8'000'000);
  EXPECT_EQ(problem(), "") << "not for long yet";
  harness.Pass(8'000'000);
  EXPECT_THAT(problem(), HasSubstr("one waits for the barrier of events/0, events/1, activity/0"));
  harness.AllCaptured(trigger);
  harness.Send(DurableEvent{trigger.generation, trigger.checkpoint,
                            harness.Snapshot(harness.deployed.tasks[0], 5, "")});
  EXPECT_THAT(problem(), HasSubstr("the uploads of"));
  harness.AllDurable(trigger, 5);
  harness.AppendOk();
  EXPECT_EQ(problem(), "");
}

TEST(JobMachineTest, AJobThatCantCheckpointSaysThatItsLogCantBeWritten) {
  JobHarness harness;
  harness.AddWorkers({"a"});
  harness.RunUp();
  harness.Pass(1'000'000);
  harness.AllDurable(harness.Expect<TriggerAction>(), 5);
  for (int i = 0; i < 20; ++i) {
    if (harness.Take<AppendAction>()) {
      harness.Send(AppendedEvent{absl::UnavailableError("no space left"), 0});
    }
    harness.Pass(1'000'000);
  }
  EXPECT_THAT(harness.machine->checkpoint_problem(harness.facts.now_us),
              HasSubstr("the job log can't be written: no space left"));
}

TEST(JobMachineTest, AJobWhoseCheckpointsFailCountsThemAndSaysWhy) {
  JobHarness harness;
  harness.AddWorkers({"a"});
  harness.RunUp();
  harness.Pass(1'000'000);
  harness.Expect<TriggerAction>();
  harness.Pass(JobMachineOptions().checkpoint_timeout_us + 1);
  EXPECT_EQ(harness.machine->checkpoint_failures(), 1);
  EXPECT_THAT(harness.machine->checkpoint_problem(harness.facts.now_us),
              HasSubstr("the last one failed: it wasn't durable in time"));
  const auto trigger = harness.Expect<TriggerAction>();
  harness.AllDurable(trigger, 5);
  harness.AppendOk();
  EXPECT_EQ(harness.machine->checkpoint_failures(), 0);
  EXPECT_EQ(harness.machine->checkpoint_problem(harness.facts.now_us), "");
}

TEST(JobMachineTest, AJobWithoutWorkersSaysSoInPlaceOfACheckpoint) {
  JobHarness harness;
  harness.AddWorkers({"a"});
  harness.RunUp();
  harness.LoseWorker("a");
  harness.Pass(60'000'000);
  EXPECT_THAT(harness.machine->checkpoint_problem(harness.facts.now_us),
              HasSubstr("the job doesn't run: no worker is registered"));
}

// ---- Coming back

TEST(JobMachineTest, AWorkerThatIsGoneForCertainIsNotWaitedFor) {
  JobHarness harness;
  harness.AddWorkers({"a", "b"});
  harness.RunUp();
  harness.facts.gone.insert("b");
  harness.LoseWorker("b");
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(
      harness.Expect<AppendAction>("at once, without settling").record.body));
}

TEST(JobMachineTest, TheFirstCheckpointAfterALossComesSoonAndTellsHowLongItTook) {
  JobHarness harness;
  harness.AddWorkers({"a", "b"});
  harness.RunUp();
  harness.facts.gone.insert("b");
  harness.LoseWorker("b");
  harness.facts.now_us += 10'000;
  harness.AppendOk();
  harness.facts.now_us += 20'000;
  harness.FinishDeploy();
  harness.Take<TriggerAction>();
  harness.Pass(JobMachineOptions().first_checkpoint_us);
  const auto trigger = harness.Expect<TriggerAction>("before the interval is over");
  harness.AllDurable(trigger, 5);
  harness.facts.now_us += 30'000;
  harness.AppendOk();
  const auto note = harness.Expect<RecoveredNote>();
  EXPECT_EQ(note.fence_us, 10'000);
  EXPECT_EQ(note.deploy_us, 20'000);
  EXPECT_EQ(note.publish_us, JobMachineOptions().first_checkpoint_us + 30'000);
}

}  // namespace
}  // namespace weir
