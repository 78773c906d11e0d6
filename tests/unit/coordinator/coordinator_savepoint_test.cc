// Savepoints, and going on from another job's checkpoint.
#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/coordinator_harness.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(CoordinatorTest, SavepointsOutliveRetentionRestartsAndTheJob) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > 0; }));
  const std::string id = Get("activity").id();
  v1::TriggerCheckpointRequest take;
  take.set_job(id);
  take.set_savepoint(true);
  v1::Checkpoint savepoint;
  ASSERT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &savepoint).ok());
  EXPECT_TRUE(savepoint.savepoint());
  const auto kept = [&] {
    v1::ListCheckpointsRequest list;
    list.set_job(id);
    v1::ListCheckpointsResponse all;
    EXPECT_TRUE(Call(&v1::JobService::Stub::ListCheckpoints, list, &all).ok());
    std::vector<int64_t> savepoints;
    for (const v1::Checkpoint& checkpoint : all.checkpoints()) {
      if (checkpoint.savepoint()) savepoints.push_back(checkpoint.epoch());
    }
    return savepoints;
  };
  ASSERT_TRUE(Await([&] { return Get(id).epoch() > savepoint.epoch() + 10; }));
  EXPECT_THAT(kept(), ElementsAre(savepoint.epoch()));
  v1::Checkpoint second;
  ASSERT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &second).ok());
  EXPECT_GT(second.epoch(), savepoint.epoch());

  v1::DropSavepointRequest drop;
  drop.set_job(id);
  drop.set_epoch(savepoint.epoch());
  v1::Checkpoint dropped;
  ASSERT_TRUE(Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped).ok());
  EXPECT_FALSE(dropped.savepoint());
  EXPECT_THAT(kept(), ElementsAre(second.epoch()));
  const grpc::Status again = Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped);
  EXPECT_EQ(ReasonOf(again), "weir/SAVEPOINT_NOT_FOUND");

  ASSERT_TRUE(Stop(id, &job).ok());
  worker.reset();
  coordinator_.reset();
  Start();
  EXPECT_THAT(kept(), ElementsAre(second.epoch()));
  drop.set_epoch(second.epoch());
  ASSERT_TRUE(Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped).ok());
  ASSERT_TRUE(Await([&] { return kept().empty(); }));
  EXPECT_EQ(Get(id).state(), v1::STOPPED);
  coordinator_.reset();
  Start();
  EXPECT_THAT(kept(), IsEmpty());
}

class FromTest : public CoordinatorTest {
 protected:
  // A job of that name on that table, run for a while, with a savepoint half-way; its epoch.
  int64_t RunWithSavepoint(const std::string& name, const std::string& table) {
    v1::Job job;
    EXPECT_TRUE(Submit(name, table, &job).ok());
    EXPECT_TRUE(Await([&] { return Get(name).records_in() >= 6; }));
    v1::TriggerCheckpointRequest take;
    take.set_job(name);
    take.set_savepoint(true);
    v1::Checkpoint savepoint;
    EXPECT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &savepoint).ok());
    EXPECT_TRUE(Await([&] { return Get(name).epoch() > savepoint.epoch() + 5; }));
    return savepoint.epoch();
  }
  grpc::Status SubmitFrom(const std::string& name, const std::string& table,
                          const std::string& from, int64_t epoch, bool restore, v1::Job* job) {
    return Submit(name, table, job, [&](v1::SubmitRequest* request) {
      request->set_from_job(from);
      request->set_from_epoch(epoch);
      request->set_restore_tables(restore);
    });
  }
  // Rows of the table: every file counted once for each commit that stands.
  std::map<std::string, int> Files(const std::string& table) {
    std::map<std::string, int> files;
    for (const auto& commit : tables_.Get(table).commits) {
      for (const std::string& file : commit.files) files[file] += commit.undone ? 0 : 1;
    }
    std::erase_if(files, [](const auto& entry) { return entry.second == 0; });
    return files;
  }
  // With one row a file and one file a task and checkpoint, rows read are files in the table.
  void ExpectExactlyWhatWasRead(const std::string& table, const v1::Job& job) {
    const auto files = Files(table);
    for (const auto& [file, times] : files) EXPECT_EQ(times, 1) << file;
    EXPECT_EQ(static_cast<int64_t>(files.size()), job.records_in());
  }
};

