// `weir table` as a scheduler sees it: tables in a directory, no cluster anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "lake/table_committer.h"
#include "lake/table_roots.h"
#include "model/json_text.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr EventTime kEnd{int64_t{1'763'830'800} * 1'000'000};  // 2025-11-22T17:00:00Z

class TableCommandsTest : public ::testing::Test {
 protected:
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "table");
    std::istringstream in;
    std::ostringstream out, err;
    const int exit_code = RunCommandLine(arguments, {&in, &out, &err, false}, nullptr);
    out_ = out.str();
    err_ = err.str();
    return exit_code;
  }
  void Commit(const std::string& name, int64_t epoch, EventTime watermark) {
    const auto committer = MakeDeltaCommitter(path_, TableRoots(), SystemClock(), SystemRandom());
    const Schema schema{{{"n", DataType::Of(TypeKind::kBigint), true}}};
    ASSERT_TRUE(committer->Prepare(schema, name + "/out", true).ok());
    TableCommit commit;
    commit.app_id = name + "/out";
    commit.version = epoch;
    commit.weir_info = JsonObject()
                           .Add("job", name + "-0a1b2c3d")
                           .Add("name", name)
                           .Add("lineage", name)
                           .Add("sink", "out")
                           .Add("generation", 2)
                           .Add("epoch", epoch)
                           .AddRaw("watermark", JsonTime(watermark))
                           .str();
    const auto done = committer->Commit(commit);
    ASSERT_TRUE(done.ok()) << done.status();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "activity";
  std::string out_, err_;
};

TEST_F(TableCommandsTest, ShowsATable) {
  Commit("activity", 12, kEnd);
  ASSERT_EQ(Run({"show", path_}), kExitOk) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr(path_), HasSubstr("version    1\n"),
                          HasSubstr("watermark  2025-11-22T17:00:00Z, "), HasSubstr("n long"),
                          HasSubstr("STREAMING UPDATE"), HasSubstr("CREATE TABLE")));
  ASSERT_EQ(Run({"show", path_, "-o", "json", "--commits", "1"}), kExitOk) << err_;
  const json shown = json::parse(out_);
  EXPECT_EQ(shown["version"], 1);
  EXPECT_EQ(shown["files"], 0);
  EXPECT_EQ(shown["rows"], 0);
  EXPECT_EQ(shown["watermark"], "2025-11-22T17:00:00.000000Z");
  EXPECT_GE(shown["freshness_seconds"], 0.0);
  EXPECT_GT(shown["watermark_lag_seconds"], 0.0);
  ASSERT_EQ(shown["commits"].size(), 1u);
  EXPECT_EQ(shown["commits"][0]["epoch"], 12);
  EXPECT_EQ(shown["jobs"][0]["id"], "activity-0a1b2c3d");
}

TEST_F(TableCommandsTest, TakesPathsAsJobsDo) {
  Commit("activity", 12, kEnd);
  EXPECT_EQ(Run({"show", "file://" + path_ + "/"}), kExitOk) << err_;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  EXPECT_EQ(Run({"show", "./activity"}), kExitOk) << err_;
  std::filesystem::current_path(before);
}

TEST_F(TableCommandsTest, RefusesWhatIsNoTable) {
  EXPECT_EQ(Run({"show", path_}), kExitNotFound);
  EXPECT_THAT(err_, AllOf(StartsWith("weir: " + path_), HasSubstr("_delta_log")));
  EXPECT_FALSE(std::filesystem::exists(path_)) << "looking makes nothing";
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z"}), kExitNotFound)
      << "a mistyped path is not waited for";
  EXPECT_EQ(Run({"show", "hdfs://x/y"}), kExitUsage);
  EXPECT_EQ(Run({"show", "../x"}), kExitUsage);
  EXPECT_EQ(Run({"show"}), kExitUsage);
  EXPECT_EQ(Run({"show", path_, "--commits", "0"}), kExitUsage);
  Commit("activity", 12, kEnd);
  std::ofstream(path_ + "/_delta_log/00000000000000000002.json") << "{";
  EXPECT_EQ(Run({"show", path_}), kExitFailure);
  EXPECT_THAT(err_, HasSubstr("version 2 of the Delta log, line 1"));
  EXPECT_EQ(out_, "");
}

TEST_F(TableCommandsTest, FreshnessPrintsTheWatermark) {
  Commit("activity", 12, kEnd);
  EXPECT_EQ(Run({"freshness", path_}), kExitOk) << err_;
  EXPECT_EQ(out_, "2025-11-22T17:00:00Z\n");
  Commit("other", 3, kMinEventTime);
  EXPECT_EQ(Run({"freshness", path_}), kExitOk) << err_;
  EXPECT_EQ(out_, "-\n");
  EXPECT_EQ(Run({"freshness", path_, "-o", "json"}), kExitOk) << err_;
  EXPECT_EQ(json::parse(out_)["watermark"], json());
  EXPECT_EQ(json::parse(out_)["jobs"].size(), 2u);
}

TEST_F(TableCommandsTest, TheSensorReturnsOnceTheTableIsComplete) {
  Commit("activity", 12, kEnd);
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z"}), kExitOk) << err_;
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22 18:00+01", "--timeout", "0s"}),
            kExitOk)
      << err_;
  std::thread job([this] { Commit("activity", 13, SaturatingAdd(kEnd, 60'000'000)); });
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:01:00Z", "--timeout", "1m"}),
            kExitOk)
      << err_;
  job.join();
  EXPECT_EQ(out_, "2025-11-22T17:01:00Z\n");
}

TEST_F(TableCommandsTest, TheSensorTimesOutAndSaysWhoHoldsTheTableBack) {
  Commit("activity", 12, kEnd);
  Commit("slow", 3, SaturatingSubtract(kEnd, 1));
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z", "--timeout", "0s"}),
            kExitTimeout);
  EXPECT_THAT(err_, AllOf(HasSubstr("job slow is at 2025-11-22T16:59:59.999999Z"),
                          HasSubstr("not complete past 2025-11-22T17:00:00Z")));
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z", "--timeout", "0s",
                 "--job", "activity"}),
            kExitOk)
      << err_;
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z", "--timeout", "0s",
                 "--job", "nobody"}),
            kExitTimeout);
  EXPECT_THAT(err_, HasSubstr("no job named nobody"));
  Commit("untimed", 3, kMinEventTime);
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22T17:00:00Z", "--timeout", "0s"}),
            kExitTimeout);
  EXPECT_THAT(err_, HasSubstr("job untimed has no watermark"));
}

TEST_F(TableCommandsTest, RefusesTimesThatAreNone) {
  Commit("activity", 12, kEnd);
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "yesterday"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("--wait-until yesterday: accepted is a time such as"));
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-13-01T00:00:00Z"}), kExitUsage);
  EXPECT_EQ(Run({"freshness", path_, "--timeout", "5s"}), kExitUsage);
  EXPECT_EQ(Run({"freshness", path_, "--wait-until", "2025-11-22", "--timeout", "5"}), kExitUsage);
}

}  // namespace
}  // namespace weir
