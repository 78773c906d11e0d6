// One column of a batch in the making, in Arrow's layout.
#ifndef WEIR_OPERATORS_DECODE_COLUMN_WRITER_H_
#define WEIR_OPERATORS_DECODE_COLUMN_WRITER_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "absl/numeric/int128.h"
#include "arrow/type_fwd.h"
#include "model/types.h"

namespace weir {

// Rows are written in order, each at most a few times before it is closed: a later value of an open
// row replaces an earlier one, and a row that isn't closed leaves nothing behind. Values go
// straight into the buffers that the batch will own.
//
//   Begin(rows) → { [Set...(value)]* CloseRow(has_value) | reopen by writing again }* → Finish
class ColumnWriter {
 public:
  explicit ColumnWriter(const DataType& type);
  ColumnWriter(ColumnWriter&&) noexcept;
  ~ColumnWriter();

  // Room for `rows` rows. `text_bytes` is a guess of what all texts need together.
  void Begin(int64_t rows);

  // The open row's value. REQUIRES: the type's fixed-width representation (booleans: uint8_t).
  template <class T>
  void SetFixed(T value) {
    std::memcpy(fixed_ + row_ * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  }
  void SetDecimal(absl::int128 value) {
    const uint64_t halves[2] = {absl::Int128Low64(value),
                                static_cast<uint64_t>(absl::Int128High64(value))};
    std::memcpy(fixed_ + row_ * 16, halves, 16);
  }
  template <class T>
  T fixed(int64_t row) const {
    T value;
    std::memcpy(&value, fixed_ + row * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return value;
  }

  // Bytes of the open row: room for `size` of them (and kSlack more may be scribbled on), to be
  // followed by SetEnd.
  static constexpr int64_t kSlack = 16;
  char* TextRoom(int64_t size) {
    const int64_t begin = offsets_[row_];
    if (begin + size + kSlack > text_capacity_) [[unlikely]]
      GrowText(begin + size + kSlack);
    return text_ + begin;
  }
  void SetEnd(const char* end) { end_ = static_cast<int32_t>(end - text_); }
  // REQUIRES: kSlack readable bytes behind `text`.
  void SetTextPadded(std::string_view text) {
    const int64_t size = static_cast<int64_t>(text.size());
    char* out = TextRoom(size);
    const char* in = text.data();
    for (int64_t i = 0; i < size; i += kSlack) std::memcpy(out + i, in + i, kSlack);
    end_ = static_cast<int32_t>(out + size - text_);
  }
  void SetText(std::string_view text) {
    char* out = TextRoom(static_cast<int64_t>(text.size()));
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    SetEnd(out + text.size());
  }

  // The open row is done: with the value set last, or NULL.
  void CloseRow(bool has_value) {
    valid_[row_] = has_value;
    if (offsets_ != nullptr) {
      offsets_[row_ + 1] = has_value ? end_ : offsets_[row_];
    } else if (!has_value) [[unlikely]] {
      std::memset(fixed_ + row_ * width_, 0, static_cast<size_t>(width_));
    }
    ++row_;
  }

  int64_t rows() const { return row_; }
  std::shared_ptr<arrow::ArrayData> Finish();

 private:
  void GrowText(int64_t needed);

  const std::shared_ptr<arrow::DataType> arrow_type_;
  int width_ = 0;  // bytes per row; 0 = text

  int64_t row_ = 0;  // the open one
  uint8_t* valid_ = nullptr;
  char* fixed_ = nullptr;
  int32_t* offsets_ = nullptr;
  char* text_ = nullptr;
  int64_t text_capacity_ = 0;
  int32_t end_ = 0;
  int64_t expected_text_per_row_ = 16;  // learnt from the last batch

  std::shared_ptr<arrow::ResizableBuffer> valid_buffer_;  // a byte per row, kept between batches
  // Handed over to the batch at Finish, hence shared.
  std::shared_ptr<arrow::ResizableBuffer> fixed_buffer_, offsets_buffer_, text_buffer_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_COLUMN_WRITER_H_
