#include "operators/sink/file_stager.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "base/io_pool.h"
#include "base/memory_budget.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Schema kSchema{{{"n", DataType::Of(TypeKind::kBigint), true}}};

std::shared_ptr<arrow::RecordBatch> Numbers(const std::vector<int64_t>& numbers) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(numbers).ok());
  return arrow::RecordBatch::Make(ArrowSchema(kSchema), static_cast<int64_t>(numbers.size()),
                                  {builder.Finish().ValueOrDie()});
}

// Keeps work until told to run it.
class HeldPool : public IoPool {
 public:
  void Run(std::function<void()> work) override { held_.push_back(std::move(work)); }
  void RunAll() {
    while (!held_.empty()) {
      const auto work = std::move(held_.front());
      held_.pop_front();
      work();
    }
  }
  size_t size() const { return held_.size(); }

 private:
  std::deque<std::function<void()>> held_;
};

class FileStagerTest : public testing::Test {
 protected:
  FileStager NewStager(IoPool* io, int64_t file_bytes_max = int64_t{1} << 30,
                       MemoryBudget* memory = nullptr) {
    return FileStager(
        io, [](int64_t n) { return absl::StrCat("file-", n, ".parquet"); }, memory,
        {table_, directory_ / "scratch", {}}, kSchema, file_bytes_max);
  }
  std::vector<int64_t> Read(const DataFile& file) const {
    std::unique_ptr<parquet::arrow::FileReader> reader =
        parquet::arrow::OpenFile(
            arrow::io::ReadableFile::Open(table_ + "/" + file.path).ValueOrDie(),
            arrow::default_memory_pool())
            .ValueOrDie();
    const auto table = reader->ReadTable().ValueOrDie();
    std::vector<int64_t> numbers;
    for (const auto& chunk : table->column(0)->chunks())
      for (int64_t i = 0; i < chunk->length(); ++i)
        numbers.push_back(static_cast<const arrow::Int64Array&>(*chunk).Value(i));
    return numbers;
  }

  TemporaryDirectory directory_;
  const std::string table_ = directory_ / "table";
  const std::unique_ptr<IoPool> inline_ = MakeInlineIoPool();
};

TEST_F(FileStagerTest, NothingAddedMakesNothing) {
  FileStager stager = NewStager(inline_.get());
  EXPECT_EQ(stager.Cut(), nullptr);
  EXPECT_FALSE(std::filesystem::exists(table_));
}

TEST_F(FileStagerTest, ACutEndsTheFile) {
  FileStager stager = NewStager(inline_.get());
  stager.Add(Numbers({1, 2}), 16);
  stager.Add(Numbers({3}), 8);
  const auto first = stager.Cut();
  stager.Add(Numbers({4}), 8);
  const auto second = stager.Cut();
  EXPECT_EQ(stager.Cut(), nullptr);
  const auto first_files = first();
  const auto second_files = second();
  ASSERT_TRUE(first_files.ok() && second_files.ok());
  ASSERT_THAT(*first_files, SizeIs(1));
  ASSERT_THAT(*second_files, SizeIs(1));
  EXPECT_THAT(Read(first_files->at(0)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Read(second_files->at(0)), ElementsAre(4));
  EXPECT_NE(first_files->at(0).path, second_files->at(0).path);
  EXPECT_THAT(first_files->at(0).path, "file-0.parquet");
}

TEST_F(FileStagerTest, CountsWhatWaits) {
  HeldPool pool;
  FileStager stager = NewStager(&pool);
  stager.Add(Numbers({1}), 100);
  stager.Add(Numbers({2}), 200);
  EXPECT_EQ(stager.held_bytes(), 300);
  EXPECT_EQ(pool.size(), 1u);
  pool.RunAll();
  EXPECT_EQ(stager.held_bytes(), 300);  // in the open row group
  ASSERT_TRUE(stager.Cut()().ok());
  EXPECT_EQ(stager.held_bytes(), 0);
}

TEST_F(FileStagerTest, AFinishDoesWhatThePoolHasNotCome) {
  HeldPool pool;
  FileStager stager = NewStager(&pool);
  stager.Add(Numbers({1}), 8);
  const auto first = stager.Cut();
  stager.Add(Numbers({2}), 8);
  const auto second = stager.Cut();
  stager.Add(Numbers({3}), 8);
  const auto first_files = first();
  ASSERT_TRUE(first_files.ok()) << first_files.status();
  EXPECT_THAT(Read(first_files->at(0)), ElementsAre(1));
  EXPECT_EQ(stager.held_bytes(), 16);
  pool.RunAll();
  EXPECT_EQ(stager.held_bytes(), 8);
  const auto second_files = second();
  ASSERT_TRUE(second_files.ok());
  EXPECT_THAT(Read(second_files->at(0)), ElementsAre(2));
}

// The finish function occupies the only thread that could write.
TEST_F(FileStagerTest, APoolOfOneThreadIsEnough) {
  const std::unique_ptr<IoPool> pool = MakeIoPool("io", 1);
  FileStager stager = NewStager(pool.get());
  for (int round = 0; round < 20; ++round) {
    std::vector<int64_t> expected;
    for (int i = 0; i < 50; ++i) {
      stager.Add(Numbers({i}), 8);
      expected.push_back(i);
    }
    std::promise<absl::StatusOr<std::vector<DataFile>>> done;
    pool->Run([&done, finish = stager.Cut()] { done.set_value(finish()); });
    const auto files = done.get_future().get();
    ASSERT_TRUE(files.ok()) << files.status();
    ASSERT_THAT(*files, SizeIs(1));
    EXPECT_EQ(Read(files->at(0)), expected);
  }
}

TEST_F(FileStagerTest, SeveralThreadsKeepTheOrder) {
  const std::unique_ptr<IoPool> pool = MakeIoPool("io", 4);
  FileStager stager = NewStager(pool.get());
  std::vector<std::future<absl::StatusOr<std::vector<DataFile>>>> cuts;
  std::deque<std::promise<absl::StatusOr<std::vector<DataFile>>>> promises;
  for (int64_t n = 0; n < 400; ++n) {
    stager.Add(Numbers({n}), 8);
    if (n % 40 != 39) continue;
    auto& promise = promises.emplace_back();
    cuts.push_back(promise.get_future());
    pool->Run([&promise, finish = stager.Cut()] { promise.set_value(finish()); });
  }
  int64_t next = 0;
  for (auto& cut : cuts) {
    const auto files = cut.get();
    ASSERT_TRUE(files.ok()) << files.status();
    for (const int64_t n : Read(files->at(0))) EXPECT_EQ(n, next++);
  }
  EXPECT_EQ(next, 400);
}

TEST_F(FileStagerTest, FilesRoll) {
  FileStager stager = NewStager(inline_.get(), /*file_bytes_max=*/1000);
  for (int i = 0; i < 10; ++i) stager.Add(Numbers(std::vector<int64_t>(200, i)), 1600);
  const auto files = stager.Cut()();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, SizeIs(10));
  std::set<std::string> names;
  for (const DataFile& file : *files) names.insert(file.path);
  EXPECT_THAT(names, SizeIs(10));
}

