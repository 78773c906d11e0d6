#include "coordinator/job_log_io.h"

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

TEST(GenerationOfStateFileTest, ReadsOnlyItsOwnNames) {
  EXPECT_EQ(GenerationOfStateFile("state/agg/0000000012-0-4096-x.sst"), Generation(12));
  EXPECT_EQ(GenerationOfStateFile("state/agg/readme"), std::nullopt);
  EXPECT_EQ(GenerationOfStateFile("state/agg/x-1"), std::nullopt);
  EXPECT_EQ(GenerationOfStateFile("log/00000000000000000001"), std::nullopt);
}

}  // namespace
}  // namespace weir
