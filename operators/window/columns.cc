#include "operators/window/columns.h"

#include <utility>

#include "arrow/array.h"
#include "arrow/buffer.h"

namespace weir {

std::shared_ptr<arrow::Array> Int64Column(const std::shared_ptr<arrow::DataType>& type,
                                          std::vector<int64_t> values) {
  const int64_t rows = static_cast<int64_t>(values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, rows, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

}  // namespace weir
