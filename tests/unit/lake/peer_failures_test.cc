// Failures that peers had when committing to tables, each as it would look here. The numbers are
// those of their trackers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "lake/delta_committer.h"
#include "lake/delta_log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_blob_store.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;

constexpr char kApp[] = "lineage/sink";

class PeerFailures : public testing::Test {
 protected:
  std::unique_ptr<TableCommitter> Prepared(int64_t* app_version = nullptr) {
    auto committer = MakeDeltaCommitter(
        "/t",
        [this]() -> absl::StatusOr<std::unique_ptr<LogStore>> { return MakeLogStore(table_); },
        &clock_, random_.get());
    const Schema schema{{{"n", DataType::Of(TypeKind::kBigint), true}}};
    const auto state = committer->Prepare(schema, kApp, true);
    EXPECT_TRUE(state.ok()) << state.status();
    if (app_version != nullptr) *app_version = state->app_version.value_or(-1);
    return committer;
  }
  // An epoch whose data file is in the table's directory.
  TableCommit Epoch(int64_t epoch) {
    const std::string name = absl::StrCat("e", epoch, ".parquet");
    table_->PutIfAbsent(name, "rows").IgnoreError();
    return {kApp, epoch, {{name, 4, 1, 1, "{\"numRecords\":1}"}}, "{}"};
  }
  std::vector<std::string> Added() {
    std::vector<std::string> paths;
    for (const auto& [name, bytes] : table_->Snapshot()) {
      if (name.size() != 36 || name.find(".json") == std::string::npos) continue;
      for (const auto& line : absl::StrSplit(bytes, '\n')) {
        const Json action = Json::parse(std::string(line), nullptr, false);
        if (action.is_object() && action.contains("add")) paths.push_back(action["add"]["path"]);
      }
    }
    return paths;
  }
  static std::string LogName(int64_t version) {
    return absl::StrCat("_delta_log/", CommitFileName(version));
  }

  const std::shared_ptr<FaultyBlobStore> table_ = std::make_shared<FaultyBlobStore>();
  FakeClock clock_;
  const std::unique_ptr<Random> random_ = SeededRandom(1);
};

// iceberg #16008: what was committed is told by the job's id, which a restart changes. Here the app
// id holds the lineage, and what it committed is read from the table.
TEST_F(PeerFailures, ARestartAfterALostResponseCommitsNothingTwice) {
  const auto before = Prepared();
  const TableCommit epoch = Epoch(1);
  table_->PlanPuts({PutFault::kDoneUnknown, PutFault::kLost, PutFault::kLost, PutFault::kLost});
  before->Commit(epoch).IgnoreError();
  table_->PlanPuts({});
  const auto again = Prepared()->Commit(epoch);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_there);
  EXPECT_THAT(Added(), ElementsAre("e1.parquet"));
}

// iceberg #2317 and #3717, trino #10462, ClickHouse #112081, duckdb-iceberg #1120: a timeout is
// taken for a failure, and the files of a commit that landed are cleaned up.
TEST_F(PeerFailures, LostResponseOnTheMetadataWriteDeletesNothing) {
  const auto committer = Prepared();
  const TableCommit epoch = Epoch(1);
  for (const PutFault fault : {PutFault::kLost, PutFault::kLate, PutFault::kDoneUnknown}) {
    table_->PlanPuts(std::deque<PutFault>(4, fault));
    const auto result = committer->Commit(epoch);
    EXPECT_TRUE(result.ok() || absl::IsUnknown(result.status())) << result.status();
    EXPECT_TRUE(table_->Snapshot().contains("e1.parquet"));
  }
  table_->PlanPuts({});
  table_->DeliverLate();
  ASSERT_TRUE(committer->Commit(epoch).ok());
  EXPECT_TRUE(table_->Snapshot().contains("e1.parquet"));
  EXPECT_THAT(Added(), ElementsAre("e1.parquet"));
}

// delta-rs #268: a slow commit is reported as failed and lands later, beside its repetition.
TEST_F(PeerFailures, ASlowCommitThatLandsLaterIsNotRepeated) {
  const auto committer = Prepared();
  const TableCommit first = Epoch(1), third = Epoch(3);
  table_->PlanPuts(std::deque<PutFault>(4, PutFault::kLate));
  EXPECT_TRUE(absl::IsUnknown(committer->Commit(first).status()));
  table_->DeliverLate();
  ASSERT_TRUE(committer->Commit(first).ok());
  ASSERT_TRUE(committer->Commit(Epoch(2)).ok());
  // The other way round: the repetition is first.
  table_->PlanPuts({PutFault::kLate});
  ASSERT_TRUE(committer->Commit(third).ok());
  table_->DeliverLate();
  ASSERT_TRUE(committer->Commit(Epoch(4)).ok());
  EXPECT_THAT(Added(), ElementsAre("e1.parquet", "e2.parquet", "e3.parquet", "e4.parquet"));
}

