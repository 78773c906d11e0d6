#include "lake/delta_committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "lake/delta_actions.h"
#include "lake/delta_log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_log_store.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

Schema TestSchema() {
  return {{{"eventTime", DataType::Of(TypeKind::kTimestamptz), false},
           {"n", DataType::Of(TypeKind::kBigint), true}}};
}

DataFile File(const std::string& name) { return {name, 100, 5, 7, "{\"numRecords\":5}"}; }

class DeltaCommitterTest : public testing::Test {
 protected:
  std::unique_ptr<TableCommitter> NewCommitter() {
    return MakeDeltaCommitter("/t", OpenFake(&log_), &clock_, random_.get());
  }
  std::unique_ptr<TableCommitter> Prepared(const std::string& app_id = "lineage/sink") {
    std::unique_ptr<TableCommitter> committer = NewCommitter();
    const absl::StatusOr<TableState> state = committer->Prepare(TestSchema(), app_id, true);
    EXPECT_TRUE(state.ok()) << state.status();
    return committer;
  }
  static TableCommit Epoch(int64_t version, std::vector<DataFile> files = {},
                           const std::string& app_id = "lineage/sink") {
    return {app_id, version, std::move(files), "{\"epoch\":1}"};
  }
  // Actions of a version, commitInfo first.
  std::vector<Json> Actions(int64_t version) const {
    std::vector<Json> out;
    for (const auto& line : absl::StrSplit(log_.files.at(CommitFileName(version)), '\n'))
      if (!line.empty()) out.push_back(Json::parse(std::string(line)));
    return out;
  }
  std::vector<std::string> AddedPaths() const {
    std::vector<std::string> paths;
    for (int64_t v = 0; log_.files.count(CommitFileName(v)) != 0; ++v)
      for (const Json& action : Actions(v))
        if (action.contains("add")) paths.push_back(action["add"]["path"]);
    return paths;
  }
  int64_t LastVersion() const {
    int64_t version = -1;
    while (log_.files.count(CommitFileName(version + 1)) != 0) ++version;
    return version;
  }
  // Another writer commits `lines` as the next version, once, before our next put.
  void InterposeOnce(const std::string& lines) {
    log_.before_put = [this, lines](const std::string&) {
      log_.before_put = nullptr;
      log_.files[CommitFileName(LastVersion() + 1)] = lines;
    };
  }

  FakeLog log_;
  FakeClock clock_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
};

TEST_F(DeltaCommitterTest, CreatesTheTableWithOurSpelling) {
  const auto committer = NewCommitter();
  const auto state = committer->Prepare(TestSchema(), "a", true);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->table_version, 0);
  EXPECT_EQ(state->app_version, std::nullopt);
  EXPECT_EQ(state->schema, TestSchema());
  const std::vector<Json> actions = Actions(0);
  ASSERT_EQ(actions.size(), 3u);
  EXPECT_EQ(actions[1]["protocol"], Json({{"minReaderVersion", 1}, {"minWriterVersion", 2}}));
  const Json schema = Json::parse(actions[2]["metaData"]["schemaString"].get<std::string>());
  EXPECT_EQ(schema["fields"][0]["name"], "eventTime");
  EXPECT_EQ(schema["fields"][0]["nullable"], false);
}

TEST_F(DeltaCommitterTest, TimestampWithoutZoneNeedsTheFeature) {
  const Schema schema{{{"t", DataType::Of(TypeKind::kTimestamp), true}}};
  ASSERT_TRUE(NewCommitter()->Prepare(schema, "a", true).ok());
  EXPECT_EQ(Actions(0)[1]["protocol"],
            Json({{"minReaderVersion", 3},
                  {"minWriterVersion", 7},
                  {"readerFeatures", {"timestampNtz"}},
                  {"writerFeatures", {"appendOnly", "invariants", "timestampNtz"}}}));
}

