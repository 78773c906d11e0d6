#include "lake/delta_rollback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/failpoint.h"
#include "base/random.h"
#include "lake/delta_committer.h"
#include "lake/delta_log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_log_store.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

constexpr char kOld[] = "old/sink";
constexpr char kNew[] = "new/sink";

Schema TestSchema() { return {{{"n", DataType::Of(TypeKind::kBigint), true}}}; }

std::string AddLine(const std::string& path, const std::string& more = "") {
  return absl::StrCat("{\"add\":{\"path\":\"", path,
                      "\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"
                      "\"dataChange\":true",
                      more, "}}\n");
}
std::string RemoveLine(const std::string& path) {
  return absl::StrCat("{\"remove\":{\"path\":\"", path, "\",\"dataChange\":true}}\n");
}
std::string InfoLine(const std::string& operation) {
  return absl::StrCat("{\"commitInfo\":{\"operation\":\"", operation, "\"}}\n");
}

class DeltaRollbackTest : public testing::Test {
 protected:
  std::unique_ptr<TableCommitter> Prepared(const std::string& app_id) {
    auto committer = MakeDeltaCommitter("/t", OpenFake(&log_), &clock_, random_.get());
    const auto state = committer->Prepare(TestSchema(), app_id, true);
    EXPECT_TRUE(state.ok()) << state.status();
    return committer;
  }
  void CommitAs(const std::string& app_id, int64_t version, const std::string& file) {
    TableCommit commit{app_id, version, {}, "{}"};
    if (!file.empty()) commit.files.push_back({file, 100, 5, 7, "{\"numRecords\":5}"});
    const auto result = Prepared(app_id)->Commit(commit);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_FALSE(result->already_there);
  }
  // Epochs `from` to `to` of an app, each with a file "<prefix><epoch>".
  void Epochs(const std::string& app_id, const std::string& prefix, int64_t from, int64_t to) {
    for (int64_t epoch = from; epoch <= to; ++epoch)
      CommitAs(app_id, epoch, absl::StrCat(prefix, epoch));
  }
  void CommitByOther(const std::string& lines) {
    log_.files[CommitFileName(LastVersion() + 1)] = lines;
  }
  absl::StatusOr<RollbackResult> RollBack(std::vector<TableRollback::Writer> undo,
                                          const std::string& app_id = kNew,
                                          bool check_only = false) {
    TableRollback rollback{std::move(undo), app_id, 1, "{\"job\":\"j\"}", check_only};
    return Prepared(app_id)->Rollback(rollback);
  }
  absl::Status Refusal(std::vector<TableRollback::Writer> undo) {
    const int64_t before = LastVersion();
    const absl::Status status = RollBack(std::move(undo)).status();
    EXPECT_EQ(LastVersion(), before) << "a refused rollback writes nothing";
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return status;
  }
  std::vector<Json> Actions(int64_t version) const {
    std::vector<Json> out;
    for (const auto& line : absl::StrSplit(log_.files.at(CommitFileName(version)), '\n'))
      if (!line.empty()) out.push_back(Json::parse(std::string(line)));
    return out;
  }
  int64_t LastVersion() const {
    int64_t version = -1;
    for (const auto& [name, bytes] : log_.files)
      if (name.size() == 25) version = std::stoll(name);
    return version;
  }
  // Files of the newest version, folded by the test from all commits.
  std::set<std::string> Live() const {
    std::set<std::string> live;
    for (int64_t v = 0; v <= LastVersion(); ++v) {
      for (const Json& action : Actions(v))
        if (action.contains("remove")) live.erase(action["remove"]["path"]);
      for (const Json& action : Actions(v))
        if (action.contains("add")) live.insert(action["add"]["path"]);
    }
    return live;
  }

  FakeLog log_;
  FakeClock clock_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
};

