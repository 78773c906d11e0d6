#include "model/batch.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <random>

namespace weir {
namespace {

template <class Builder, class Append>
std::shared_ptr<arrow::Array> Build(Builder builder, int rows, Append append) {
  for (int i = 0; i < rows; ++i) {
    const arrow::Status status = i % 5 == 3 ? builder.AppendNull() : append(builder, i);
    EXPECT_TRUE(status.ok());
  }
  return *builder.Finish();
}

// One column of every layout that a batch can have, and a nested one.
std::shared_ptr<arrow::RecordBatch> AllLayouts(int rows) {
  arrow::MemoryPool* pool = arrow::default_memory_pool();
  arrow::ArrayVector columns;
  columns.push_back(
      Build(arrow::BooleanBuilder(), rows, [](auto& b, int i) { return b.Append(i % 3 == 0); }));
  columns.push_back(Build(arrow::Int8Builder(), rows,
                          [](auto& b, int i) { return b.Append(static_cast<int8_t>(i)); }));
  columns.push_back(Build(arrow::Int16Builder(), rows,
                          [](auto& b, int i) { return b.Append(static_cast<int16_t>(i)); }));
  columns.push_back(
      Build(arrow::Int32Builder(), rows, [](auto& b, int i) { return b.Append(i * 7); }));
  columns.push_back(
      Build(arrow::DoubleBuilder(), rows, [](auto& b, int i) { return b.Append(i / 3.0); }));
  columns.push_back(Build(arrow::Decimal128Builder(arrow::decimal128(20, 2), pool), rows,
                          [](auto& b, int i) { return b.Append(arrow::Decimal128(-i * 100)); }));
  columns.push_back(Build(arrow::StringBuilder(), rows, [](auto& b, int i) {
    return b.Append(std::string(i % 11, static_cast<char>('a' + i % 26)));
  }));
  columns.push_back(
      Build(arrow::TimestampBuilder(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), pool), rows,
            [](auto& b, int i) { return b.Append(i * 1'000'000); }));
  columns.push_back(
      Build(arrow::Date32Builder(), rows, [](auto& b, int i) { return b.Append(i); }));
  auto values = std::make_shared<arrow::Int32Builder>();
  columns.push_back(Build(arrow::ListBuilder(pool, values), rows, [&](auto& b, int i) {
    ARROW_RETURN_NOT_OK(b.Append());
    return values->Append(i);
  }));
  columns.push_back(std::make_shared<arrow::NullArray>(rows));
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i)
    fields.push_back(arrow::field("c" + std::to_string(i), columns[i]->type()));
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, columns);
}

Batch Of(std::shared_ptr<arrow::RecordBatch> columns) {
  Batch batch;
  batch.columns = std::move(columns);
  return batch;
}

void ExpectRows(const Batch& taken, const arrow::RecordBatch& from,
                const std::vector<uint32_t>& rows) {
  ASSERT_EQ(taken.num_rows(), static_cast<int64_t>(rows.size()));
  ASSERT_TRUE(taken.columns->ValidateFull().ok()) << taken.columns->ValidateFull().ToString();
  for (int c = 0; c < from.num_columns(); ++c) {
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_TRUE(taken.columns->column(c)
                      ->GetScalar(static_cast<int64_t>(i))
                      .ValueOrDie()
                      ->Equals(*from.column(c)->GetScalar(rows[i]).ValueOrDie()))
          << "column " << c << " row " << i;
    }
  }
}

TEST(TakeRowsTest, TakesAnyRowsOfAnyLayout) {
  constexpr uint64_t kSeed = 20261122;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  const auto whole = AllLayouts(100);
  for (int round = 0; round < 50; ++round) {
    // A slice has an offset into its buffers, which is easily forgotten.
    const int64_t begin = random() % 60;
    const auto columns = round % 2 == 0 ? whole : whole->Slice(begin, 40);
    std::vector<uint32_t> rows(random() % 50);
    for (uint32_t& row : rows) row = random() % columns->num_rows();
    ExpectRows(TakeRows(Of(columns), rows), *columns, rows);
  }
}

TEST(TakeRowsTest, TakesNoneAndRanges) {
  const auto columns = AllLayouts(20);
  ExpectRows(TakeRows(Of(columns), {}), *columns, {});
  ExpectRows(TakeRows(Of(columns), {4, 5, 6}), *columns, {4, 5, 6});
  ExpectRows(TakeRows(Of(columns->Slice(3)), {4, 5, 6}), *columns, {7, 8, 9});
  ExpectRows(TakeRows(Of(columns), {6, 5, 4}), *columns, {6, 5, 4});
}

TEST(TakeRowsTest, KeepsTheWayBackToTheRecords) {
  Batch batch = Of(AllLayouts(10));
  auto raw = std::make_shared<RawRecords>();
  raw->offsets.resize(10);
  batch.raw = raw;
  const Batch odd = TakeRows(batch, {1, 3, 5, 7, 9});
  EXPECT_EQ(odd.raw, raw);
  EXPECT_EQ(odd.RawRow(2), 5);
  const Batch again = TakeRows(odd, {4, 0});
  EXPECT_EQ(again.RawRow(0), 9);
  EXPECT_EQ(again.RawRow(1), 1);
  const Batch range = TakeRows(odd, {1, 2});
  EXPECT_EQ(range.RawRow(0), 3);
  EXPECT_EQ(range.RawRow(1), 5);
}

TEST(TakeRowsTest, TakesRowKindsAlong) {
  Batch batch = Of(AllLayouts(4));
  arrow::Int8Builder kinds;
  ASSERT_TRUE(kinds.AppendValues({0, 1, 2, 3}).ok());
  batch.row_kinds = *kinds.Finish();
  const Batch taken = TakeRows(batch, {3, 1});
  const auto& taken_kinds = static_cast<const arrow::Int8Array&>(*taken.row_kinds);
  EXPECT_EQ(taken_kinds.Value(0), 3);
  EXPECT_EQ(taken_kinds.Value(1), 1);
}

TEST(BatchTest, CountsTheBytesItRefersTo) {
  const Batch whole = Of(AllLayouts(1000));
  const Batch part = Of(whole.columns->Slice(0, 100));
  EXPECT_GT(whole.ByteSize(), 1000 * (1 + 2 + 4 + 8 + 16));
  EXPECT_LT(part.ByteSize(), whole.ByteSize() / 5);
  EXPECT_GT(part.ByteSize(), 0);
}

TEST(RawRecordsTest, TellsEmptyFromMissing) {
  RawRecords raw;
  raw.arena = "keyvalue";
  raw.key_begin = {0, -1};
  raw.key_end = {3, -1};
  raw.payload_begin = {3, -1};
  raw.payload_end = {8, -1};
  raw.offsets = {41, 43};
  EXPECT_EQ(raw.Key(0), "key");
  EXPECT_EQ(raw.Payload(0), "value");
  EXPECT_FALSE(raw.IsTombstone(0));
  EXPECT_TRUE(raw.IsTombstone(1));
  EXPECT_EQ(raw.Key(1), "");
}

}  // namespace
}  // namespace weir