TEST_F(DeltaCommitterTest, DoesNotCreateUnasked) {
  const auto state = NewCommitter()->Prepare(TestSchema(), "a", false);
  EXPECT_TRUE(absl::IsNotFound(state.status())) << state.status();
  EXPECT_TRUE(log_.files.empty());
}

TEST_F(DeltaCommitterTest, TakesTheTableSomebodyElseCreatesFirst) {
  FakeLog theirs;
  ASSERT_TRUE(MakeDeltaCommitter("/t", OpenFake(&theirs), &clock_, random_.get())
                  ->Prepare(TestSchema(), "a", true)
                  .ok());
  const std::string their_bytes = theirs.files.at(CommitFileName(0));
  InterposeOnce(their_bytes);
  ASSERT_TRUE(NewCommitter()->Prepare(TestSchema(), "a", true).ok());
  EXPECT_EQ(log_.files.at(CommitFileName(0)), their_bytes);
}

TEST_F(DeltaCommitterTest, CommitHoldsWhatTheProtocolAsksFor) {
  const auto committer = Prepared();
  TableCommit commit = Epoch(7, {File("a.parquet"), File("b c%.parquet")});
  commit.weir_info = R"({"job":"activity","offsets":{"0":12}})";
  const auto result = committer->Commit(commit);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->table_version, 1);
  EXPECT_FALSE(result->already_there);
  EXPECT_EQ(result->rebases, 0);
  const std::vector<Json> actions = Actions(1);
  ASSERT_EQ(actions.size(), 4u);
  const Json& info = actions[0]["commitInfo"];
  EXPECT_EQ(info["operation"], "STREAMING UPDATE");
  EXPECT_EQ(info["operationParameters"],
            Json({{"outputMode", "Append"}, {"queryId", "lineage/sink"}, {"epochId", "7"}}));
  EXPECT_EQ(info["isBlindAppend"], true);
  EXPECT_THAT(info["engineInfo"].get<std::string>(), HasSubstr("weir/"));
  EXPECT_FALSE(info["txnId"].get<std::string>().empty());
  EXPECT_EQ(info["weir"]["offsets"]["0"], 12);
  EXPECT_FALSE(info.contains("inCommitTimestamp"));
  EXPECT_EQ(
      actions[1]["txn"],
      Json({{"appId", "lineage/sink"}, {"version", 7}, {"lastUpdated", clock_.wall_us / 1000}}));
  EXPECT_EQ(actions[2]["add"], Json({{"path", "a.parquet"},
                                     {"partitionValues", Json::object()},
                                     {"size", 100},
                                     {"modificationTime", 7},
                                     {"dataChange", true},
                                     {"stats", "{\"numRecords\":5}"}}));
  EXPECT_EQ(actions[3]["add"]["path"], "b%20c%25.parquet");
}

TEST_F(DeltaCommitterTest, AnEpochIsCommittedOnce) {
  const auto committer = Prepared();
  ASSERT_TRUE(committer->Commit(Epoch(3, {File("a.parquet")})).ok());
  for (const int64_t version : {3, 2}) {
    const auto again = committer->Commit(Epoch(version, {File("a.parquet")}));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->already_there);
    EXPECT_EQ(again->table_version, 1);
  }
  EXPECT_EQ(LastVersion(), 1);
}

TEST_F(DeltaCommitterTest, ARestartFindsTheStoredVersion) {
  ASSERT_TRUE(Prepared()->Commit(Epoch(3, {File("a.parquet")})).ok());
  ASSERT_TRUE(Prepared("other/sink")->Commit(Epoch(9, {}, "other/sink")).ok());
  const auto committer = NewCommitter();
  const auto state = committer->Prepare(TestSchema(), "lineage/sink", true);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->table_version, 2);
  EXPECT_THAT(state->app_version, Optional(3));
  EXPECT_THAT(state->app_ids, ElementsAre("lineage/sink", "other/sink"));
  const auto again = committer->Commit(Epoch(3, {File("a.parquet")}));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->already_there);
}