TEST_F(FromTest, AStoppedJobsLastCheckpointGoesOnInANewLineage) {
  auto worker = AddWorker("w:1");
  RunWithSavepoint("first", "/t/a");
  v1::Job first;
  ASSERT_TRUE(Stop("first", &first).ok());
  v1::Job second;
  const grpc::Status status = SubmitFrom("second", "/t/a", "first", 0, false, &second);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(second.from_job(), first.id());
  EXPECT_EQ(second.from_epoch(), first.epoch());
  EXPECT_NE(second.lineage(), first.lineage());
  ASSERT_TRUE(Await([&] { return Get("second").records_in() > first.records_in() + 5; }));
  int64_t restored = 0;
  for (const auto& [partition, offset] : worker->restored_offsets()) restored += offset;
  EXPECT_EQ(restored, first.records_in());
  ASSERT_TRUE(Stop("second", &second).ok());
  EXPECT_EQ(second.records_in(), second.records_used()) << "counters came along";
  ExpectExactlyWhatWasRead("/t/a", second);
  // The handover is of none of the other job's generations: in this lineage they'd come first.
  const auto commits = tables_.Get("/t/a").commits;
  const auto handover = std::find_if(commits.begin(), commits.end(), [&](const auto& commit) {
    return commit.app_id == second.lineage() + "/activity";
  });
  ASSERT_NE(handover, commits.end());
  EXPECT_THAT(handover->info, HasSubstr("\"generation\":1,"));
  // The writer before can never commit again.
  EXPECT_EQ(tables_.Get("/t/a").app_versions.at(first.lineage() + "/activity"),
            std::numeric_limits<int64_t>::max());
}

// Peers, row 1: restoring an older checkpoint onto a live table loses or repeats rows silently.
TEST_F(FromTest, Row1AnOlderCheckpointIsRefusedUnlessTablesAreRestored) {
  auto worker = AddWorker("w:1");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job first;
  ASSERT_TRUE(Stop("first", &first).ok());
  const auto before = tables_.Get("/t/a").commits.size();
  v1::Job second;
  const grpc::Status refused = SubmitFrom("second", "/t/a", "first", epoch, false, &second);
  EXPECT_EQ(ReasonOf(refused), "weir/TABLE_AHEAD");
  EXPECT_THAT(refused.error_message(),
              AllOf(HasSubstr("/t/a"), HasSubstr(absl::StrCat("than ", epoch)),
                    HasSubstr("--restore-tables")));
  EXPECT_EQ(tables_.Get("/t/a").commits.size(), before) << "nothing was done";
  const grpc::Status status = SubmitFrom("second", "/t/a", "first", epoch, true, &second);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Await([&] { return Get("second").records_in() > first.records_in(); }));
  ASSERT_TRUE(Stop("second", &second).ok());
  ExpectExactlyWhatWasRead("/t/a", second);
}

// Peers, row 1 again: going back a second time, behind what the first return wrote.
TEST_F(FromTest, Row1GoingBackTwiceTakesTheFirstReturnOutAsWell) {
  auto worker = AddWorker("w:1");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job job;
  ASSERT_TRUE(Stop("first", &job).ok());
  ASSERT_TRUE(SubmitFrom("second", "/t/a", "first", epoch, true, &job).ok());
  ASSERT_TRUE(Await([&] { return Get("second").epoch() > 10; }));
  ASSERT_TRUE(Stop("second", &job).ok());
  const grpc::Status refused = SubmitFrom("third", "/t/a", "first", epoch, false, &job);
  EXPECT_EQ(ReasonOf(refused), "weir/TABLE_AHEAD");
  ASSERT_TRUE(SubmitFrom("third", "/t/a", "first", epoch, true, &job).ok());
  ASSERT_TRUE(Await([&] { return Get("third").epoch() > 10; }));
  ASSERT_TRUE(Stop("third", &job).ok());
  ExpectExactlyWhatWasRead("/t/a", job);
}

TEST_F(FromTest, ALiveJobIsForkedOntoAnotherTableOnly) {
  auto worker = AddWorker("w:1");
  auto other = AddWorker("w:2");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job job;
  const grpc::Status taken = SubmitFrom("second", "/t/a", "first", epoch, true, &job);
  EXPECT_EQ(ReasonOf(taken), "weir/TABLE_TAKEN");
  ASSERT_TRUE(SubmitFrom("second", "/t/b", "first", epoch, false, &job).ok());
  ASSERT_TRUE(AwaitState("second", v1::RUNNING));
  EXPECT_EQ(tables_.Get("/t/a").app_versions.size(), 1u) << "the live job's table is left alone";
}

TEST_F(FromTest, RefusesWhatCanNotGoOn) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  EXPECT_EQ(ReasonOf(SubmitFrom("second", "/t/a", "nobody", 0, false, &job)), "weir/JOB_NOT_FOUND");
  RunWithSavepoint("first", "/t/a");
  ASSERT_TRUE(Stop("first", &job).ok());
  const grpc::Status unknown = SubmitFrom("second", "/t/a", "first", 1, false, &job);
  EXPECT_EQ(ReasonOf(unknown), "weir/FROM_REFUSED");
  EXPECT_THAT(unknown.error_message(), HasSubstr("* = savepoint"));
  const grpc::Status bounded = SubmitFrom("second", "/t/bounded", "first", 0, false, &job);
  EXPECT_EQ(ReasonOf(bounded), "weir/FROM_REFUSED");
  EXPECT_THAT(bounded.error_message(), HasSubstr("`stop`"));
  const grpc::Status alone = Submit("second", "/t/b", &job, [](v1::SubmitRequest* request) {
    request->set_restore_tables(true);
  });
  EXPECT_EQ(ReasonOf(alone), "weir/REQUEST_INVALID");
}

}  // namespace
}  // namespace weir
