#include "coordinator/abandoned_file_sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "lake/delta_checkpoint.h"
#include "lake/delta_log.h"
#include "lake/log_store.h"
#include "model/data_file_name.h"
#include "tests/fakes/faulty_blob_store.h"

namespace weir {
namespace {

using ::testing::UnorderedElementsAre;

constexpr char kJob[] = "activity-0a1b2c3d";

// Generation 2 published file 0 of its only task and was fenced by generation 5.
JobLogState FencedLog() {
  JobLogState log;
  JobSpec spec;
  spec.name = "activity";
  spec.lineage = "lineage";
  spec.plan.sinks.resize(1);
  spec.plan.sinks[0].id = "activity";
  spec.plan.vertices.resize(1);
  spec.plan.vertices[0].operators.resize(1);
  spec.plan.vertices[0].operators[0].op = SinkOp{.sink = 0};
  const auto append = [&log](auto body) {
    const absl::Status status = Apply(log.tail + 1, {absl::StrCat(log.tail), 1, body}, &log);
    EXPECT_TRUE(status.ok()) << status;
  };
  const auto publish = [&](std::vector<StagedFile> staged) {
    Manifest manifest;
    manifest.generation = log.generation;
    manifest.checkpoint = CheckpointId(log.tail - 2);
    manifest.staged = std::move(staged);
    append(manifest);
  };
  StagedFile file;
  file.sink = "activity";
  file.path = DataFileName(kJob, {{Generation(2), {0, 0}, 0}, 0});
  append(spec);
  append(StartedRecord{"c", "submitted", 1});
  publish({});
  publish({file});
  append(StartedRecord{"c", "worker lost", 1});
  publish({});
  append(CommittedRecord{"activity", Epoch(6), 2});
  return log;
}

std::string Name(int64_t number) {
  return DataFileName(kJob, {{Generation(2), {0, 0}, 0}, number});
}

class AbandonedFileSweepTest : public ::testing::Test {
 protected:
  AbandonedFileSweepTest() {
    Put("_delta_log/" + CommitFileName(0), "{\"commitInfo\":{}}\n");
    Commit(1, Name(0));
    for (int64_t number = 0; number < 4; ++number) Put(Name(number), "rows");
  }
  void Put(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(table_->PutIfAbsent(name, bytes).ok());
  }
  void Commit(int64_t version, const std::string& path) {
    Put("_delta_log/" + CommitFileName(version),
        absl::StrCat("{\"add\":{\"path\":\"", path, "\",\"partitionValues\":{},\"size\":4}}\n"));
  }
  // The job's own commit of `epoch`.
  void CommitEpoch(int64_t version, int64_t epoch) {
    Put("_delta_log/" + CommitFileName(version),
        absl::StrCat("{\"txn\":{\"appId\":\"lineage/activity\",\"version\":", epoch, "}}\n"));
  }
  void Remove(int64_t version, const std::string& path) {
    Put("_delta_log/" + CommitFileName(version),
        absl::StrCat("{\"remove\":{\"path\":\"", path, "\",\"deletionTimestamp\":1}}\n"));
  }
  // Long after whatever was removed could be asked for.
  void Checkpoint(int64_t version) {
    const auto store = MakeLogStore(table_);
    DeltaState state;
    for (state.version = -1; state.version < version;) {
      const auto commit = ReadDeltaCommit(store.get(), state.version + 1);
      ASSERT_TRUE(commit.ok()) << commit.status();
      Apply(*commit, &state);
    }
    state.metadata.id = "m";
    const auto written = WriteCheckpoint(store.get(), state, int64_t{1} << 40);
    ASSERT_TRUE(written.ok()) << written.status();
  }
  absl::StatusOr<int64_t> Sweep(Generation from = Generation()) {
    return RemoveAbandonedFilesFrom(table_, kJob, FencedLog(), 0, from);
  }
  std::vector<std::string> DataFiles() {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : table_->Snapshot())
      if (name.find('/') == std::string::npos) names.push_back(name);
    return names;
  }

  const std::shared_ptr<FaultyBlobStore> table_ = std::make_shared<FaultyBlobStore>();
};

TEST_F(AbandonedFileSweepTest, DeletesByNameAndNothingElse) {
  Put("part-00000-foreign.parquet", "x");
  Put(Name(7), "behind a gap: never opened by one that numbers without gaps");
  const auto removed = Sweep();
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 3);
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(7), "part-00000-foreign.parquet"));
  EXPECT_EQ(*Sweep(), 0);
}

TEST_F(AbandonedFileSweepTest, AFileThatTheTableNamesStays) {
  Commit(2, Name(2));
  Commit(3, "s3://elsewhere/" + Name(3));  // as a clone would write it
  ASSERT_TRUE(Sweep().ok());
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(2), Name(3)));
}

