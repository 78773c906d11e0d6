// Groups of one pane: an open-addressing hash table from encoded keys to rows of aggregate states.
//
// A lookup of many keys runs in blocks: prefetch the slots, read them and prefetch the rows they
// name, then compare. That hides most cache misses (five times the speed of absl's map at a million
// keys, notes/internals.md §1). Rows never move.
#ifndef WEIR_OPERATORS_WINDOW_GROUP_TABLE_H_
#define WEIR_OPERATORS_WINDOW_GROUP_TABLE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "operators/window/state_arena.h"

namespace weir {

// Head of a group's row; the states follow. Rows are 8-byte aligned.
struct GroupRow {
  uint32_t key_size;
  uint16_t key_group;
  uint16_t dirty;     // changed since the last checkpoint; for the owner of the table
  uint64_t words[2];  // the key, zero-padded; or its first 8 bytes and the address of all
  int64_t rows;       // source rows behind the states; for the owner of the table

  static constexpr size_t kInlineKey = 16;
  std::string_view key() const {
    const char* at = key_size <= kInlineKey ? reinterpret_cast<const char*>(words)
                                            : reinterpret_cast<const char*>(words[1]);
    return {at, key_size};
  }
  uint8_t* states() { return reinterpret_cast<uint8_t*>(this + 1); }
  static GroupRow* FromStates(uint8_t* states) { return reinterpret_cast<GroupRow*>(states) - 1; }
};
static_assert(sizeof(GroupRow) == 32);

// Keys in one buffer: key i is [offsets[i], offsets[i + 1]) of `bytes`, of which `size` are
// readable.
struct KeySpan {
  const uint8_t* bytes = nullptr;
  int64_t size = 0;
  const int32_t* offsets = nullptr;
  const uint64_t* hashes = nullptr;
};

// At most 2^31 groups. One thread at a time.
class GroupTable {
 public:
  // `state_width`: bytes of states per group, a multiple of 8; all zero in a new group.
  explicit GroupTable(size_t state_width) : row_size_(sizeof(GroupRow) + state_width) {}
  GroupTable(GroupTable&&) = default;
  GroupTable& operator=(GroupTable&&) = default;

  // states[i] = the states of key rows[i], for i < n; makes the groups that are new.
  void FindOrInsert(const KeySpan& keys, const uint32_t* rows, int64_t n, uint8_t** states);

  int64_t size() const { return size_; }
  int64_t bytes() const;
  GroupRow* row(int64_t i) {
    const uint64_t at = static_cast<uint64_t>(i) + kFirstChunk;
    const int chunk = 63 - __builtin_clzll(at);
    return reinterpret_cast<GroupRow*>(chunks_[chunk - kFirstChunkBits].get() +
                                       (at - (uint64_t{1} << chunk)) * row_size_);
  }
  StateArena& arena() { return arena_; }
  int64_t arena_bytes() const { return arena_.bytes(); }
  // Forgets every group, keeping the room for slots.
  void Clear();
  // Gives the slots' memory back; after that rows can be read, and nothing else.
  void ReleaseSlots();

 private:
  struct Free {
    void operator()(void* p) const;
  };
  // Slot: 0, or high half = high half of the hash, low half = number of the row + 1.
  static constexpr int kFirstChunkBits = 4;
  static constexpr uint64_t kFirstChunk = 1 << kFirstChunkBits;
  static constexpr int kBlock = 64;

  uint8_t* Insert(const KeySpan& keys, uint32_t key, uint64_t low, uint64_t high);
  void Reserve(int64_t more);
  GroupRow* NewRow();

  size_t row_size_;
  std::unique_ptr<uint64_t[], Free> slots_;
  uint64_t capacity_ = 0, mask_ = 0;  // number of slots, a power of two; that - 1
  int64_t size_ = 0;
  // Chunk c holds kFirstChunk << c rows. Zeroed pages cost nothing until touched.
  std::vector<std::unique_ptr<uint8_t[], Free>> chunks_;
  StateArena arena_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_GROUP_TABLE_H_
