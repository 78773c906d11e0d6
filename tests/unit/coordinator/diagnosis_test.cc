#include "coordinator/diagnosis.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int64_t kSecond = 1'000'000;
constexpr EventTime kNoon{1'700'000'000'000'000};

PartitionFacts Partition(int32_t number, int64_t lag = 0) {
  PartitionFacts partition;
  partition.partition = number;
  partition.lag_records = lag;
  partition.watermark = EventTime{kNoon.micros + number};
  partition.pace.records = 500;
  return partition;
}

// A job of one source task with two partitions and one owner, well and at work.
class DiagnosisTest : public ::testing::Test {
 protected:
  DiagnosisTest() {
    facts_.state = JobState::kRunning;
    facts_.checkpoint_interval_us = kSecond;
    TableFacts table;
    table.sink = "activity";
    table.path = "/lake/activity";
    table.committed = true;
    table.version = 12;
    table.age_us = 3 * kSecond;
    table.interval_us = 60 * kSecond;
    facts_.tables = {table};
    TaskFacts source;
    source.name = "clicks/0";
    source.vertex = "clicks";
    source.worker = "10.0.0.1:7080";
    source.source = "clicks";
    source.event_time = true;
    source.idle_timeout_us = 30 * kSecond;
    source.pace = {.busy = 0.3, .idle = 0.6, .blocked = 0.1, .source_records = 1000};
    source.partitions = {Partition(0), Partition(1)};
    TaskFacts owner;
    owner.name = "activity/0";
    owner.vertex = "activity";
    owner.worker = "10.0.0.2:7080";
    owner.pace = {.busy = 0.2, .idle = 0.7, .blocked = 0.1};
    facts_.tasks = {source, owner};
  }

  TaskFacts& source() { return facts_.tasks[0]; }
  TaskFacts& owner() { return facts_.tasks[1]; }
  PartitionFacts& partition(int i) { return source().partitions[static_cast<size_t>(i)]; }
  TableFacts& table() { return facts_.tables[0]; }
  TableHealth Health() const { return Diagnose(facts_).at(0); }
  void ExpectFresh() const {
    EXPECT_EQ(Health().status, TableStatus::kFresh) << Health().summary;
    EXPECT_THAT(Health().suspects, IsEmpty());
  }
  // Stale, and the first suspect is this one.
  void ExpectGuilty(Suspect::Kind kind, const std::string& name, const std::string& words) const {
    const TableHealth health = Health();
    EXPECT_EQ(health.status, TableStatus::kStale) << health.summary;
    ASSERT_FALSE(health.suspects.empty()) << health.summary;
    EXPECT_EQ(health.suspects[0].kind, kind) << health.suspects[0].message;
    EXPECT_EQ(health.suspects[0].name, name);
    EXPECT_THAT(health.suspects[0].message, HasSubstr(words));
    EXPECT_THAT(health.summary, HasSubstr(words));
  }

  JobHealthFacts facts_;
};

// ---- Nobody is to blame

TEST_F(DiagnosisTest, AJobAtWorkIsFresh) {
  ExpectFresh();
  EXPECT_THAT(Health().summary,
              AllOf(HasSubstr("committed 3s ago as version 12"), HasSubstr("has been read")));
  EXPECT_EQ(Health().age_ms, 3000);
  EXPECT_EQ(Health().limit_ms, 130'000);
}

TEST_F(DiagnosisTest, ALittleLagIsOrdinary) {
  partition(0).lag_records = 2000;
  ExpectFresh();
  EXPECT_THAT(Health().summary, HasSubstr("1000 records/s, 2000 still to be read"));
}

TEST_F(DiagnosisTest, SourcesWithoutNewRecordsMakeNothingStale) {
  for (int i : {0, 1}) {
    partition(i).pace = {0, 300 * kSecond, 300 * kSecond};
    partition(i).status = ChannelStatus::kIdle;
  }
  source().pace.source_records = 0;
  ExpectFresh();
  EXPECT_THAT(Health().summary, HasSubstr("no new records for 5m"));
}

TEST_F(DiagnosisTest, AnIdlePartitionHoldsNothing) {
  partition(0).pace = {0, 60 * kSecond, 60 * kSecond};
  partition(0).status = ChannelStatus::kIdle;
  ExpectFresh();
}

TEST_F(DiagnosisTest, AFinishedPartitionHoldsNothing) {
  partition(0).pace = {0, 60 * kSecond, 60 * kSecond};
  partition(0).status = ChannelStatus::kFinished;
  partition(0).watermark = kMaxEventTime;
  ExpectFresh();
}

TEST_F(DiagnosisTest, AShortPauseOfOnePartitionProvesNothing) {
  partition(0).pace = {0, 9 * kSecond, 9 * kSecond};
  ExpectFresh();
}

TEST_F(DiagnosisTest, ABusyTaskThatKeepsUpIsNoSuspect) {
  owner().pace.busy = 0.99;
  ExpectFresh();
}

TEST_F(DiagnosisTest, ARestartTakesAMoment) {
  facts_.down_us = 4 * kSecond;
  facts_.tasks.clear();
  ExpectFresh();
}

TEST_F(DiagnosisTest, AFailedCommitThatIsRepeatedInTimeIsNoReasonToWorry) {
  table().trouble = "503 from the store";
  ExpectFresh();
}

TEST_F(DiagnosisTest, AJobThatHasJustBegunStarts) {
  table().committed = false;
  table().version = -1;
  facts_.state = JobState::kCreated;
  EXPECT_EQ(Health().status, TableStatus::kStarting);
  EXPECT_THAT(Health().suspects, IsEmpty());
  EXPECT_EQ(Health().age_ms, -1);
}

TEST_F(DiagnosisTest, TablesOfEndedJobsStayAsTheyAre) {
  table().age_us = 86'400 * kSecond;
  for (const JobState state : {JobState::kStopped, JobState::kFinished, JobState::kCancelled}) {
    facts_.state = state;
    EXPECT_EQ(Health().status, TableStatus::kEnded);
    EXPECT_THAT(Health().suspects, IsEmpty());
    EXPECT_THAT(Health().summary, HasSubstr("version 12"));
  }
}

TEST_F(DiagnosisTest, SideTablesDontWaitForReading) {
  partition(1).lag_records = 1'000'000;
  table().role = SinkRole::kLate;
  ExpectFresh();
}

// ---- Somebody is

TEST_F(DiagnosisTest, AFailedJob) {
  facts_.state = JobState::kFailed;
  facts_.reason = "bad row in topic clicks";
  ExpectGuilty(Suspect::Kind::kJob, "job", "the job failed: bad row in topic clicks");
}

TEST_F(DiagnosisTest, AJobThatWaitsForSlots) {
  facts_.state = JobState::kWaiting;
  facts_.reason = "no worker is registered";
  facts_.down_us = 6 * kSecond;
  ExpectGuilty(Suspect::Kind::kJob, "job", "the job waits: no worker is registered");
}

TEST_F(DiagnosisTest, TasksThatDontComeBack) {
  facts_.down_us = 20 * kSecond;
  facts_.reason = "worker 10.0.0.1:7080 lost";
  ExpectGuilty(Suspect::Kind::kJob, "job", "its tasks have not run for 20s: worker 10.0.0.1");
}

TEST_F(DiagnosisTest, ASourceWhoseBrokersAreAway) {
  source().waiting_for = {"brokers kafka:9092 unreachable"};
  source().pace.source_records = 0;
  partition(0).lag_records = 10;
  partition(0).pace = {0, 60 * kSecond, 60 * kSecond};
  ExpectGuilty(Suspect::Kind::kSource, "clicks", "brokers kafka:9092 unreachable");
  EXPECT_THAT(Health().suspects, SizeIs(1)) << "its partitions are not to blame";
}

TEST_F(DiagnosisTest, APartitionWithoutRowsHoldsTheWatermark) {
  partition(0).pace = {0, 14 * kSecond, 14 * kSecond};
  ExpectGuilty(Suspect::Kind::kPartition, "clicks/0", "has had no rows for 14s");
  EXPECT_THAT(Health().summary, AllOf(HasSubstr("partition clicks/0"),
                                      HasSubstr("holds the watermark at 2023-11-14 22:13:20 UTC"),
                                      HasSubstr("idle after 30s")));
}

TEST_F(DiagnosisTest, APartitionThatNeverHadARowHoldsAllWindows) {
  partition(0).watermark = kMinEventTime;
  partition(0).pace = {0, 14 * kSecond, 14 * kSecond};
  ExpectGuilty(Suspect::Kind::kPartition, "clicks/0", "no window can close");
}

TEST_F(DiagnosisTest, APartitionOfOldRowsHoldsTheWatermark) {
  partition(0).pace = {100, 0, 14 * kSecond};
  ExpectGuilty(Suspect::Kind::kPartition, "clicks/0", "none with a newer event time");
}

TEST_F(DiagnosisTest, APartitionThatNobodyReads) {
  partition(1).lag_records = 700;
  partition(1).pace = {0, 15 * kSecond, 15 * kSecond};
  ExpectGuilty(Suspect::Kind::kPartition, "clicks/1",
               "has 700 records to read, and none was read for 15s");
}

TEST_F(DiagnosisTest, OnePartitionHoldsTheBacklog) {
  partition(1).lag_records = 90'000;
  partition(0).lag_records = 10'000;
  ExpectGuilty(Suspect::Kind::kPartition, "clicks/1", "holds 90000 of the 100000 records");
}

TEST_F(DiagnosisTest, ATaskThatIsTooSlow) {
  for (int i : {0, 1}) partition(i).lag_records = 50'000;
  source().pace.blocked = 0.8;
  source().pace.busy = 0.2;
  owner().pace.busy = 0.97;
  ExpectGuilty(Suspect::Kind::kTask, "activity/0", "is busy 97 % of the time on 10.0.0.2:7080");
  EXPECT_THAT(Health().suspects, SizeIs(1)) << "the source only waits for it";
}

TEST_F(DiagnosisTest, ATaskThatWaits) {
  for (int i : {0, 1}) partition(i).lag_records = 50'000;
  source().pace.blocked = 0.8;
  source().pace.busy = 0.2;
  ExpectGuilty(Suspect::Kind::kTask, "clicks/0", "waits 80 % of the time");
}

TEST_F(DiagnosisTest, AsMuchToReadAsTakesAMinute) {
  for (int i : {0, 1}) partition(i).lag_records = 30'000;
  ExpectGuilty(Suspect::Kind::kSource, "clicks", "60000 records are still to be read");
  EXPECT_THAT(Health().summary, HasSubstr("1m"));
}

TEST_F(DiagnosisTest, CheckpointsThatFail) {
  facts_.checkpoint_problem = "the last one failed: disk full";
  ExpectGuilty(Suspect::Kind::kCheckpoint, "checkpoints", "disk full");
}

TEST_F(DiagnosisTest, CommitsThatFail) {
  table().trouble = "503 from the store";
  table().age_us = 200 * kSecond;
  ExpectGuilty(Suspect::Kind::kCommit, "activity", "503 from the store");
}

TEST_F(DiagnosisTest, AnOldTableIsStaleThoughNothingSaysWhy) {
  table().age_us = 131 * kSecond;
  EXPECT_EQ(Health().status, TableStatus::kStale);
  EXPECT_THAT(Health().summary,
              AllOf(HasSubstr("last commit 2m 11s ago"), HasSubstr("nothing says")));
  owner().reported = false;
  EXPECT_THAT(Health().summary, HasSubstr("task activity/0 has not reported"));
}

TEST_F(DiagnosisTest, TheBrokersAreBlamedBeforeWhatFollowsFromThem) {
  source().waiting_for = {"brokers kafka:9092 unreachable"};
  facts_.checkpoint_problem = "one waits for the barrier of activity/0";
  const TableHealth health = Health();
  ASSERT_THAT(health.suspects, SizeIs(2));
  EXPECT_EQ(health.suspects[0].kind, Suspect::Kind::kSource);
  EXPECT_EQ(health.suspects[1].kind, Suspect::Kind::kCheckpoint);
}

TEST_F(DiagnosisTest, NamesNoMoreSuspectsThanAnybodyReads) {
  source().partitions.clear();
  for (int i = 0; i < 100; ++i) {
    source().partitions.push_back(Partition(i, 5));
    source().partitions.back().pace = {0, 60 * kSecond, 60 * kSecond};
  }
  EXPECT_THAT(Health().suspects, SizeIs(kSuspectsMax));
}

TEST_F(DiagnosisTest, EachTableHasItsOwnAnswer) {
  facts_.tables.push_back(table());
  facts_.tables[1].age_us = 500 * kSecond;
  const std::vector<TableHealth> health = Diagnose(facts_);
  EXPECT_EQ(health[0].status, TableStatus::kFresh);
  EXPECT_EQ(health[1].status, TableStatus::kStale);
}

}  // namespace
}  // namespace weir
