// Bits, 64 at a time: validity and boolean values.
#ifndef WEIR_OPERATORS_EXPR_BITMAP_H_
#define WEIR_OPERATORS_EXPR_BITMAP_H_

#include <cstdint>
#include <memory>

#include "arrow/type_fwd.h"

namespace weir::expr {

// A bitmap under construction, from bit 0 on; or none, meaning all ones.
class Bitmap {
 public:
  Bitmap() = default;
  // All bits `ones`; room for whole words, so that word i may be written with SetWord.
  Bitmap(int64_t bits, bool ones);
  // Shares `buffer`; copied before the first change.
  static Bitmap Shared(std::shared_ptr<arrow::Buffer> buffer, int64_t bits);

  bool present() const { return buffer_ != nullptr; }
  void Clear(int64_t bit);
  void Set(int64_t bit) { words_[bit >> 6] |= uint64_t{1} << (bit & 63); }
  bool Get(int64_t bit) const { return data_[bit >> 3] >> (bit & 7) & 1; }
  void SetWord(int64_t index, uint64_t word) { words_[index] = word; }
  uint64_t* words() { return words_; }
  const std::shared_ptr<arrow::Buffer>& buffer() const { return buffer_; }

 private:
  std::shared_ptr<arrow::Buffer> buffer_;  // shared with the array it becomes part of
  const uint8_t* data_ = nullptr;
  uint64_t* words_ = nullptr;  // null while shared
  int64_t bits_ = 0;
};

// Bits [64 * index, ...) of a bitmap of `bits` bits that starts at bit `offset` of `data`; bits
// past the end are 0. `data` == nullptr reads as ones.
uint64_t LoadWord(const uint8_t* data, int64_t offset, int64_t index, int64_t bits);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_BITMAP_H_
