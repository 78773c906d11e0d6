#include "operators/decode/column_writer.h"

#include <string>

#include "arrow/api.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

DataType T(TypeKind kind) { return DataType::Of(kind); }

std::shared_ptr<arrow::Array> Finished(ColumnWriter& writer) {
  std::shared_ptr<arrow::Array> array = arrow::MakeArray(writer.Finish());
  EXPECT_TRUE(array->ValidateFull().ok()) << array->ValidateFull();
  return array;
}

TEST(ColumnWriter, LastValueOfAnOpenRowCounts) {
  ColumnWriter writer(T(TypeKind::kText));
  writer.Begin(4);
  writer.SetText("a rather long first value");
  writer.SetText("b");
  writer.CloseRow(true);
  writer.SetText("written, then closed as NULL");
  writer.CloseRow(false);
  writer.SetText("c");
  writer.CloseRow(true);
  writer.SetText("never closed");
  auto array = Finished(writer);
  EXPECT_EQ(array->ToString(), "[\n  \"b\",\n  null,\n  \"c\"\n]");
}

TEST(ColumnWriter, TextGrowsBeyondItsGuess) {
  ColumnWriter writer(T(TypeKind::kText));
  for (int round = 0; round < 2; ++round) {
    writer.Begin(100);
    const std::string padded = std::string(1000, 'x') + std::string(ColumnWriter::kSlack, '#');
    for (int i = 0; i < 100; ++i) {
      writer.SetTextPadded(std::string_view(padded).substr(0, 1000));
      writer.CloseRow(true);
    }
    auto array = Finished(writer);
    ASSERT_EQ(array->length(), 100);
    EXPECT_EQ(static_cast<const arrow::StringArray&>(*array).GetView(99), std::string(1000, 'x'));
  }
}

TEST(ColumnWriter, BooleansAndValidityArePackedWhateverLiesBehindThem) {
  for (int rows : {0, 1, 7, 8, 9, 63, 64, 65}) {
    ColumnWriter writer(T(TypeKind::kBoolean));
    // Leaves dirt in the byte per row that is kept between batches.
    for (int round = 0; round < 2; ++round) {
      writer.Begin(100);
      for (int i = 0; i < (round == 0 ? 100 : rows); ++i) {
        writer.SetFixed<uint8_t>(i % 3 == 0);
        writer.CloseRow(i % 5 != 0);
      }
      if (round == 0) Finished(writer);
    }
    auto array = Finished(writer);
    ASSERT_EQ(array->length(), rows);
    const auto& booleans = static_cast<const arrow::BooleanArray&>(*array);
    for (int i = 0; i < rows; ++i) {
      ASSERT_EQ(booleans.IsValid(i), i % 5 != 0);
      if (i % 5 != 0) {
        ASSERT_EQ(booleans.Value(i), i % 3 == 0);
      }
    }
  }
}

TEST(ColumnWriter, NoValidityWithoutNulls) {
  ColumnWriter writer(T(TypeKind::kBigint));
  writer.Begin(2);
  for (int64_t v : {5, 6}) {
    writer.SetFixed(v);
    writer.CloseRow(true);
  }
  EXPECT_EQ(writer.fixed<int64_t>(1), 6);
  auto array = Finished(writer);
  EXPECT_EQ(array->null_bitmap(), nullptr);
  EXPECT_EQ(array->ToString(), "[\n  5,\n  6\n]");
}

TEST(ColumnWriter, Decimals) {
  ColumnWriter writer(DataType::Numeric(38, 2));
  writer.Begin(2);
  writer.SetDecimal(-12345);
  writer.CloseRow(true);
  writer.SetDecimal(absl::MakeInt128(1, 0));
  writer.CloseRow(true);
  EXPECT_EQ(Finished(writer)->ToString(), "[\n  -123.45,\n  184467440737095516.16\n]");
}

TEST(ColumnWriter, MuchTooLargeBuffersAreGivenBack) {
  ColumnWriter writer(T(TypeKind::kBigint));
  writer.Begin(8192);
  writer.SetFixed<int64_t>(1);
  writer.CloseRow(true);
  EXPECT_LT(Finished(writer)->data()->buffers[1]->capacity(), 1024);
}

}  // namespace
}  // namespace weir