int RowGroups(const std::string& path) {
  return parquet::ParquetFileReader::OpenFile(path)->metadata()->num_row_groups();
}

TEST_F(FileStagerTest, RowGroupsEndAtHalfTheShare) {
  MemoryBudget memory(2'000'000);
  FileStager stager = NewStager(inline_.get(), int64_t{1} << 30, &memory);
  FileStager other = NewStager(inline_.get(), int64_t{1} << 30, &memory);
  int64_t most = 0;
  for (int i = 0; i < 20; ++i) {
    stager.Add(Numbers(std::vector<int64_t>(10'000, i)), 100'000);
    most = std::max(most, memory.used());
    EXPECT_FALSE(stager.full());
  }
  EXPECT_EQ(most, 400'000);  // the fifth ends the group
  const auto files = stager.Cut()();
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_THAT(*files, SizeIs(1));
  EXPECT_EQ(RowGroups(table_ + "/" + files->at(0).path), 4);
  EXPECT_EQ(Read(files->at(0)).size(), 200'000u);
  EXPECT_EQ(memory.used(), 0);
}

TEST_F(FileStagerTest, ABatchLargerThanTheShareIsWrittenAtOnce) {
  MemoryBudget memory(1'000);
  HeldPool pool;
  FileStager stager = NewStager(&pool, int64_t{1} << 30, &memory);
  EXPECT_FALSE(stager.full());
  stager.Add(Numbers(std::vector<int64_t>(10'000, 1)), 80'000);
  EXPECT_TRUE(stager.full());
  EXPECT_EQ(memory.used(), 80'000);
  pool.RunAll();
  EXPECT_FALSE(stager.full());
  EXPECT_EQ(memory.used(), 0);
}

// Else a task that waits for room would wait for a barrier that waits behind it.
TEST_F(FileStagerTest, AShareThatShrinksFreesTheRowGroup) {
  MemoryBudget memory(1'000'000);
  HeldPool pool;
  FileStager stager = NewStager(&pool, int64_t{1} << 30, &memory);
  stager.Add(Numbers(std::vector<int64_t>(10'000, 1)), 400'000);
  pool.RunAll();
  EXPECT_FALSE(stager.full());
  EXPECT_EQ(memory.used(), 400'000);
  memory.AddOwners(2);
  EXPECT_TRUE(stager.full());
  pool.RunAll();
  EXPECT_FALSE(stager.full());
  EXPECT_EQ(memory.used(), 0);
  memory.AddOwners(-2);
}

TEST_F(FileStagerTest, AStagerThatGoesGivesBackWhatItHeld) {
  MemoryBudget memory(1'000'000);
  HeldPool pool;
  {
    FileStager stager = NewStager(&pool, int64_t{1} << 30, &memory);
    stager.Add(Numbers({1}), 100'000);
    pool.RunAll();
    stager.Add(Numbers({2}), 100'000);
    EXPECT_EQ(memory.used(), 200'000);
  }
  pool.RunAll();  // what was queued goes with the last of its work
  EXPECT_EQ(memory.used(), 0);
  EXPECT_EQ(memory.fair_share(), 1'000'000);
}

TEST_F(FileStagerTest, AnErrorStays) {
  std::ofstream(table_) << "a file in the way";
  FileStager stager = NewStager(inline_.get());
  stager.Add(Numbers({1}), 8);
  EXPECT_THAT(std::string(stager.status().message()), HasSubstr(table_));
  const auto cut = stager.Cut();
  std::filesystem::remove(table_);
  stager.Add(Numbers({2}), 8);
  EXPECT_EQ(cut().status(), stager.status());
  EXPECT_EQ(stager.Cut()().status(), stager.status());
  EXPECT_EQ(stager.held_bytes(), 0);
  EXPECT_FALSE(std::filesystem::exists(table_));
}

TEST_F(FileStagerTest, ACutOfAStoppedTaskNeverLooksWhole) {
  HeldPool pool;
  FileStager::FinishCut cut;
  {
    FileStager stager = NewStager(&pool);
    stager.Add(Numbers({1}), 8);
    cut = stager.Cut();
  }
  EXPECT_TRUE(absl::IsCancelled(cut().status()));
  pool.RunAll();
  EXPECT_FALSE(std::filesystem::exists(table_));
}

}  // namespace
}  // namespace weir
