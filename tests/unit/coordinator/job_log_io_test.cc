#include "coordinator/job_log_io.h"

#include <algorithm>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::UnorderedElementsAre;

constexpr char kJob[] = "activity-0123abcd";

class JobLogIoTest : public ::testing::Test {
 protected:
  JobLogIoTest() {
    JobSpec spec = TestSpec();
    spec.plan.settings.retain_checkpoints = 2;
    JobLogState log;
    EXPECT_TRUE(JobLog(&store_, kJob).Append(TestRecord("spec", spec), &log).ok());
    io_.emplace(&store_, SystemClock(), kJob, log);
    tail_ = 1;
  }

  int64_t Append(decltype(LogRecord::body) body) {
    const absl::StatusOr<int64_t> n = io_->Append(TestRecord(std::to_string(++tail_), body));
    EXPECT_TRUE(n.ok()) << n.status();
    return n.ok() ? *n : 0;
  }
  Manifest Checkpoint(int64_t generation, int64_t id, std::vector<std::string> files) {
    Manifest manifest;
    manifest.generation = Generation(generation);
    manifest.checkpoint = CheckpointId(id);
    OperatorState state;
    for (std::string& file : files) {
      StateFile named;
      named.path = std::move(file);
      state.files.push_back(named);
    }
    manifest.states = {state};
    return manifest;
  }
  void Upload(const std::string& path) { EXPECT_TRUE(store_.PutIfAbsent(Name(path), "x").ok()); }
  static std::string Name(const std::string& path) {
    return std::string("jobs/") + kJob + "/" + path;
  }
  std::vector<std::string> StateFiles() {
    std::vector<std::string> files;
    for (const auto& [name, bytes] : store_.Snapshot()) {
      if (name.find("/state/") != name.npos) files.push_back(name.substr(Name("").size()));
    }
    return files;
  }

  FaultyBlobStore store_;
  std::optional<JobLogIo> io_;
  int64_t tail_ = 0;
};

TEST_F(JobLogIoTest, FilesGoWhenNoKeptCheckpointNamesThem) {
  const std::string a = "state/agg/0000000002-0-4096-a.sst";
  const std::string b = "state/agg/0000000002-0-4096-b.sst";
  const std::string pending = "state/agg/0000000002-0-4096-pending.sst";
  for (const std::string& path : {a, b, pending}) Upload(path);
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  Append(Checkpoint(2, 1, {a}));
  Append(Checkpoint(2, 2, {b}));
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(a, b, pending)) << "retention still has them";
  Append(Checkpoint(2, 3, {b}));
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(b, pending))
      << "what this generation uploaded may be named by the next checkpoint";
}

TEST_F(JobLogIoTest, FilesOfFencedGenerationsGoOnceTheNewOneStandsOnItsOwn) {
  const std::string kept = "state/agg/0000000002-0-4096-kept.sst";
  const std::string orphan = "state/agg/0000000002-0-4096-orphan.sst";
  const std::string fresh = "state/agg/0000000005-0-4096-fresh.sst";
  const std::string foreign = "state/agg/notes.txt";
  for (const std::string& path : {kept, orphan, fresh, foreign}) Upload(path);
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  Append(Checkpoint(2, 1, {kept}));
  Append(StartedRecord{"c", "worker lost", 1});
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(kept, orphan, fresh, foreign));
  Append(Checkpoint(5, 1, {kept}));
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(kept, fresh, foreign));
}

TEST_F(JobLogIoTest, ARepeatedRecordStandsOnce) {
  const LogRecord record = TestRecord("again", StartedRecord{"c", "r", 1});
  EXPECT_EQ(io_->Append(record).value(), 2);
  EXPECT_EQ(io_->Append(record).value(), 2);
  EXPECT_EQ(store_.Snapshot().size(), 2u);
}

TEST_F(JobLogIoTest, ALongLogIsFolded) {
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  for (int64_t i = 1; i <= JobLogIo::kRecordsPerFold; ++i) {
    Append(Checkpoint(2, i, {}));
    io_->TidyUp();
  }
  JobLogState log;
  ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&log), absl::OkStatus());
  EXPECT_EQ(log.tail, JobLogIo::kRecordsPerFold + 3);
  bool folded = false;
  for (const auto& [name, bytes] : store_.Snapshot()) {
    folded = folded || name.find("/fold/") != name.npos;
  }
  EXPECT_TRUE(folded);
}

