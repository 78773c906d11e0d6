// Memory behind the fixed-width states of a table: texts and sets of distinct values.
#ifndef WEIR_OPERATORS_WINDOW_STATE_ARENA_H_
#define WEIR_OPERATORS_WINDOW_STATE_ARENA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/node_hash_set.h"

namespace weir {

// The values a count(DISTINCT) has seen in one group, in the encoding of group keys.
struct DistinctValues {
  absl::node_hash_set<std::string> values;
  // Those not handed to a checkpoint yet; point into `values`.
  std::vector<const std::string*> fresh;
  int64_t bytes = 0;    // of all values
  int64_t counted = 0;  // further values, all different, that are only counted
};

// Frees everything at once. One thread at a time.
class StateArena {
 public:
  StateArena() = default;
  StateArena(StateArena&&) = default;
  StateArena& operator=(StateArena&&) = default;

  uint8_t* Allocate(size_t bytes) {
    if (bytes > left_) Grow(bytes);
    uint8_t* at = next_;
    next_ += bytes;
    left_ -= bytes;
    return at;
  }
  DistinctValues* NewDistinct() {
    sets_.push_back(std::make_unique<DistinctValues>());
    bytes_ += 128;
    return sets_.back().get();
  }
  // Counts what a set has grown by.
  void AddBytes(int64_t bytes) { bytes_ += bytes; }
  int64_t bytes() const { return bytes_; }

 private:
  void Grow(size_t bytes) {
    size_t size = blocks_.empty() ? 1024 : 2 * last_size_;
    if (size > kBlockMax) size = kBlockMax;
    if (size < bytes) size = bytes;
    blocks_.emplace_back(new uint8_t[size]);
    bytes_ += static_cast<int64_t>(size);
    next_ = blocks_.back().get();
    left_ = last_size_ = size;
  }

  static constexpr size_t kBlockMax = 256 << 10;
  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
  uint8_t* next_ = nullptr;
  size_t left_ = 0, last_size_ = 0;
  std::vector<std::unique_ptr<DistinctValues>> sets_;
  int64_t bytes_ = 0;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_STATE_ARENA_H_
