// Arrays made of vectors without copying. Private to operators/window.
#ifndef WEIR_OPERATORS_WINDOW_COLUMNS_H_
#define WEIR_OPERATORS_WINDOW_COLUMNS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "arrow/type_fwd.h"

namespace weir {

// Without NULLs, of a type that lies in 8 bytes: int64, timestamp.
std::shared_ptr<arrow::Array> Int64Column(const std::shared_ptr<arrow::DataType>& type,
                                          std::vector<int64_t> values);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_COLUMNS_H_