TEST_F(DeltaCommitterTest, RebasesOverAddsAndRemovesOfOthers) {
  const auto committer = Prepared();
  InterposeOnce(
      "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n"
      "{\"remove\":{\"path\":\"x.parquet\",\"dataChange\":false}}\n"
      "{\"add\":{\"path\":\"y.parquet\",\"partitionValues\":{},\"size\":1,"
      "\"modificationTime\":1,\"dataChange\":false}}\n"
      "{\"somethingNew\":{\"a\":1}}\n");
  const auto result = committer->Commit(Epoch(1, {File("a.parquet")}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->table_version, 2);
  EXPECT_EQ(result->rebases, 1);
  EXPECT_EQ(Actions(2)[0]["commitInfo"]["readVersion"], 1);
}

TEST_F(DeltaCommitterTest, GivesUpForNowAgainstAnEndlessWinner) {
  const auto committer = Prepared();
  log_.before_put = [this](const std::string& name) { log_.files[name] = "{\"commitInfo\":{}}\n"; };
  const auto result = committer->Commit(Epoch(1, {File("a.parquet")}));
  EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  log_.before_put = nullptr;
  EXPECT_TRUE(committer->Commit(Epoch(1, {File("a.parquet")})).ok());
  EXPECT_THAT(AddedPaths(), ElementsAre("a.parquet"));
}

TEST_F(DeltaCommitterTest, RechecksASchemaThatChangesUnderIt) {
  const auto committer = Prepared();
  DeltaMetadata metadata;
  metadata.id = "m";
  metadata.schema =
      R"({"type":"struct","fields":[{"name":"eventTime","type":"timestamp","nullable":false,"metadata":{}},)"
      R"({"name":"n","type":"string","nullable":true,"metadata":{}}]})";
  InterposeOnce(FormatDeltaAction(metadata) + "\n");
  for (int i = 0; i < 2; ++i) {  // and goes on refusing
    const auto refused = committer->Commit(Epoch(1, {File("a.parquet")}));
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr("column n of the table is string"));
  }
  EXPECT_EQ(LastVersion(), 1);
}

TEST_F(DeltaCommitterTest, GoesOnWhenAColumnIsAdded) {
  const auto committer = Prepared();
  DeltaMetadata metadata;
  metadata.id = "m";
  metadata.schema =
      R"({"type":"struct","fields":[{"name":"eventTime","type":"timestamp","nullable":false,"metadata":{}},)"
      R"({"name":"n","type":"long","nullable":true,"metadata":{}},)"
      R"({"name":"note","type":"string","nullable":true,"metadata":{}}]})";
  InterposeOnce(FormatDeltaAction(metadata) + "\n");
  EXPECT_TRUE(committer->Commit(Epoch(1, {File("a.parquet")})).ok());
}

TEST_F(DeltaCommitterTest, AFeatureThatAppearsIsRefused) {
  const auto committer = Prepared();
  DeltaProtocol protocol{3, 7, std::vector<std::string>{}, std::vector<std::string>{"rowTracking"}};
  InterposeOnce(FormatDeltaAction(protocol) + "\n");
  const auto refused = committer->Commit(Epoch(1, {File("a.parquet")}));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("rowTracking"));
}

// Two committers of one app id: the older one must stop, whatever it asks for.
TEST_F(DeltaCommitterTest, AZombieIsFenced) {
  const auto zombie = Prepared();
  const auto successor = Prepared();
  ASSERT_TRUE(successor->Commit(Epoch(5, {File("b.parquet")})).ok());
  for (const int64_t version : {4, 6}) {
    const auto fenced = zombie->Commit(Epoch(version, {File("z.parquet")}));
    EXPECT_TRUE(absl::IsAborted(fenced.status())) << fenced.status();
  }
  EXPECT_THAT(AddedPaths(), ElementsAre("b.parquet"));
}