// Peers, row 13: garbage collection races an upload, or deletes what an older checkpoint needs.
class StateSweepTest : public ::testing::Test {
 protected:
  StateSweepTest() {
    EXPECT_TRUE(Apply(1, TestRecord("1", TestSpec()), &log_).ok());
    Then(StartedRecord{"c", "r", 1});
  }
  void Then(decltype(LogRecord::body) body) {
    const int64_t n = log_.tail + 1;
    EXPECT_EQ(Apply(n, TestRecord(std::to_string(n), std::move(body)), &log_), absl::OkStatus());
  }
  void Publish(int64_t id) {
    Manifest manifest;
    manifest.generation = log_.generation;
    manifest.checkpoint = CheckpointId(id);
    Then(manifest);
    ++published_;
  }
  std::vector<std::string> Decide() {
    return sweep_.Decide(
        paths_, log_, [&](const std::string& path) { return path == needed_; }, published_,
        now_ms_);
  }
  JobLogState log_;
  StateSweep sweep_;
  int64_t published_ = 0;
  int64_t now_ms_ = 1'000'000;
  std::string needed_ = "state/agg/0000000001-needed.sst";
  std::vector<std::string> paths_{needed_,
                                  "state/agg/0000000000-imported.sst",
                                  "state/agg/0000000001-fenced.sst",
                                  "state/agg/0000000002-running.sst",
                                  "state/agg/0000000009-newer.sst",
                                  "state/agg/notes.txt"};
};

TEST_F(StateSweepTest, Row13NothingGoesBeforeTheGenerationStandsOnItsOwn) {
  EXPECT_THAT(Decide(), testing::IsEmpty());
  Publish(0);
  EXPECT_THAT(Decide(), testing::IsEmpty()) << "restoring from it may be under way";
  Publish(1);
  EXPECT_THAT(Decide(), UnorderedElementsAre("state/agg/0000000000-imported.sst",
                                             "state/agg/0000000001-fenced.sst"));
}

TEST_F(StateSweepTest, Row13AnUploadOfTheRunningGenerationOutlivesEveryPendingCheckpoint) {
  paths_ = {"state/agg/0000000002-running.sst"};
  Publish(0);
  Publish(1);
  EXPECT_THAT(Decide(), testing::IsEmpty());
  now_ms_ += 100 * StateSweep::kGraceMs;
  EXPECT_THAT(Decide(), testing::IsEmpty()) << "time alone doesn't make it garbage";
  for (int64_t i = 2; i < 1 + StateSweep::kPublishesMin; ++i) Publish(i);
  EXPECT_THAT(Decide(), testing::IsEmpty());
  Publish(1 + StateSweep::kPublishesMin);
  EXPECT_THAT(Decide(), UnorderedElementsAre("state/agg/0000000002-running.sst"));
}

TEST_F(StateSweepTest, Row13TheGracePeriodOnlyAdds) {
  paths_ = {"state/agg/0000000002-running.sst"};
  Publish(0);
  Publish(1);
  EXPECT_THAT(Decide(), testing::IsEmpty());
  for (int64_t i = 2; i < 100; ++i) Publish(i);
  EXPECT_THAT(Decide(), testing::IsEmpty());
  now_ms_ += StateSweep::kGraceMs;
  EXPECT_THAT(Decide(), UnorderedElementsAre("state/agg/0000000002-running.sst"));
}

TEST_F(StateSweepTest, Row13OneThatWasNamedMeanwhileIsSeenAnew) {
  paths_ = {"state/agg/0000000002-running.sst"};
  Publish(0);
  Publish(1);
  EXPECT_THAT(Decide(), testing::IsEmpty());
  for (int64_t i = 2; i < 100; ++i) Publish(i);
  now_ms_ += StateSweep::kGraceMs;
  needed_ = paths_[0];
  EXPECT_THAT(Decide(), testing::IsEmpty());
  needed_.clear();
  EXPECT_THAT(Decide(), testing::IsEmpty());
}

TEST_F(StateSweepTest, OfAnEndedJobOnlyWhatIsNeededStays) {
  Publish(0);
  Publish(1);
  Then(EndedRecord{JobEnd::kStopped, ""});
  EXPECT_THAT(Decide(), UnorderedElementsAre("state/agg/0000000000-imported.sst",
                                             "state/agg/0000000001-fenced.sst",
                                             "state/agg/0000000002-running.sst"));
}

