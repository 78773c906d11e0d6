#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/api/reader.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "lake/data_file_writer.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::HasSubstr;

const Schema kSchema{{{"at", DataType::Of(TypeKind::kTimestamptz), false},
                      {"n", DataType::Of(TypeKind::kBigint), true},
                      {"local", DataType::Of(TypeKind::kTimestamp), true},
                      {"amount", DataType::Numeric(38, 2), true}}};

std::shared_ptr<arrow::RecordBatch> Rows(int64_t count, bool null_time = false) {
  const auto schema = ArrowSchema(kSchema);
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& field : schema->fields()) {
    const auto builder = arrow::MakeBuilder(field->type()).ValueOrDie();
    for (int64_t i = 0; i < count; ++i) {
      if (field->name() == "n") {
        EXPECT_TRUE(static_cast<arrow::Int64Builder*>(builder.get())->Append(i * 7919).ok());
      } else if (field->name() != "at" || (null_time && i == count - 1)) {
        EXPECT_TRUE(builder->AppendNull().ok());
      } else {
        EXPECT_TRUE(static_cast<arrow::TimestampBuilder*>(builder.get())->Append(i).ok());
      }
    }
    columns.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(schema, count, columns);
}

class ParquetDataFileTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::string table_ = directory_ / "t";
};

TEST_F(ParquetDataFileTest, WritesWhatReadersExpect) {
  auto file = OpenDataFile({table_, nullptr}, "a.parquet", kSchema);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write(*Rows(10)).ok());
  ASSERT_TRUE((*file)->Write(*Rows(5)).ok());
  const auto closed = (*file)->Close();
  ASSERT_TRUE(closed.ok()) << closed.status();
  EXPECT_EQ(closed->path, "a.parquet");
  EXPECT_EQ(closed->rows, 15);
  EXPECT_EQ(closed->size, static_cast<int64_t>(std::filesystem::file_size(table_ + "/a.parquet")));
  EXPECT_GT(closed->modification_time_ms, 1'700'000'000'000);
  EXPECT_THAT(closed->stats, HasSubstr("\"numRecords\":15"));

  const auto metadata = parquet::ParquetFileReader::OpenFile(table_ + "/a.parquet")->metadata();
  EXPECT_EQ(metadata->num_row_groups(), 1);
  EXPECT_EQ(metadata->num_rows(), 15);
  const auto group = metadata->RowGroup(0);
  EXPECT_EQ(group->ColumnChunk(0)->compression(), parquet::Compression::ZSTD);
  EXPECT_TRUE(group->ColumnChunk(1)->is_stats_set());
  const auto* schema = metadata->schema();
  EXPECT_EQ(schema->Column(0)->schema_node()->repetition(), parquet::Repetition::REQUIRED);
  EXPECT_EQ(schema->Column(1)->schema_node()->repetition(), parquet::Repetition::OPTIONAL);
  EXPECT_EQ(schema->Column(0)->physical_type(), parquet::Type::INT64);
  EXPECT_THAT(schema->Column(0)->logical_type()->ToString(),
              HasSubstr("isAdjustedToUTC=true, timeUnit=microseconds"));
  EXPECT_THAT(schema->Column(2)->logical_type()->ToString(),
              HasSubstr("isAdjustedToUTC=false, timeUnit=microseconds"));
}

TEST_F(ParquetDataFileTest, NeverTakesANameTwice) {
  ASSERT_TRUE(OpenDataFile({table_, nullptr}, "a.parquet", kSchema).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(OpenDataFile({table_, nullptr}, "a.parquet", kSchema).status()));
}

TEST_F(ParquetDataFileTest, RefusesNullForNotNull) {
  const auto file = *OpenDataFile({table_, nullptr}, "a.parquet", kSchema);
  const absl::Status status = file->Write(*Rows(3, /*null_time=*/true));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("column at"));
}

TEST_F(ParquetDataFileTest, RefusesAnotherLayout) {
  const auto file = *OpenDataFile({table_, nullptr}, "a.parquet", kSchema);
  const auto rows = Rows(3);
  EXPECT_TRUE(absl::IsInvalidArgument(file->Write(*rows->RemoveColumn(3).ValueOrDie())));
  const auto swapped = arrow::RecordBatch::Make(
      rows->schema(), 3, {rows->column(1), rows->column(0), rows->column(2), rows->column(3)});
  const absl::Status status = file->Write(*swapped);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("column at"));
}

TEST_F(ParquetDataFileTest, EstimatesItsSize) {
  const auto file = *OpenDataFile({table_, nullptr}, "a.parquet", kSchema);
  const auto rows = Rows(100'000);
  int64_t last = file->BytesEstimate();
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(file->Write(*rows).ok());
    EXPECT_GT(file->BytesEstimate(), 0);
    last = file->BytesEstimate();
  }
  const auto closed = file->Close();
  ASSERT_TRUE(closed.ok());
  // 3 million rows of two used columns: several row groups, so the estimate had a measured ratio.
  EXPECT_LT(last, 5 * closed->size);
  EXPECT_GT(last, closed->size / 5);
  EXPECT_GT(
      parquet::ParquetFileReader::OpenFile(table_ + "/a.parquet")->metadata()->num_row_groups(), 1);
}

// A file system that takes no more bytes: here the process' own limit.
TEST_F(ParquetDataFileTest, AFailedWriteNamesThePath) {
  const auto file = *OpenDataFile({table_, nullptr}, "a.parquet", kSchema);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  absl::Status status = file->Write(*Rows(1000));
  if (status.ok()) status = file->Close().status();
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(table_ + "/a.parquet"));
}

TEST_F(ParquetDataFileTest, GoesToAnObjectStoreWhenComplete) {
  const auto store = std::make_shared<FaultyBlobStore>();
  const std::string scratch = directory_ / "scratch";
  auto file = OpenDataFile({scratch, store}, "a.parquet", kSchema);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write(*Rows(10)).ok());
  EXPECT_TRUE(store->Snapshot().empty()) << "nobody may see a part of it";
  const auto closed = (*file)->Close();
  ASSERT_TRUE(closed.ok()) << closed.status();
  EXPECT_EQ(closed->path, "a.parquet");
  EXPECT_EQ(closed->size, *store->Size("a.parquet"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch));
}

// iceberg #2317, trino #10462: a lost answer must neither pass for success nor lead to a deletion.
TEST_F(ParquetDataFileTest, LostResponseOnAnUploadDeletesNothing) {
  const auto store = std::make_shared<FaultyBlobStore>();
  for (const PutFault fault : {PutFault::kDoneUnknown, PutFault::kLost, PutFault::kDenied}) {
    store->PlanPuts({fault});
    const std::string name = absl::StrCat("f", static_cast<int>(fault), ".parquet");
    auto file = OpenDataFile({directory_ / "scratch", store}, name, kSchema);
    ASSERT_TRUE((*file)->Write(*Rows(10)).ok());
    EXPECT_FALSE((*file)->Close().ok());
    EXPECT_EQ(store->Size(name).ok(), fault == PutFault::kDoneUnknown);
  }
}

TEST_F(ParquetDataFileTest, NeverReplacesAnObject) {
  const auto store = std::make_shared<FaultyBlobStore>();
  ASSERT_TRUE(store->PutIfAbsent("a.parquet", "another's").ok());
  auto file = OpenDataFile({directory_ / "scratch", store}, "a.parquet", kSchema);
  ASSERT_TRUE((*file)->Write(*Rows(10)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists((*file)->Close().status()));
  EXPECT_EQ(*store->Get("a.parquet"), "another's");
}

}  // namespace
}  // namespace weir