// A leader that follows another one redoes what its log does not call committed: the other may have
// come further in the table than in the log.
TEST_F(DeltaCommitterTest, WhatAPredecessorCommittedMeanwhileIsDone) {
  const auto predecessor = Prepared();
  const auto leader = Prepared();
  ASSERT_TRUE(predecessor->Commit(Epoch(5, {File("b.parquet")})).ok());
  for (const int64_t version : {4, 5, 6}) {
    TableCommit redo = Epoch(version, {File(version == 6 ? "c.parquet" : "b.parquet")});
    redo.newest = 6;
    const auto result = leader->Commit(redo);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->already_there, version < 6);
  }
  EXPECT_THAT(AddedPaths(), ElementsAre("b.parquet", "c.parquet"));
}

TEST_F(DeltaCommitterTest, AVersionThatNobodyPublishedIsAStrangers) {
  const auto stranger = Prepared();
  const auto leader = Prepared();
  ASSERT_TRUE(stranger->Commit(Epoch(7, {File("b.parquet")})).ok());
  TableCommit redo = Epoch(4, {File("z.parquet")});
  redo.newest = 6;
  EXPECT_TRUE(absl::IsAborted(leader->Commit(redo).status()));
  EXPECT_THAT(AddedPaths(), ElementsAre("b.parquet"));
}

// Peers, row 1: the cluster's data is put back from a backup while the table is ahead of it.
TEST_F(DeltaCommitterTest, Row1ATableAheadOfItsWritersRecordsIsNotTakenForDone) {
  ASSERT_TRUE(Prepared()->Commit(Epoch(500, {File("old.parquet")})).ok());
  const auto restored = Prepared();
  TableCommit next = Epoch(142, {File("new.parquet")});
  for (const int64_t newest : {142, 143, 499}) {
    next.newest = newest;
    const auto refused = restored->Commit(next);
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
    EXPECT_THAT(refused.status().message(),
                AllOf(HasSubstr("version 500"), HasSubstr(absl::StrCat(newest, " is the newest")),
                      HasSubstr("older than the table")));
  }
  next.newest = 500;  // committed, but the record of that was lost
  const auto done = restored->Commit(next);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->already_there);
  EXPECT_THAT(AddedPaths(), ElementsAre("old.parquet"));
}

TEST_F(DeltaCommitterTest, AZombieThatLosesTheRaceIsFenced) {
  const auto zombie = Prepared();
  const auto successor = Prepared();
  log_.before_put = [&](const std::string&) {
    log_.before_put = nullptr;
    ASSERT_TRUE(successor->Commit(Epoch(5, {File("b.parquet")})).ok());
  };
  EXPECT_TRUE(absl::IsAborted(zombie->Commit(Epoch(4, {File("z.parquet")})).status()));
  EXPECT_THAT(AddedPaths(), ElementsAre("b.parquet"));
}