TEST_F(JobLogIoTest, Row13FilesHeldForAnotherJobStayUntilTheyAreReleased) {
  const std::string a = "state/agg/0000000002-0-4096-a.sst";
  Upload(a);
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  Append(Checkpoint(2, 1, {a}));
  io_->Hold("fork", {a});
  for (int64_t i = 2; i < 6; ++i) {
    Append(Checkpoint(2, i, {}));
    io_->TidyUp();
  }
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(a));
  io_->Release("fork");
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), testing::IsEmpty());
}

TEST_F(JobLogIoTest, AnEndedJobIsReadAtOnce) {
  Append(StartedRecord{"c", "r", 1});
  for (int64_t i = 0; i < JobLogIo::kRecordsPerFold / 2; ++i) Append(Checkpoint(2, i, {}));
  Append(EndedRecord{JobEnd::kStopped, ""});
  io_->TidyUp();
  const int before = store_.gets();
  JobLogState log;
  ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&log), absl::OkStatus());
  EXPECT_EQ(log.tail, tail_);
  EXPECT_TRUE(log.ended.has_value());
  EXPECT_EQ(store_.gets() - before, 1) << "its fold";
}

TEST_F(JobLogIoTest, SavepointsKeepTheirFilesUntilTheyAreDropped) {
  const std::string a = "state/agg/0000000002-0-4096-a.sst";
  Upload(a);
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  Manifest savepoint = Checkpoint(2, 1, {a});
  savepoint.savepoint = true;
  Append(savepoint);
  for (int64_t i = 2; i < 8; ++i) Append(Checkpoint(2, i, {}));
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), UnorderedElementsAre(a));
  Append(DroppedSavepointRecord{Epoch(4)});
  io_->TidyUp();
  EXPECT_THAT(StateFiles(), testing::IsEmpty());
}

TEST_F(JobLogIoTest, EveryGenerationSweepsWhatTheOneBeforeItLeft) {
  Append(StartedRecord{"c", "r", 1});
  Append(Checkpoint(2, 0, {}));
  Append(Checkpoint(2, 1, {}));
  io_->TidyUp();
  for (int i = 0; i < 2; ++i) {
    const int64_t generation = Append(StartedRecord{"c", "again", 1});
    Upload("state/agg/0000000002-0-4096-left" + std::to_string(i) + ".sst");
    Append(Checkpoint(generation, 1, {}));
    io_->TidyUp();
    EXPECT_THAT(StateFiles(), testing::IsEmpty());
  }
}

// A week of epochs every 500 ms, or any other age: what a takeover reads is bounded.
TEST_F(JobLogIoTest, StartingTakesNoLongerWhenTheJobIsOld) {
  FakeClock clock;
  io_.emplace(&store_, &clock, kJob, [&] {
    JobLogState log;
    EXPECT_TRUE(JobLog(&store_, kJob).CatchUp(&log).ok());
    return log;
  }());
  const auto append = [&](decltype(LogRecord::body) body) {
    LogRecord record = TestRecord(std::to_string(++tail_), std::move(body));
    record.written_ms = clock.WallMicros() / 1000;
    ASSERT_TRUE(io_->Append(record).ok());
    io_->TidyUp();
  };
  append(StartedRecord{"c", "r", 1});
  append(Checkpoint(2, 0, {}));
  size_t most = 0;
  for (int64_t i = 1; i <= 12'000; ++i) {
    clock.Advance(500'000);
    append(Checkpoint(2, i, {}));
    if (i % 1000 == 0) most = std::max(most, store_.Snapshot().size());
  }
  // An hour's records and folds.
  EXPECT_LT(most, 7200u + 72u + 3u * JobLogIo::kRecordsPerFold);
  JobLogState log;
  const int gets = store_.gets();
  ASSERT_EQ(JobLog(&store_, kJob).CatchUp(&log), absl::OkStatus());
  EXPECT_EQ(log.tail, 12'003);
  EXPECT_LE(store_.gets() - gets, JobLogIo::kRecordsPerFold + 2);
}

TEST(GenerationOfStateFileTest, ReadsOnlyItsOwnNames) {
  EXPECT_EQ(GenerationOfStateFile("state/agg/0000000012-0-4096-x.sst"), Generation(12));
  EXPECT_EQ(GenerationOfStateFile("state/agg/readme"), std::nullopt);
  EXPECT_EQ(GenerationOfStateFile("state/agg/x-1"), std::nullopt);
  EXPECT_EQ(GenerationOfStateFile("log/00000000000000000001"), std::nullopt);
}

}  // namespace
}  // namespace weir
