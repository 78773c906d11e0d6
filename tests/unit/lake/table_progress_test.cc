// What tables say of themselves: a commit, how far each job is, and the whole.
#include "lake/table_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "lake/delta_committer.h"
#include "lake/table_report.h"
#include "model/json_text.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_log_store.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Optional;

constexpr EventTime kNoon{int64_t{1'700'000'000} * 1'000'000};
EventTime After(int64_t seconds) { return SaturatingAdd(kNoon, seconds * 1'000'000); }

class TableProgressTest : public testing::Test {
 protected:
  static Schema Columns() { return {{{"n", DataType::Of(TypeKind::kBigint), true}}}; }

  std::string Info(const std::string& name, const std::string& lineage, int64_t epoch,
                   EventTime watermark) {
    return JsonObject()
        .Add("job", name + "-1")
        .Add("name", name)
        .Add("lineage", lineage)
        .Add("sink", "out")
        .Add("generation", 2)
        .Add("epoch", epoch)
        .AddRaw("watermark", JsonTime(watermark))
        .str();
  }
  std::unique_ptr<TableCommitter> Prepared(const std::string& lineage) {
    auto committer = MakeDeltaCommitter("/t", OpenFake(&log_), &clock_, random_.get());
    const auto state = committer->Prepare(Columns(), lineage + "/out", true);
    EXPECT_TRUE(state.ok()) << state.status();
    return committer;
  }
  void Commit(const std::string& name, const std::string& lineage, int64_t epoch,
              EventTime watermark, std::vector<DataFile> files = {}) {
    const auto done = Prepared(lineage)->Commit(
        {lineage + "/out", epoch, std::move(files), Info(name, lineage, epoch, watermark), 0});
    ASSERT_TRUE(done.ok()) << done.status();
  }
  static DataFile File(const std::string& name) { return {name, 100, 5, 7, "{\"numRecords\":5}"}; }

  FakeLog log_;
  FakeClock clock_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
  FakeLogStore store_{&log_};
  TableProgress progress_{&store_};
};

TEST_F(TableProgressTest, WithoutATableItIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(progress_.Refresh()));
  EXPECT_EQ(progress_.Watermark(""), kMinEventTime);
}

TEST_F(TableProgressTest, ATableWithoutCommitsOfJobsIsCompletePastNothing) {
  Prepared("a");
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_THAT(progress_.writers(), testing::IsEmpty());
  EXPECT_EQ(progress_.Watermark(""), kMinEventTime);
}

TEST_F(TableProgressTest, FollowsTheNewestCommit) {
  Commit("activity", "a", 3, kNoon);
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), kNoon);
  Commit("activity", "a", 4, After(10));
  EXPECT_EQ(progress_.Watermark(""), kNoon) << "not before it looks";
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), After(10));
  EXPECT_EQ(progress_.writers().at("activity").commit.epoch, 4);
  EXPECT_EQ(progress_.writers().at("activity").version, progress_.state().version);
}

TEST_F(TableProgressTest, TheSlowestJobDecides) {
  Commit("fast", "a", 3, After(100));
  Commit("slow", "b", 3, After(5));
  Commit("fast", "a", 4, After(200));
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), After(5));
  EXPECT_EQ(progress_.Watermark("fast"), After(200));
  EXPECT_EQ(progress_.Watermark("nobody"), kMinEventTime);
}

TEST_F(TableProgressTest, AJobWithoutAWatermarkHoldsTheTableBack) {
  Commit("a", "a", 3, kMaxEventTime);
  Commit("b", "b", 3, kMinEventTime);
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), kMinEventTime);
  EXPECT_EQ(progress_.Watermark("a"), kMaxEventTime) << "a bounded source that was read to its end";
}

TEST_F(TableProgressTest, AJobOfTheSameNameTakesThePlaceOfTheOneBefore) {
  Commit("activity", "old", 90, After(5));
  Commit("activity", "new", 3, After(50));
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), After(50));
}

TEST_F(TableProgressTest, AJobThatWasTakenOverCountsNoMore) {
  Commit("before", "old", 90, After(5));
  Commit("before", "old", 91, After(6));
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), After(6));
  TableRollback rollback;
  rollback.undo = {{"old/out", 90}};
  rollback.app_id = "new/out";
  rollback.version = 1;
  rollback.weir_info = Info("after", "new", 1, After(5));
  ASSERT_TRUE(Prepared("new")->Rollback(rollback).ok());
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_THAT(progress_.writers(), ElementsAre(Key("after")));
  EXPECT_EQ(progress_.Watermark(""), After(5));
  TableProgress fresh(&store_);
  ASSERT_TRUE(fresh.Refresh().ok());
  EXPECT_THAT(fresh.writers(), ElementsAre(Key("after"))) << "whoever looks back sees the same";
}

TEST_F(TableProgressTest, LooksBackBehindCommitsOfOthersAndBehindCheckpoints) {
  Commit("slow", "b", 3, After(5));
  for (int epoch = 3; epoch < 40; ++epoch) Commit("fast", "a", epoch, After(100 + epoch));
  ASSERT_TRUE(log_.files.contains(kLastCheckpointName));
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(progress_.Watermark(""), After(5));
}

TEST_F(TableProgressTest, ReadsOnlyWhatIsNew) {
  for (int epoch = 3; epoch < 30; ++epoch) Commit("a", "a", epoch, After(epoch));
  ASSERT_TRUE(progress_.Refresh().ok());
  log_.reads = 0;
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_EQ(log_.reads, 1) << "the version that isn't there yet";
}