TEST_F(DeltaCommitterTest, TheSameEpochOfAnotherProcessCountsAsThere) {
  const auto one = Prepared();
  const auto other = Prepared();
  log_.before_put = [&](const std::string&) {
    log_.before_put = nullptr;
    ASSERT_TRUE(other->Commit(Epoch(4, {File("a.parquet")})).ok());
  };
  const auto result = one->Commit(Epoch(4, {File("a.parquet")}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->already_there);
  EXPECT_EQ(result->table_version, 1);
  EXPECT_THAT(AddedPaths(), ElementsAre("a.parquet"));
}

// A successor folds epochs 4 and 5 into one commit while the zombie still lands 4.
TEST_F(DeltaCommitterTest, FilesOfAFoldedEpochThatLandsLateAreNotAddedTwice) {
  const auto zombie = Prepared();
  const auto successor = Prepared();
  log_.before_put = [&](const std::string&) {
    log_.before_put = nullptr;
    ASSERT_TRUE(zombie->Commit(Epoch(4, {File("four.parquet")})).ok());
  };
  const auto result = successor->Commit(Epoch(5, {File("four.parquet"), File("five.parquet")}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->already_there);
  EXPECT_THAT(AddedPaths(), ElementsAre("four.parquet", "five.parquet"));
}

TEST_F(DeltaCommitterTest, ALostAnswerIsReadBack) {
  const auto committer = Prepared();
  log_.outcomes = {PutOutcome::kLandsUnknown};
  const auto result = committer->Commit(Epoch(1, {File("a.parquet")}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->table_version, 1);
  EXPECT_FALSE(result->already_there);
  EXPECT_EQ(result->rebases, 0);
  EXPECT_THAT(AddedPaths(), ElementsAre("a.parquet"));
}

TEST_F(DeltaCommitterTest, ALostRequestIsRepeated) {
  const auto committer = Prepared();
  log_.outcomes = {PutOutcome::kLostUnknown, PutOutcome::kLostUnknown};
  ASSERT_TRUE(committer->Commit(Epoch(1, {File("a.parquet")})).ok());
  EXPECT_THAT(AddedPaths(), ElementsAre("a.parquet"));
}

TEST_F(DeltaCommitterTest, AnOutcomeThatStaysUnknownIsSaidToBeUnknown) {
  const auto committer = Prepared();
  log_.outcomes = {PutOutcome::kLostUnknown, PutOutcome::kUnavailable};
  EXPECT_TRUE(absl::IsUnknown(committer->Commit(Epoch(1, {File("a.parquet")})).status()));
  log_.outcomes = std::deque<PutOutcome>(9, PutOutcome::kLostUnknown);
  EXPECT_TRUE(absl::IsUnknown(committer->Commit(Epoch(1, {File("a.parquet")})).status()));
  log_.outcomes.clear();
  ASSERT_TRUE(committer->Commit(Epoch(1, {File("a.parquet")})).ok());
  EXPECT_THAT(AddedPaths(), ElementsAre("a.parquet"));
}

TEST_F(DeltaCommitterTest, CertainFailuresSayThatNothingHappened) {
  const auto committer = Prepared();
  for (const PutOutcome outcome : {PutOutcome::kUnavailable, PutOutcome::kDiskFull}) {
    log_.outcomes = {outcome};
    const auto failed = committer->Commit(Epoch(1, {File("a.parquet")}));
    EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
    EXPECT_THAT(std::string(failed.status().message()), HasSubstr("/t"));
  }
  EXPECT_EQ(LastVersion(), 0);
}

// Seeded: every mixture of lost, late and refused writes by two generations of one writer and by a
// stranger leaves each epoch's file in the table exactly once.
TEST_F(DeltaCommitterTest, ExactlyOnceUnderLostAnswers) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const std::unique_ptr<Random> dice = SeededRandom(seed);
    log_ = FakeLog();
    auto committer = Prepared();
    std::vector<std::string> expected;
    for (int64_t epoch = 1; epoch <= 8; ++epoch) {
      const std::string name = absl::StrCat("e", epoch, ".parquet");
      expected.push_back(name);
      absl::Status status = absl::UnknownError("");
      while (!status.ok()) {
        log_.outcomes.push_back(static_cast<PutOutcome>(dice->Next() % 5));
        if (dice->Next() % 4 == 0) InterposeOnce("{\"commitInfo\":{}}\n");
        status = committer->Commit(Epoch(epoch, {File(name)})).status();
        ASSERT_FALSE(absl::IsAborted(status)) << status;
        if (!status.ok() && dice->Next() % 2 == 0) {
          log_.outcomes.clear();
          committer = Prepared();  // a crash and a restart
        }
        if (status.ok() && dice->Next() % 4 == 0) {
          committer = Prepared();  // a crash before the success was recorded
          status = absl::UnknownError("");
        }
      }
    }
    EXPECT_EQ(AddedPaths(), expected);
  }
}

TEST_F(DeltaCommitterTest, RefusesADroppedTable) {
  const auto committer = Prepared();
  ASSERT_TRUE(committer->Commit(Epoch(1)).ok());
  log_.files.clear();
  const auto refused = committer->Commit(Epoch(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_TRUE(log_.files.empty());
}

// After a long pause the versions we would follow may have been cleaned away; writing into the hole
// would lose the commit.
TEST_F(DeltaCommitterTest, DoesNotWriteIntoAHoleOfTheLog) {
  const auto committer = Prepared();
  log_.files[CommitFileName(20)] = "{\"commitInfo\":{}}\n";
  clock_.monotonic_us += int64_t{3600} * 1'000'000;
  const auto refused = committer->Commit(Epoch(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_EQ(log_.files.count(CommitFileName(1)), 0u);
}

TEST_F(DeltaCommitterTest, InCommitTimestampsRise) {
  Prepared();
  DeltaProtocol protocol{3, 7, std::vector<std::string>{},
                         std::vector<std::string>{"inCommitTimestamp"}};
  DeltaMetadata metadata;
  metadata.id = "m";
  metadata.schema = Json::parse(Actions(0)[2].dump())["metaData"]["schemaString"];
  metadata.configuration["delta.enableInCommitTimestamps"] = "true";
  const int64_t now_ms = clock_.wall_us / 1000;
  log_.files[CommitFileName(1)] =
      absl::StrCat("{\"commitInfo\":{\"inCommitTimestamp\":", now_ms + 5000, "}}\n",
                   FormatDeltaAction(protocol), "\n", FormatDeltaAction(metadata), "\n");
  const auto committer = Prepared();
  ASSERT_TRUE(committer->Commit(Epoch(1)).ok());
  EXPECT_EQ(Actions(2)[0]["commitInfo"]["inCommitTimestamp"], now_ms + 5001);
  clock_.wall_us += int64_t{60} * 1'000'000;
  ASSERT_TRUE(committer->Commit(Epoch(2)).ok());
  EXPECT_EQ(Actions(3)[0]["commitInfo"]["inCommitTimestamp"], now_ms + 60000);
  // Also after a restart with a clock that went back.
  clock_.wall_us -= int64_t{120} * 1'000'000;
  ASSERT_TRUE(Prepared()->Commit(Epoch(3)).ok());
  EXPECT_EQ(Actions(4)[0]["commitInfo"]["inCommitTimestamp"], now_ms + 60001);
}

TEST_F(DeltaCommitterTest, ReadsOnlyWhatIsNew) {
  const auto committer = Prepared();
  for (int64_t epoch = 1; epoch <= 95; ++epoch)
    ASSERT_TRUE(committer->Commit(Epoch(epoch, {File(absl::StrCat(epoch))})).ok());
  log_.reads = log_.lists = 0;
  for (int64_t epoch = 96; epoch <= 99; ++epoch)
    ASSERT_TRUE(committer->Commit(Epoch(epoch, {File(absl::StrCat(epoch))})).ok());
  EXPECT_EQ(log_.reads, 4);  // each looks once for the next version
  EXPECT_EQ(log_.lists, 0);
}

TEST_F(DeltaCommitterTest, AFailedCheckpointFailsNoCommitAndIsTriedAgain) {
  const auto committer = Prepared();
  for (int64_t epoch = 1; epoch <= 12; ++epoch) {
    // A commit in the way that the checkpoint can't read: the file action of version 1 is damaged.
    if (epoch == 10) log_.files[CommitFileName(1)].insert(0, "x");
    if (epoch == 12) log_.files[CommitFileName(1)].erase(0, 1);
    const auto result = committer->Commit(Epoch(epoch, {File(absl::StrCat(epoch))}));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(log_.files.count(CheckpointFileName(epoch)), epoch == 12 ? 1u : 0u);
  }
}

TEST_F(DeltaCommitterTest, RefusesWrongRequests) {
  EXPECT_TRUE(absl::IsFailedPrecondition(NewCommitter()->Commit(Epoch(1)).status()));
  const auto committer = Prepared();
  EXPECT_TRUE(absl::IsInvalidArgument(committer->Commit(Epoch(1, {}, "x")).status()));
  TableCommit commit = Epoch(1);
  commit.weir_info = "[1]";
  EXPECT_TRUE(absl::IsInvalidArgument(committer->Commit(commit).status()));
  EXPECT_EQ(LastVersion(), 0);
}

}  // namespace
}  // namespace weir
