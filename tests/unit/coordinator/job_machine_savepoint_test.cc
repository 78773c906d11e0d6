// Savepoints, as the job machine decides about them.
#include "coordinator/job_machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000;

class JobMachineSavepointTest : public ::testing::Test {
 protected:
  JobMachineSavepointTest() {
    job_.AddWorker("a");
    job_.RunUp();
  }

  // Publishes what is durable; whether it is a savepoint.
  bool PublishedSavepoint() { return std::get<Manifest>(job_.AppendOk().body).savepoint; }
  std::vector<int64_t> Savepoints() {
    std::vector<int64_t> epochs;
    for (const auto& published : job_.machine->log().checkpoints) {
      if (published.manifest.savepoint) epochs.push_back(published.epoch.value);
    }
    return epochs;
  }

  JobHarness job_;
};

TEST_F(JobMachineSavepointTest, IsTakenAtOnceAndOnlyOnce) {
  job_.Send(CheckpointRequestedEvent{/*savepoint=*/true});
  job_.AllDurable(job_.Expect<TriggerAction>(), 10);
  EXPECT_TRUE(PublishedSavepoint());
  EXPECT_TRUE(job_.Expect<CheckpointPublishedNote>().savepoint);
  job_.Pass(kSecond);
  job_.AllDurable(job_.Expect<TriggerAction>(), 20);
  EXPECT_FALSE(PublishedSavepoint());
  EXPECT_FALSE(job_.Expect<CheckpointPublishedNote>().savepoint);
}

TEST_F(JobMachineSavepointTest, AnOrdinaryRequestMakesNone) {
  job_.Send(CheckpointRequestedEvent{});
  job_.AllDurable(job_.Expect<TriggerAction>(), 10);
  EXPECT_FALSE(PublishedSavepoint());
}

TEST_F(JobMachineSavepointTest, ANewerCheckpointThatOvertakesItIsTheSavepoint) {
  job_.Send(CheckpointRequestedEvent{/*savepoint=*/true});
  const auto savepoint = job_.Expect<TriggerAction>();
  job_.AllCaptured(savepoint);
  job_.Pass(kSecond);
  job_.AllDurable(job_.Expect<TriggerAction>(), 20);
  EXPECT_TRUE(PublishedSavepoint());
  EXPECT_THAT(Savepoints(), ElementsAre(4));
}

TEST_F(JobMachineSavepointTest, TheNextGenerationTakesWhatTheLastOneOwed) {
  job_.Send(CheckpointRequestedEvent{/*savepoint=*/true});
  const auto trigger = job_.Expect<TriggerAction>();
  job_.Send(TaskFailedEvent{trigger.generation, {1, 0}, "hiccup"});
  job_.Pass(10 * kSecond);
  job_.AppendOk();
  job_.FinishDeploy();
  job_.AllDurable(job_.Expect<TriggerAction>(), 20);
  EXPECT_TRUE(PublishedSavepoint());
  job_.Pass(kSecond);
  job_.AllDurable(job_.Expect<TriggerAction>(), 30);
  EXPECT_FALSE(PublishedSavepoint());
}

TEST_F(JobMachineSavepointTest, OneThatWasNotDurableInTimeIsTakenAgain) {
  job_.Send(CheckpointRequestedEvent{/*savepoint=*/true});
  const auto slow = job_.Expect<TriggerAction>();
  job_.AllCaptured(slow);
  job_.Pass(JobMachineOptions().checkpoint_timeout_us + 1);
  job_.Expect<CheckpointFailedNote>();
  job_.AllDurable(job_.Expect<TriggerAction>(), 20);
  EXPECT_TRUE(PublishedSavepoint());
}

TEST_F(JobMachineSavepointTest, IsDroppedByARecordAndUnknownOnesAreIgnored) {
  job_.Send(CheckpointRequestedEvent{/*savepoint=*/true});
  job_.AllDurable(job_.Expect<TriggerAction>(), 10);
  EXPECT_TRUE(PublishedSavepoint());
  job_.Send(DropSavepointEvent{Epoch(3)});
  job_.Send(DropSavepointEvent{Epoch(4)});
  job_.Send(DropSavepointEvent{Epoch(4)});
  EXPECT_EQ(std::get<DroppedSavepointRecord>(job_.AppendOk().body).epoch, Epoch(4));
  EXPECT_THAT(Savepoints(), ElementsAre());
  EXPECT_FALSE(job_.Take<AppendAction>().has_value());
}

// ---- Damaged checkpoints. Peers, row 17: fall back to an older one, or stop with a clear error.

