#include "coordinator/commit_driver.h"

#include <set>

#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/json_text.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

JobSpec SpecWithSideTables() {
  JobSpec spec = TestSpec();
  auto& source = std::get<SourceOp>(spec.plan.vertices[0].operators[0].op);
  source.event_time_column = 0;
  source.watermark_bound_us = 1'000'000;
  SinkSpec late = TestSink("activity#late");
  late.role = SinkRole::kLate;
  SinkSpec dead = TestSink("events#dead_letter");
  dead.role = SinkRole::kDeadLetter;
  SinkSpec other = TestSink("other");
  spec.plan.sinks = {TestSink("activity"), late, dead, other};
  spec.plan.inserts = {{0, "activity", 0}, {3, "other", 0}};
  return spec;
}

StagedFile File(std::string sink, std::string path) {
  StagedFile file;
  file.sink = std::move(sink);
  file.path = std::move(path);
  file.rows = 3;
  return file;
}

Manifest FullManifest() {
  Manifest manifest;
  manifest.generation = Generation(2);
  manifest.watermark = EventTime{1'700'000'000'000'000};
  manifest.positions = {
      {"src", 0, 17, -1, EventTime{1'700'000'001'000'000}, false},
      {"src", 1, 4, -1, kMinEventTime, true},
  };
  manifest.staged = {File("activity", "a"), File("activity#late", "l"), File("activity", "b")};
  manifest.counters[0].read = 10;
  manifest.counters[0].used = 7;
  manifest.counters[0].late = 1;
  manifest.counters[0].bad["syntax"] = 2;
  manifest.counters[1].read = 10;
  manifest.counters[1].filtered = 10;
  return manifest;
}

TEST(BuildTableCommitTest, TakesTheSinksFilesUnderItsOwnName) {
  const TableCommit main =
      BuildTableCommit("job-1", SpecWithSideTables(), 0, Epoch(9), FullManifest());
  EXPECT_EQ(main.app_id, "lineage/activity");
  EXPECT_EQ(main.version, 9);
  ASSERT_EQ(main.files.size(), 2u);
  EXPECT_EQ(main.files[0].path, "a");
  EXPECT_EQ(main.files[1].path, "b");
  const TableCommit late =
      BuildTableCommit("job-1", SpecWithSideTables(), 1, Epoch(9), FullManifest());
  EXPECT_EQ(late.app_id, "lineage/activity#late");
  EXPECT_EQ(late.files.size(), 1u);
  EXPECT_THAT(BuildTableCommit("job-1", SpecWithSideTables(), 3, Epoch(9), FullManifest()).files,
              IsEmpty());
}

TEST(BuildTableCommitTest, SaysWhatTheTableHolds) {
  const std::string info =
      BuildTableCommit("job-1", SpecWithSideTables(), 0, Epoch(9), FullManifest()).weir_info;
  EXPECT_EQ(info,
            R"({"job":"job-1","name":"activity","lineage":"lineage","sink":"activity",)"
            R"("generation":2,"epoch":9,"watermark":"2023-11-14T22:13:20.000000Z",)"
            R"("sources":{"events":{"topic":"events","watermark":"2023-11-14T22:13:20.000000Z",)"
            R"("partitions":{"0":{"next_offset":17,"watermark":"2023-11-14T22:13:20.000000Z"},)"
            R"("1":{"next_offset":4,"watermark":null}}}},)"
            R"("counters":{"read":10,"used":7,"late":1,"bad":2,"filtered":0}})");
}

TEST(BuildTableCommitTest, SideTablesCountTheInsertsThatFeedThem) {
  const JobSpec spec = SpecWithSideTables();
  EXPECT_THAT(BuildTableCommit("j", spec, 1, Epoch(9), FullManifest()).weir_info,
              HasSubstr(R"("counters":{"read":10,"used":7,)"));
  EXPECT_THAT(BuildTableCommit("j", spec, 2, Epoch(9), FullManifest()).weir_info,
              HasSubstr(R"("counters":{"read":20,"used":7,"late":1,"bad":2,"filtered":10})"));
  EXPECT_THAT(BuildTableCommit("j", spec, 3, Epoch(9), FullManifest()).weir_info,
              HasSubstr(R"("counters":{"read":10,"used":0,)"));
}

// Counts concurrent commits per table.
struct Probe {
  absl::Mutex mutex;
  int prepared ABSL_GUARDED_BY(mutex) = 0;
  int running ABSL_GUARDED_BY(mutex) = 0;
  int most_at_once ABSL_GUARDED_BY(mutex) = 0;
  std::vector<int64_t> order ABSL_GUARDED_BY(mutex);
  absl::Status prepare_result ABSL_GUARDED_BY(mutex);
};

class ProbeCommitter : public TableCommitter {
 public:
  explicit ProbeCommitter(Probe* probe) : probe_(probe) {}
  absl::StatusOr<TableState> Prepare(const Schema&, const std::string&, bool create) override {
    EXPECT_FALSE(create) << "a table that vanished is not made again";
    absl::MutexLock lock(&probe_->mutex);
    ++probe_->prepared;
    if (!probe_->prepare_result.ok()) return probe_->prepare_result;
    return TableState();
  }
  absl::StatusOr<CommitResult> Commit(const TableCommit& commit) override {
    absl::MutexLock lock(&probe_->mutex);
    probe_->most_at_once = std::max(probe_->most_at_once, ++probe_->running);
    probe_->order.push_back(commit.version);
    --probe_->running;
    return CommitResult{commit.version, false, 0};
  }
  absl::StatusOr<RollbackResult> Rollback(const TableRollback&) override {
    return absl::InternalError("nobody asks for it here");
  }

 private:
  Probe* const probe_;
};

TEST(CommitDriverTest, PreparesOnceAndKeepsTheOrderOfATable) {
  Probe probe;
  const auto pool = MakeIoPool("test", 4);
  CommitDriver driver(
      pool.get(), [&](const std::string&) { return std::make_unique<ProbeCommitter>(&probe); },
      SystemClock());
  absl::Notification done;
  for (int64_t version = 1; version <= 50; ++version) {
    TableCommit commit;
    commit.app_id = "lineage/activity";
    commit.version = version;
    driver.Commit(TestSink("activity"), commit,
                  [&, version](absl::StatusOr<CommitResult> result, int64_t) {
                    EXPECT_EQ(result->table_version, version);
                    if (version == 50) done.Notify();
                  });
  }
  done.WaitForNotification();
  absl::MutexLock lock(&probe.mutex);
  EXPECT_EQ(probe.prepared, 1);
  EXPECT_EQ(probe.most_at_once, 1);
  EXPECT_TRUE(std::is_sorted(probe.order.begin(), probe.order.end()));
}

TEST(CommitDriverTest, PreparesAgainAfterThatFailed) {
  Probe probe;
  const auto pool = MakeInlineIoPool();
  CommitDriver driver(
      pool.get(), [&](const std::string&) { return std::make_unique<ProbeCommitter>(&probe); },
      SystemClock());
  TableCommit commit;
  commit.app_id = "lineage/activity";
  commit.version = 1;
  {
    absl::MutexLock lock(&probe.mutex);
    probe.prepare_result = absl::UnavailableError("down");
  }
  absl::Status got;
  const auto done = [&](absl::StatusOr<CommitResult> result, int64_t) { got = result.status(); };
  driver.Commit(TestSink("activity"), commit, done);
  EXPECT_TRUE(absl::IsUnavailable(got));
  {
    absl::MutexLock lock(&probe.mutex);
    probe.prepare_result = absl::OkStatus();
  }
  driver.Commit(TestSink("activity"), commit, done);
  EXPECT_TRUE(got.ok()) << got;
}

}  // namespace
}  // namespace weir
