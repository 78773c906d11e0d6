#include "worker/job_files.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

class JobFilesTest : public ::testing::Test {
 protected:
  void Make(const std::string& name) {
    const fs::path path = Path(name);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }
  fs::path Path(const std::string& name) const { return fs::path(directory_.path()) / name; }
  bool Exists(const std::string& name) const { return fs::exists(Path(name)); }

  TemporaryDirectory directory_;
};

TEST_F(JobFilesTest, ARestartKeepsStateFilesOnly) {
  Make("a/7/0-0/file");
  Make("a/state/1.sst");
  Make("b/9/0-0/file");
  Make("stray");
  EXPECT_FALSE(RemoveGenerations(directory_.path()));
  EXPECT_FALSE(Exists("a/7"));
  EXPECT_FALSE(Exists("b/9"));
  EXPECT_TRUE(Exists("a/state/1.sst"));
  EXPECT_TRUE(Exists("stray"));
  EXPECT_TRUE(RemoveGenerations(directory_.path() + "/nowhere"));
}

TEST_F(JobFilesTest, FilesThatNobodyNamesGo) {
  Make("state/1.sst");
  Make("state/2.sst");
  Make("state/2.sst.0123.part");
  RemoveOtherFiles(Path("state"), {"2.sst", "3.sst"});
  EXPECT_FALSE(Exists("state/1.sst"));
  EXPECT_TRUE(Exists("state/2.sst"));
  EXPECT_FALSE(Exists("state/2.sst.0123.part"));
  RemoveOtherFiles(Path("nowhere"), {});
}

TEST_F(JobFilesTest, FoldersOfFormerJobsGoWhenTheyAreOld) {
  for (const char* job : {"old", "fresh", "busy"}) Make(std::string(job) + "/state/1.sst");
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const char* job : {"old", "busy", "fresh"}) fs::last_write_time(Path(job), long_ago);
  for (const char* job : {"old", "busy"}) {
    fs::last_write_time(Path(std::string(job) + "/state"), long_ago);
  }
  RemoveOldFolders(directory_.path(), {"busy"}, absl::Hours(1));
  EXPECT_FALSE(Exists("old"));
  EXPECT_TRUE(Exists("fresh/state/1.sst"));
  EXPECT_TRUE(Exists("busy/state/1.sst"));
}

}  // namespace
}  // namespace weir
