// Vectors under construction.
#ifndef WEIR_OPERATORS_EXPR_VECTOR_OUTPUT_H_
#define WEIR_OPERATORS_EXPR_VECTOR_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "arrow/type_fwd.h"
#include "model/types.h"
#include "operators/expr/bitmap.h"
#include "operators/expr/vector.h"

namespace weir::expr {

// Rows where no argument is NULL.
Bitmap CombineValidity(std::span<const Vector> args, int64_t rows);

// Values of fixed width under construction. Zeroed rows cost nothing extra to read.
template <class T>
class FixedOutput {
 public:
  explicit FixedOutput(int64_t rows);
  T* data() { return data_; }
  Vector Finish(const DataType& type, int64_t rows, Bitmap validity) &&;

 private:
  std::shared_ptr<arrow::Buffer> buffer_;
  T* data_ = nullptr;
};

Vector FinishBooleans(Bitmap values, int64_t rows, Bitmap validity);

// Text or bytes under construction, row by row.
class TextOutput {
 public:
  explicit TextOutput(int64_t rows);
  // Parts of the current row.
  void Append(std::string_view part) { bytes_.append(part); }
  void Append(size_t count, char c) { bytes_.append(count, c); }
  void Append(char c) { bytes_.push_back(c); }
  std::string& bytes() { return bytes_; }
  // Ends row `row`; rows come in order. False, dropping the row's text, when the batch would pass
  // 2 GiB.
  bool EndRow(int64_t row);
  Vector Finish(const DataType& type, int64_t rows, Bitmap validity) &&;

 private:
  std::shared_ptr<arrow::Buffer> offsets_buffer_;
  int32_t* offsets_;
  std::string bytes_;
};

// The constant's value on each of `rows` rows.
std::shared_ptr<arrow::Array> Materialise(const Vector& vector, int64_t rows);
// Makes the given rows NULL.
std::shared_ptr<arrow::Array> WithNulls(const std::shared_ptr<arrow::Array>& array,
                                        std::span<const uint32_t> rows);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_VECTOR_OUTPUT_H_