TEST_F(TableProgressTest, ATableMadeAnewIsReadAnew) {
  for (int epoch = 3; epoch < 6; ++epoch) Commit("a", "a", epoch, After(epoch));
  ASSERT_TRUE(progress_.Refresh().ok());
  log_.files.clear();
  Commit("other", "c", 3, kNoon);
  ASSERT_TRUE(progress_.Refresh().ok());
  EXPECT_THAT(progress_.writers(), ElementsAre(Key("other")));
  log_.files.clear();
  EXPECT_TRUE(absl::IsNotFound(progress_.Refresh()));
}

TEST_F(TableProgressTest, ReportsFilesRowsAndCommits) {
  Commit("a", "a", 3, kNoon, {File("one.parquet"), File("two.parquet")});
  Commit("a", "a", 4, kNoon, {File("three.parquet")});
  ASSERT_TRUE(progress_.Refresh().ok());
  const auto report = ReadTableReport(&store_, progress_, 2);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->files, 3);
  EXPECT_EQ(report->bytes, 300);
  EXPECT_THAT(report->rows, Optional(15));
  ASSERT_EQ(report->columns.size(), 1u);
  ASSERT_EQ(report->commits.size(), 2u);
  EXPECT_EQ(report->commits[0].version, 2);
  EXPECT_EQ(report->commits[0].files_added, 1);
  EXPECT_EQ(report->commits[1].rows_added, 10);
  EXPECT_EQ(report->commits[1].bytes_added, 200);
  ASSERT_TRUE(report->commits[1].weir.has_value());
  EXPECT_EQ(report->commits[1].weir->epoch, 3);
}

TEST_F(TableProgressTest, CountsOfOtherWritersDoNotOverflowTheSums) {
  Commit("a", "a", 3, kNoon, {File("one.parquet")});
  const std::string huge =
      R"("size":9223372036854775807,"stats":"{\"numRecords\":9223372036854775807}"}})";
  log_.files[CommitFileName(2)] = absl::StrCat(
      R"({"add":{"path":"x.parquet",)", huge, "\n", R"({"add":{"path":"y.parquet",)", huge, "\n",
      R"({"add":{"path":"z.parquet","size":-7,)",
      R"("stats":"{\"numRecords\":-9223372036854775808}",)",
      R"("deletionVector":{"storageType":"u","pathOrInlineDv":"v","cardinality":9}}})");
  ASSERT_TRUE(progress_.Refresh().ok());
  const auto report = ReadTableReport(&store_, progress_, 1);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->files, 4);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(report->bytes, kMax);
  EXPECT_THAT(report->rows, Optional(kMax));
  EXPECT_EQ(report->commits[0].bytes_added, kMax);
  EXPECT_EQ(report->commits[0].rows_added, kMax);
}

TEST_F(TableProgressTest, RowsAreUnknownWhenAFileDoesNotSay) {
  Commit("a", "a", 3, kNoon, {File("one.parquet")});
  log_.files[CommitFileName(2)] = R"({"add":{"path":"x.parquet","size":7,"dataChange":true}})";
  ASSERT_TRUE(progress_.Refresh().ok());
  const auto report = ReadTableReport(&store_, progress_, 10);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->files, 2);
  EXPECT_EQ(report->bytes, 107);
  EXPECT_EQ(report->rows, std::nullopt);
  EXPECT_FALSE(report->commits.front().weir.has_value()) << "a commit of somebody else";
}

TEST(CommitSummaryTest, DeletionVectorsHideRows) {
  EXPECT_THAT(RowsOfFile(R"({"path":"x","stats":"{\"numRecords\":9}",)"
                         R"("deletionVector":{"storageType":"u","cardinality":2}})"),
              Optional(7));
  EXPECT_EQ(RowsOfFile(R"({"path":"x"})"), std::nullopt);
  EXPECT_EQ(RowsOfFile(R"({"path":"x","stats":"nonsense"})"), std::nullopt);
  EXPECT_EQ(RowsOfFile("nonsense"), std::nullopt);
  EXPECT_EQ(BytesOfFile(R"({"size":1.5})"), 0);
}

TEST(CommitSummaryTest, RefusesWhatItCannotUnderstand) {
  const auto refused = [](const std::string& line) {
    const auto parsed = ParseCommitSummary(7, "{\"protocol\":{}}\n" + line);
    EXPECT_TRUE(absl::IsDataLoss(parsed.status())) << line;
    EXPECT_THAT(parsed.status().ToString(), HasSubstr("version 7 of the Delta log, line 2"));
  };
  refused("{");
  refused(R"({"commitInfo":{"weir":{"name":"a"}}})");
  refused(R"({"commitInfo":{"weir":{"name":"a","job":"a","lineage":"l","sink":"s","generation":1,)"
          R"("epoch":1.5,"watermark":null}}})");
  refused(R"({"commitInfo":{"weir":{"name":"a","job":"a","lineage":"l","sink":"s","generation":1,)"
          R"("epoch":1,"watermark":"yesterday"}}})");
}

TEST(CommitSummaryTest, TakesCommitsOfOthers) {
  for (const char* line : {"{}", R"({"commitInfo":{}})", R"({"commitInfo":null})",
                           R"({"commitInfo":{"weir":7,"operation":"OPTIMIZE"}})",
                           R"({"commitInfo":{"weir":{"restore":{}}}})"}) {
    const auto parsed = ParseCommitSummary(7, line);
    ASSERT_TRUE(parsed.ok()) << line << " " << parsed.status();
    EXPECT_FALSE(parsed->weir.has_value());
  }
}

}  // namespace
}  // namespace weir