// delta-rs #2580: the transaction's version is written, but nobody looks at it.
TEST_F(PeerFailures, ARepeatedTransactionIsNotAccepted) {
  ASSERT_TRUE(Prepared()->Commit(Epoch(2)).ok());
  for (const int64_t epoch : {1, 2}) {
    const auto repeated = Prepared()->Commit(Epoch(epoch));
    ASSERT_TRUE(repeated.ok()) << repeated.status();
    EXPECT_TRUE(repeated->already_there);
  }
  EXPECT_THAT(Added(), ElementsAre("e2.parquet"));
}

// delta #1410: without put-if-absent the later of two writers overwrites a version of the log.
TEST_F(PeerFailures, AVersionOfTheLogIsNeverOverwritten) {
  const auto committer = Prepared();
  const std::string theirs = "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n";
  ASSERT_TRUE(table_->PutIfAbsent(LogName(1), theirs).ok());
  const auto result = committer->Commit(Epoch(1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->table_version, 2);
  EXPECT_EQ(table_->Snapshot().at(LogName(1)), theirs);
}

// delta connectors #467, FLINK-29509, -29512, -29627: of several commits that were pending at a
// restart some are lost, or clash.
TEST_F(PeerFailures, SeveralPendingEpochsSurviveARestart) {
  // All three were published; the process dies after each commit, and begins with all of them.
  for (int64_t landed = 0; landed < 3; ++landed) {
    const auto restarted = Prepared();
    for (int64_t epoch = 1; epoch <= landed + 1; ++epoch) {
      const auto result = restarted->Commit(Epoch(epoch));
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->already_there, epoch <= landed);
    }
  }
  EXPECT_THAT(Added(), ElementsAre("e1.parquet", "e2.parquet", "e3.parquet"));
}

// RisingWave #26492: an epoch without rows is acknowledged but not persisted, and every later
// commit waits for it.
TEST_F(PeerFailures, AnEmptyEpochIsInTheTable) {
  ASSERT_TRUE(Prepared()->Commit({kApp, 1, {}, "{}"}).ok());
  int64_t stored = -1;
  const auto restarted = Prepared(&stored);
  EXPECT_EQ(stored, 1);
  EXPECT_TRUE(restarted->Commit({kApp, 1, {}, "{}"})->already_there);
  EXPECT_FALSE(restarted->Commit(Epoch(2))->already_there);
}

// RisingWave #25935 and #21358: a history that was pruned reads as "never committed", and the epoch
// is committed again, with files that may be gone.
TEST_F(PeerFailures, AnEpochOfAPrunedHistoryIsNotCommittedAgain) {
  const auto committer = Prepared();
  for (int64_t epoch = 1; epoch <= 12; ++epoch) ASSERT_TRUE(committer->Commit(Epoch(epoch)).ok());
  for (int64_t version = 0; version < 10; ++version)
    ASSERT_TRUE(table_->Delete(LogName(version)).ok());
  int64_t stored = -1;
  const auto restarted = Prepared(&stored);
  EXPECT_EQ(stored, 12);
  for (const int64_t epoch : {3, 11, 12}) {
    const auto again = restarted->Commit(Epoch(epoch));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->already_there) << epoch;
  }
}

// iceberg #17340, #17637, #16016, #16282: a coordinator that lost its work wakes up in the middle
// of a commit, beside its successor.
TEST_F(PeerFailures, AnOldCoordinatorThatWakesUpCommitsNothing) {
  const auto old = Prepared();
  ASSERT_TRUE(old->Commit(Epoch(1)).ok());
  const auto successor = Prepared();
  ASSERT_TRUE(successor->Commit(Epoch(2)).ok());
  ASSERT_TRUE(successor->Commit(Epoch(3)).ok());
  EXPECT_TRUE(absl::IsAborted(old->Commit(Epoch(2)).status()));
  EXPECT_TRUE(absl::IsAborted(old->Commit(Epoch(4)).status()));
  EXPECT_THAT(Added(), ElementsAre("e1.parquet", "e2.parquet", "e3.parquet"));
}

}  // namespace
}  // namespace weir