TEST_F(DeltaRollbackTest, TakesBackWhatCameAfterTheEpoch) {
  Epochs(kOld, "a", 3, 6);
  const auto result = RollBack({{kOld, 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->table_version, 5);
  EXPECT_EQ(result->files_removed, 2);
  EXPECT_EQ(result->files_restored, 0);
  EXPECT_THAT(result->kept, ElementsAre(Optional(4)));
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, TheCommitSaysWhatItDid) {
  Epochs(kOld, "a", 3, 5);
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  const std::vector<Json> actions = Actions(4);
  ASSERT_EQ(actions.size(), 4u);
  const Json& info = actions[0]["commitInfo"];
  EXPECT_EQ(info["operation"], "RESTORE");
  EXPECT_EQ(info["operationParameters"], Json({{"version", "2"}}));
  EXPECT_EQ(info["isBlindAppend"], false);
  EXPECT_EQ(info["operationMetrics"]["numRemovedFiles"], "1");
  EXPECT_EQ(info["operationMetrics"]["removedFilesSize"], "100");
  EXPECT_EQ(info["weir"]["job"], "j");
  EXPECT_EQ(info["weir"]["restore"],
            Json({{"undone", {{{"app_id", kOld}, {"after", 4}, {"kept", 4}}}},
                  {"undone_versions", {3}},
                  {"files_removed", 1},
                  {"files_restored", 0}}));
  EXPECT_EQ(actions[1]["txn"]["appId"], kNew);
  EXPECT_EQ(actions[1]["txn"]["version"], 1);
  EXPECT_EQ(actions[2]["txn"]["appId"], kOld);
  EXPECT_EQ(actions[3]["remove"], Json({{"path", "a5"},
                                        {"deletionTimestamp", clock_.wall_us / 1000},
                                        {"dataChange", true},
                                        {"extendedFileMetadata", true},
                                        {"partitionValues", Json::object()},
                                        {"size", 100}}));
}

// Iceberg #10892: after restoring an older checkpoint the sink takes the table's recorded maximum
// for its own and skips what it reads again.
TEST_F(DeltaRollbackTest, SizesOfOtherWritersDoNotOverflowTheSum) {
  const std::string txn = FormatDeltaAction(DeltaTxn{kOld, 3, 1}) + "\n";
  const auto add = [](const std::string& path, const std::string& size) {
    return absl::StrCat("{\"add\":{\"path\":\"", path, "\",\"partitionValues\":{},\"size\":", size,
                        ",\"modificationTime\":1,\"dataChange\":true}}\n");
  };
  const std::map<std::string, std::string> sums{
      {add("a", "9223372036854775807") + add("b", "1"), "9223372036854775807"},
      {add("a", "18446744073709551615") + add("b", "7"), "7"},
      {add("a", "-5") + add("b", "7"), "7"},
      {add("a", "1.5") + add("b", "\"7\"") + add("c", "9"), "9"}};
  for (const auto& [adds, sum] : sums) {
    log_.files.clear();
    CommitAs(kOld, 2, "kept");
    CommitByOther(txn + adds);
    ASSERT_TRUE(RollBack({{kOld, 2}}).ok()) << adds;
    EXPECT_EQ(Actions(3)[0]["commitInfo"]["operationMetrics"]["removedFilesSize"], sum) << adds;
  }
}

TEST_F(DeltaRollbackTest, RestoringAnOlderCheckpointSkipsNothing) {
  Epochs(kOld, "a", 3, 6);
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  Epochs(kNew, "b", 3, 5);  // its numbers are below the old lineage's
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4", "b3", "b4", "b5"}));
}

TEST_F(DeltaRollbackTest, NobodyCommitsForTheOldLineageAnyMore) {
  Epochs(kOld, "a", 3, 5);
  const auto zombie = Prepared(kOld);
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  const auto fenced = zombie->Commit({kOld, 6, {{"a6", 1, 1, 1, "{}"}}, "{}"});
  EXPECT_TRUE(absl::IsAborted(fenced.status())) << fenced.status();
  // A new process of it finds its epochs there.
  EXPECT_TRUE(Prepared(kOld)->Commit({kOld, 7, {{"a7", 1, 1, 1, "{}"}}, "{}"})->already_there);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, AZombiesCommitThatGetsInFirstIsUndoneToo) {
  Epochs(kOld, "a", 3, 5);
  const auto zombie = Prepared(kOld);
  log_.before_put = [&](const std::string&) {
    log_.before_put = nullptr;
    ASSERT_TRUE(zombie->Commit({kOld, 6, {{"a6", 1, 1, 1, "{}"}}, "{}"}).ok());
  };
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, OtherWritersKeepTheirs) {
  Epochs(kOld, "a", 3, 4);
  CommitByOther(InfoLine("WRITE") + AddLine("x"));
  Epochs(kOld, "a", 5, 6);
  CommitByOther(InfoLine("DELETE") + RemoveLine("a3"));
  CommitAs("stranger/sink", 9, "y");
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a4", "x", "y"}));
}

TEST_F(DeltaRollbackTest, HappensOnce) {
  Epochs(kOld, "a", 3, 6);
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  Epochs(kNew, "b", 3, 4);
  const int64_t before = LastVersion();
  const auto again = RollBack({{kOld, 4}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_there);
  EXPECT_EQ(LastVersion(), before);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4", "b3", "b4"}));
}

TEST_F(DeltaRollbackTest, ALostAnswerIsReadBack) {
  Epochs(kOld, "a", 3, 6);
  log_.outcomes = {PutOutcome::kLandsUnknown};
  const auto result = RollBack({{kOld, 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->already_there);
  EXPECT_EQ(LastVersion(), 5);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, OneThatStopsBeforeItsCommitLeavesTheTableAndComesAgain) {
  Epochs(kOld, "f", 1, 3);
  const int64_t before = LastVersion();
  ASSERT_TRUE(ArmFailpoints("lake.before_rollback=error@1").ok());
  const absl::Status stopped = RollBack({{kOld, 1}}).status();
  ArmFailpoints("").IgnoreError();
  EXPECT_TRUE(absl::IsUnavailable(stopped)) << stopped;
  EXPECT_EQ(LastVersion(), before);
  ASSERT_TRUE(RollBack({{kOld, 1}}).ok());
  EXPECT_THAT(Live(), ElementsAre("f1"));
}

TEST_F(DeltaRollbackTest, AnOutcomeThatStaysUnknownIsSaidToBeUnknown) {
  Epochs(kOld, "a", 3, 6);
  log_.outcomes = std::deque<PutOutcome>(9, PutOutcome::kLostUnknown);
  EXPECT_TRUE(absl::IsUnknown(RollBack({{kOld, 4}}).status()));
  log_.outcomes = {PutOutcome::kLostUnknown, PutOutcome::kUnavailable};
  EXPECT_TRUE(absl::IsUnknown(RollBack({{kOld, 4}}).status()));
  log_.outcomes = {PutOutcome::kUnavailable};
  EXPECT_TRUE(absl::IsUnavailable(RollBack({{kOld, 4}}).status()));
  ASSERT_TRUE(RollBack({{kOld, 4}}).ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, ACheckChangesNothing) {
  Epochs(kOld, "a", 3, 6);
  const auto result = RollBack({{kOld, 4}}, kNew, /*check_only=*/true);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->files_removed, 2);
  EXPECT_EQ(result->table_version, 4);
  EXPECT_EQ(LastVersion(), 4);
}

TEST_F(DeltaRollbackTest, SaysWhichEpochsTheTableHolds) {
  Epochs(kOld, "a", 3, 5);
  const auto published_only = RollBack({{kOld, 9}, {"never/sink", 2}}, kNew, /*check_only=*/true);
  ASSERT_TRUE(published_only.ok());
  EXPECT_THAT(published_only->kept, ElementsAre(Optional(5), std::nullopt));
  EXPECT_EQ(published_only->files_removed, 0);
}

// A savepoint restored twice: the second time all of the first lineage's descendant goes too, and
// what its own rollback had taken away comes back.
TEST_F(DeltaRollbackTest, UndoesARollback) {
  Epochs(kOld, "a", 3, 8);
  ASSERT_TRUE(RollBack({{kOld, 4}}, "middle/sink").ok());
  Epochs("middle/sink", "m", 3, 5);
  const auto result = RollBack({{kOld, 6}, {"middle/sink", 0}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->files_restored, 2);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4", "a5", "a6"}));
  // And once more, further back: what came back goes again.
  ASSERT_TRUE(RollBack({{kOld, 5}, {"middle/sink", 0}, {kNew, 0}}, "last/sink").ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4", "a5"}));
  // From a checkpoint of the descendant its rollback stands.
  ASSERT_TRUE(RollBack({{"middle/sink", 4}, {kNew, 0}, {"last/sink", 0}}, "another/sink").ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4", "m3", "m4"}));
}

TEST_F(DeltaRollbackTest, BringsBackFilesThatOnlyACheckpointKnows) {
  Epochs(kOld, "a", 3, 14);  // a checkpoint at version 10, with a12
  ASSERT_TRUE(RollBack({{kOld, 11}}, "middle/sink").ok());
  for (int64_t v = 0; v < 10; ++v) log_.files.erase(CommitFileName(v));
  // Everything of `middle` is after the checkpoint, which also holds all that must come back.
  ASSERT_TRUE(RollBack({{kOld, 12}, {"middle/sink", 0}}).ok());
  for (const Json& action : Actions(LastVersion())) {
    if (!action.contains("add")) continue;
    EXPECT_EQ(action["add"]["path"], "a12");
    EXPECT_EQ(action["add"]["stats"], "{\"numRecords\":5}");
    EXPECT_EQ(action["add"]["dataChange"], true);
  }
  EXPECT_EQ(Actions(LastVersion())[0]["commitInfo"]["operationMetrics"]["numRestoredFiles"], "1");
}

// RisingWave #25935: a pruned history must not read as "never committed".
TEST_F(DeltaRollbackTest, PrunedHistoryIsNotTakenForNeverCommitted) {
  Epochs(kOld, "a", 3, 14);
  for (int64_t v = 0; v < 10; ++v) log_.files.erase(CommitFileName(v));
  const absl::Status status = Refusal({{kOld, 4}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("no longer goes back"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("10"));
  // What is after the checkpoint can still be told.
  EXPECT_TRUE(RollBack({{kOld, 12}}).ok());
}

TEST_F(DeltaRollbackTest, RefusesAHoleInTheLog) {
  Epochs(kOld, "a", 3, 6);
  const auto committer = Prepared(kNew);
  log_.files.erase(CommitFileName(3));
  const absl::Status status = committer->Rollback({{{kOld, 4}}, kNew, 1, "", false}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 3 is missing"));
}

TEST_F(DeltaRollbackTest, RefusesWhenAnotherWriterRewroteTheRows) {
  Epochs(kOld, "a", 3, 6);
  CommitByOther(InfoLine("OPTIMIZE") + RemoveLine("a3") + RemoveLine("a5") + AddLine("o"));
  const absl::Status status = Refusal({{kOld, 4}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 5 (OPTIMIZE) rewrote a5"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("epoch 5 of old/sink"));
  // From a later checkpoint nothing that was rewritten is undone.
  ASSERT_TRUE(RollBack({{kOld, 5}}).ok());
  EXPECT_EQ(Live(), (std::set<std::string>{"a4", "o"}));
}

TEST_F(DeltaRollbackTest, RefusesRowsDeletedWithAVector) {
  Epochs(kOld, "a", 3, 5);
  CommitByOther(InfoLine("DELETE") + RemoveLine("a5") +
                AddLine("a5", R"(,"deletionVector":{"storageType":"u","pathOrInlineDv":"x"})"));
  EXPECT_THAT(std::string(Refusal({{kOld, 4}}).message()), HasSubstr("(DELETE) rewrote a5"));
}

TEST_F(DeltaRollbackTest, RowsThatSomebodyDeletedStayAway) {
  Epochs(kOld, "a", 3, 6);
  CommitByOther(InfoLine("DELETE") + RemoveLine("a4") + RemoveLine("a5"));
  const auto result = RollBack({{kOld, 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->files_removed, 1);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3"}));
}

TEST_F(DeltaRollbackTest, AgreesWithARestoreByHand) {
  Epochs(kOld, "a", 3, 6);
  CommitByOther(InfoLine("RESTORE") + RemoveLine("a5") + RemoveLine("a6"));
  CommitByOther(InfoLine("RESTORE") + AddLine("a5"));  // further forward again
  const auto result = RollBack({{kOld, 4}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->files_removed, 1);
  EXPECT_EQ(Live(), (std::set<std::string>{"a3", "a4"}));
}

TEST_F(DeltaRollbackTest, RefusesWhenAFileToComeBackIsGone) {
  Epochs(kOld, "a", 3, 6);
  ASSERT_TRUE(RollBack({{kOld, 4}}, "middle/sink").ok());
  log_.missing_data_files = {"a5"};
  const absl::Status status = Refusal({{kOld, 5}, {"middle/sink", 0}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("a5 has to come back and was deleted"));
}

TEST_F(DeltaRollbackTest, RefusesAnAppendOnlyTable) {
  Epochs(kOld, "a", 3, 5);
  DeltaMetadata metadata;
  metadata.id = "m";
  metadata.schema = Actions(0)[2]["metaData"]["schemaString"];
  metadata.configuration["delta.appendOnly"] = "true";
  CommitByOther(FormatDeltaAction(metadata) + "\n");
  EXPECT_THAT(std::string(Refusal({{kOld, 4}}).message()), HasSubstr("delta.appendOnly"));
  EXPECT_TRUE(RollBack({{kOld, 5}}).ok());  // nothing to remove
}

TEST_F(DeltaRollbackTest, RefusesWrongRequests) {
  const auto committer = Prepared(kNew);
  const auto refused = [&](const TableRollback& rollback) {
    return absl::IsInvalidArgument(committer->Rollback(rollback).status());
  };
  EXPECT_TRUE(refused({{{kOld, 4}}, "x/sink", 1, "", false}));
  EXPECT_TRUE(refused({{{kNew, 4}}, kNew, 1, "", false}));
  EXPECT_TRUE(refused({{{kOld, 4}, {kOld, 5}}, kNew, 1, "", false}));
  EXPECT_TRUE(refused({{{kOld, 4}}, kNew, 1, "[1]", false}));
  EXPECT_EQ(LastVersion(), 0);
}

// Seeded: strangers append, delete and race, answers get lost, checkpoints are restored again and
// again; the table always holds exactly the strangers' files and the prefix asked for.
TEST_F(DeltaRollbackTest, ExactUnderRacesAndLostAnswers) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const std::unique_ptr<Random> dice = SeededRandom(seed);
    log_ = FakeLog();
    std::set<std::string> strangers;
    int64_t last = 2;
    for (; last < 3 + static_cast<int64_t>(dice->Next() % 20); ++last) {
      CommitAs(kOld, last + 1, absl::StrCat("a", last + 1));
      if (dice->Next() % 3 == 0) {
        const std::string name = absl::StrCat("x", last);
        CommitByOther(AddLine(name));
        strangers.insert(name);
      }
    }
    std::vector<TableRollback::Writer> undo;
    for (int round = 0; round < 3; ++round) {
      const int64_t keep = 2 + static_cast<int64_t>(dice->Next() % (last - 1));
      undo.insert(undo.begin(), {kOld, keep});
      if (round > 0) undo.erase(undo.begin() + 1);
      const std::string app_id = absl::StrCat("new", round, "/sink");
      absl::Status status = absl::UnknownError("");
      while (!status.ok()) {
        for (int i = 0; i < 3; ++i)
          log_.outcomes.push_back(static_cast<PutOutcome>(dice->Next() % 5));
        if (dice->Next() % 3 == 0) {
          const std::string name = absl::StrCat("y", round, LastVersion());
          log_.before_put = [this, name](const std::string&) {
            log_.before_put = nullptr;
            CommitByOther(AddLine(name));
          };
          strangers.insert(name);
        }
        status = RollBack(undo, app_id).status();
        if (log_.before_put) log_.before_put("");
      }
      log_.outcomes.clear();
      std::set<std::string> expected = strangers;
      for (int64_t epoch = 3; epoch <= std::min(keep, last); ++epoch)
        expected.insert(absl::StrCat("a", epoch));
      ASSERT_EQ(Live(), expected);
      CommitAs(app_id, 3, absl::StrCat("n", round));
      undo.push_back({app_id, 0});
    }
  }
}

}  // namespace
}  // namespace weir
