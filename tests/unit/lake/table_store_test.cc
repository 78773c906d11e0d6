#include "lake/table_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "lake/log_store.h"
#include "lake/table_roots.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<LogStore> Open(const std::string& path) {
  return MakeLogStore(*OpenTableStore(path, TableRoots()));
}

class LocalLogStoreTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::string table_ = directory_ / "a/b/table";
  const std::unique_ptr<LogStore> store_ = Open(table_);
};

TEST_F(LocalLogStoreTest, StartsWithNothing) {
  EXPECT_THAT(*store_->List(""), IsEmpty());
  EXPECT_FALSE(*store_->Exists("1.json"));
  EXPECT_TRUE(absl::IsNotFound(store_->Read("1.json").status()));
  EXPECT_FALSE(std::filesystem::exists(table_));
}

TEST_F(LocalLogStoreTest, NeverReplacesACommit) {
  ASSERT_TRUE(store_->PutIfAbsent("1.json", "one").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->PutIfAbsent("1.json", "two")));
  EXPECT_EQ(*store_->Read("1.json"), "one");
  ASSERT_TRUE(store_->PutIfAbsent("2.json", std::string(100'000, 'x')).ok());
  EXPECT_EQ(store_->Read("2.json")->size(), 100'000u);
}

TEST_F(LocalLogStoreTest, ReplacesTheHint) {
  ASSERT_TRUE(store_->PutIfAbsent("1.json", "one").ok());
  ASSERT_TRUE(store_->Replace("_last_checkpoint", "a").ok());
  ASSERT_TRUE(store_->Replace("_last_checkpoint", "b").ok());
  EXPECT_EQ(*store_->Read("_last_checkpoint"), "b");
}

TEST_F(LocalLogStoreTest, ListsInOrderBehindAName) {
  for (const char* name : {"3.json", "1.json", "2.json"})
    ASSERT_TRUE(store_->PutIfAbsent(name, "x").ok());
  std::ofstream(table_ + "/_delta_log/.hidden.tmp") << "x";
  std::filesystem::create_directory(table_ + "/_delta_log/_sidecars");
  std::ofstream(table_ + "/_delta_log/_sidecars/4.parquet") << "x";
  EXPECT_THAT(*store_->List(""), ElementsAre("1.json", "2.json", "3.json"));
  EXPECT_THAT(*store_->List("2"), ElementsAre("2.json", "3.json"));
  EXPECT_THAT(*store_->List("2.json"), ElementsAre("3.json"));
  EXPECT_THAT(*store_->List("3.json"), IsEmpty());
}

TEST_F(LocalLogStoreTest, LeavesNoTemporaryFiles) {
  ASSERT_TRUE(store_->PutIfAbsent("1.json", "one").ok());
  store_->PutIfAbsent("1.json", "two").IgnoreError();
  ASSERT_TRUE(store_->Replace("_last_checkpoint", "a").ok());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(table_))
    if (entry.is_regular_file()) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::IsSupersetOf({"1.json", "_last_checkpoint"}));
  for (const std::string& name : names)
    EXPECT_TRUE(name == "1.json" || name == "_last_checkpoint" || name == "lock") << name;
}

TEST_F(LocalLogStoreTest, OfManyWritersOneWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = absl::StrCat(round, ".json");
    std::atomic<int> winners{0};
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w)
      writers.emplace_back([&, w] {
        const auto store = Open(table_);
        if (store->PutIfAbsent(name, absl::StrCat(w)).ok()) ++winners;
      });
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(LocalLogStoreTest, AFileInTheWayIsNamed) {
  std::ofstream(directory_ / "a") << "x";
  const absl::Status status = store_->PutIfAbsent("1.json", "one");
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsUnknown(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_ / "a"));
}

TEST_F(LocalLogStoreTest, KnowsWhichDataFilesAreThere) {
  ASSERT_TRUE(store_->PutIfAbsent("1.json", "one").ok());
  std::ofstream(table_ + "/a.parquet") << "x";
  EXPECT_TRUE(*store_->DataFileExists("a.parquet"));
  EXPECT_FALSE(*store_->DataFileExists("b.parquet"));
  EXPECT_FALSE(*store_->DataFileExists("_delta_log"));
  EXPECT_FALSE(store_->DataFileExists("../x").ok());
}

TEST(OpenTableStoreTest, RefusesOtherSpellings) {
  for (const char* path : {"", "relative", "/a/../b", "/a/", "gs://bucket/a", "s3://bucket"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OpenTableStore(path, TableRoots()).status())) << path;
    EXPECT_TRUE(absl::IsFailedPrecondition(CheckTablePathWritable(path, TableRoots()))) << path;
    EXPECT_TRUE(absl::IsInvalidArgument(PlaceDataFiles(path, "/tmp", TableRoots()).status()) ||
                path[0] != 's')
        << path;
  }
}

TEST(CheckTablePathTest, TakesWhatCanBeMade) {
  TemporaryDirectory directory;
  EXPECT_TRUE(CheckTablePathWritable(directory.path(), TableRoots()).ok());
  EXPECT_TRUE(CheckTablePathWritable(directory / "not/yet/there", TableRoots()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(CheckTablePathTest, NamesAFileInTheWay) {
  TemporaryDirectory directory;
  std::ofstream(directory / "file") << "x";
  for (const char* path : {"file", "file/table", "file/a/b"}) {
    const absl::Status status = CheckTablePathWritable(directory / path, TableRoots());
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory / "file"));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckTablePathWritable("", TableRoots())));
}

}  // namespace
}  // namespace weir
