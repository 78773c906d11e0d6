// Batches as they travel over edges, for the tests of worker/.
#ifndef WEIR_TESTS_UNIT_WORKER_CHANNELS_TEST_H_
#define WEIR_TESTS_UNIT_WORKER_CHANNELS_TEST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "arrow/api.h"
#include "model/batch.h"

namespace weir {

inline std::shared_ptr<arrow::Schema> EdgeTestSchema() {
  return arrow::schema(
      {arrow::field("_key_group", arrow::uint16(), false), arrow::field("value", arrow::int64())});
}

inline Batch EdgeTestBatch(const std::vector<uint16_t>& groups,
                           const std::vector<int64_t>& values) {
  arrow::UInt16Builder group_builder;
  arrow::Int64Builder value_builder;
  EXPECT_TRUE(group_builder.AppendValues(groups).ok());
  EXPECT_TRUE(value_builder.AppendValues(values).ok());
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(EdgeTestSchema(), static_cast<int64_t>(groups.size()),
                                           {*group_builder.Finish(), *value_builder.Finish()});
  return batch;
}

inline std::vector<int64_t> ValuesOf(const Batch& batch) {
  const auto& column = static_cast<const arrow::Int64Array&>(*batch.columns->column(1));
  return std::vector<int64_t>(column.raw_values(), column.raw_values() + column.length());
}

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_WORKER_CHANNELS_TEST_H_