class JobMachineDamageTest : public ::testing::Test {
 protected:
  JobMachineDamageTest() {
    job_.AddWorker("a");
    job_.RunUp();
  }
  int64_t Publish(int64_t offset, const std::string& file = "") {
    job_.Pass(kSecond);
    job_.AllDurable(job_.Expect<TriggerAction>(), offset, file);
    job_.AppendOk();
    return job_.machine->log().tail;
  }
  // The next record that isn't COMMITTED; commits succeed meanwhile.
  LogRecord Next() {
    for (;;) {
      while (const auto commit = job_.Take<CommitAction>()) {
        job_.Send(CommitDoneEvent{commit->sink, commit->epoch, CommitResult{1, false, 0}});
      }
      LogRecord record = job_.AppendOk();
      if (!std::holds_alternative<CommittedRecord>(record.body)) return record;
    }
  }
  // A restart whose worker finds a state file damaged.
  void RestartDamaged() {
    job_.Send(TaskFailedEvent{job_.machine->log().generation, {1, 0}, "hiccup"});
    job_.Pass(10 * kSecond);
    ASSERT_TRUE(std::holds_alternative<StartedRecord>(Next().body));
    ReportDamage();
  }
  void ReportDamage() {
    const auto deploy = job_.Expect<DeployAction>();
    job_.Send(DeployedEvent{deploy.generation, "a", "state file x is missing", true});
  }
  JobHarness job_;
};

TEST_F(JobMachineDamageTest, Row17GoesBackOverEpochsThatGaveNoTableRows) {
  const int64_t older = Publish(10, "rows");
  Publish(20);
  Publish(30);
  RestartDamaged();
  EXPECT_EQ(std::get<RestoredRecord>(Next().body).epoch, Epoch(older + 1));
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(Next().body));
  ReportDamage();  // that one as well
  EXPECT_EQ(std::get<RestoredRecord>(Next().body).epoch, Epoch(older));
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(Next().body));
  const DeployAction deploy = job_.FinishDeploy();
  EXPECT_EQ(deploy.epoch, Epoch(older));
  EXPECT_EQ(job_.next_offset.at(0), 10);
  EXPECT_EQ(job_.machine->state(), JobState::kRunning);
  Publish(15);
  EXPECT_EQ(job_.machine->log().checkpoints.back().manifest.positions[0].next_offset, 15);
}

TEST_F(JobMachineDamageTest, Row17StopsRatherThanRepeatRows) {
  Publish(10);
  const int64_t newest = Publish(20, "rows");
  RestartDamaged();
  const EndedRecord ended = std::get<EndedRecord>(Next().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, testing::AllOf(testing::HasSubstr("state file x is missing"),
                                           testing::HasSubstr("gave rows to activity"),
                                           testing::HasSubstr("@" + std::to_string(newest - 1)),
                                           testing::HasSubstr("--restore-tables")));
}

TEST_F(JobMachineDamageTest, Row17StopsWhenNothingOlderIsKept) {
  job_.Send(TaskFailedEvent{job_.machine->log().generation, {1, 0}, "hiccup"});
  job_.Pass(10 * kSecond);
  Next();
  ReportDamage();
  const EndedRecord ended = std::get<EndedRecord>(Next().body);
  EXPECT_EQ(ended.how, JobEnd::kFailed);
  EXPECT_THAT(ended.reason, testing::HasSubstr("no older checkpoint"));
}

TEST_F(JobMachineDamageTest, Row17ACoordinatorThatDiesInBetweenDecidesTheSame) {
  const int64_t older = Publish(10);
  Publish(20);
  RestartDamaged();
  job_.Expect<AppendAction>();  // never lands
  job_.Boot(job_.machine->log(), /*took_over=*/true);
  job_.Pass(3 * kSecond);
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(Next().body));
  ReportDamage();
  EXPECT_EQ(std::get<RestoredRecord>(Next().body).epoch, Epoch(older));
  // Recorded: the next one doesn't even try the damaged epoch.
  job_.Boot(job_.machine->log(), /*took_over=*/true);
  job_.Pass(3 * kSecond);
  Next();
  EXPECT_EQ(job_.Expect<DeployAction>().epoch, Epoch(older));
}

TEST_F(JobMachineDamageTest, AnOrdinaryErrorIsTriedAgainFromTheSameEpoch) {
  Publish(10);
  const int64_t newest = Publish(20);
  job_.Send(TaskFailedEvent{job_.machine->log().generation, {1, 0}, "hiccup"});
  job_.Pass(10 * kSecond);
  Next();
  const auto deploy = job_.Expect<DeployAction>();
  job_.Send(DeployedEvent{deploy.generation, "a", "disk full", false});
  job_.Pass(10 * kSecond);
  EXPECT_TRUE(std::holds_alternative<StartedRecord>(Next().body));
  EXPECT_EQ(job_.Expect<DeployAction>().epoch, Epoch(newest));
}

}  // namespace
}  // namespace weir