TEST_F(AbandonedFileSweepTest, ALogThatCannotBeReadDeletesNothing) {
  Put("_delta_log/" + CommitFileName(2), "not an action\n");
  EXPECT_FALSE(Sweep().ok());
  EXPECT_EQ(DataFiles().size(), 4u);
}

TEST_F(AbandonedFileSweepTest, AV2CheckpointDeletesNothing) {
  Put("_delta_log/00000000000000000001.checkpoint.0a1b2c3d-0000-4000-8000-000000000000.json", "{}");
  EXPECT_TRUE(absl::IsFailedPrecondition(Sweep().status()));
  EXPECT_EQ(DataFiles().size(), 4u);
}

TEST_F(AbandonedFileSweepTest, AStoreThatDoesNotAnswerDeletesNothing) {
  table_->FailGets(1);
  EXPECT_FALSE(Sweep().ok());
  EXPECT_EQ(DataFiles().size(), 4u);
}

TEST_F(AbandonedFileSweepTest, OnlyOfTheGenerationsAskedFor) {
  EXPECT_EQ(*Sweep(Generation(3)), 0);
  EXPECT_EQ(table_->gets(), 0);
  EXPECT_EQ(DataFiles().size(), 4u);
  EXPECT_EQ(*Sweep(Generation(2)), 3);
}

// Generation 2 was fenced by record 5; its last epoch is 4.
TEST_F(AbandonedFileSweepTest, ReadsNoMoreOfALongHistoryThanItMust) {
  for (int64_t version = 2; version < 300; ++version) CommitEpoch(version, 4);
  CommitEpoch(300, 6);
  Checkpoint(300);
  CommitEpoch(301, 7);
  const int before = table_->gets();
  EXPECT_EQ(*Sweep(), 3);
  // Five files looked for; the hint, the checkpoint, the commit behind it, and back to version 299.
  EXPECT_LE(table_->gets() - before, 12);
}

TEST_F(AbandonedFileSweepTest, AFileThatOnlyACheckpointNamesStays) {
  Commit(2, Name(2));
  CommitEpoch(3, 4);
  Checkpoint(3);
  for (int64_t version = 0; version < 3; ++version) {
    ASSERT_TRUE(table_->Delete("_delta_log/" + CommitFileName(version)).ok());
  }
  EXPECT_EQ(*Sweep(), 2);
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(2)));
}

// As after the data directory went back to an older copy: the table has commits that the log
// doesn't know, and others took their files out again. Their versions can still be read.
TEST_F(AbandonedFileSweepTest, AFileOfAVersionSinceThenStaysThoughItWasRemoved) {
  CommitEpoch(2, 4);
  Commit(3, Name(2));
  CommitEpoch(4, 6);
  Remove(5, Name(2));
  Checkpoint(5);  // without the tombstone
  EXPECT_EQ(*Sweep(), 2);
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(2)));
}

TEST_F(AbandonedFileSweepTest, AHistoryTooLongToReadDeletesNothing) {
  for (int64_t version = 2; version <= kFindInLogVersionsMax + 2; ++version) {
    CommitEpoch(version, 5 + version);
  }
  Checkpoint(kFindInLogVersionsMax + 2);
  EXPECT_TRUE(absl::IsResourceExhausted(Sweep().status())) << Sweep().status();
  EXPECT_EQ(DataFiles().size(), 4u);
}

TEST_F(AbandonedFileSweepTest, AnotherWritersTransactionsDoNotCount) {
  Put("_delta_log/" + CommitFileName(2),
      "{\"txn\":{\"appId\":\"other/activity\",\"version\":1}}\n");
  Commit(3, Name(2));
  Remove(4, Name(2));
  CommitEpoch(5, 6);
  Put("_delta_log/" + CommitFileName(6),
      "{\"txn\":{\"appId\":\"other/activity\",\"version\":1}}\n");
  Checkpoint(6);
  EXPECT_EQ(*Sweep(), 2);
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(2)));
}

TEST_F(AbandonedFileSweepTest, AGapInTheLogDeletesNothing) {
  Commit(3, "another.parquet");
  EXPECT_TRUE(absl::IsDataLoss(Sweep().status()));
  EXPECT_EQ(DataFiles().size(), 4u);
}

TEST_F(AbandonedFileSweepTest, WhatIsCutShortIsFoundAgain) {
  ASSERT_TRUE(ArmFailpoints("coordinator.before_abandoned_file_delete=error@2").ok());
  EXPECT_FALSE(Sweep().ok());
  EXPECT_TRUE(ArmFailpoints("").ok());
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0), Name(1), Name(2)));
  EXPECT_EQ(*Sweep(), 2);
  EXPECT_THAT(DataFiles(), UnorderedElementsAre(Name(0)));
}

}  // namespace
}  // namespace weir
