#include "operators/window/group_table.h"

#include <cstdlib>

#include "base/log.h"
#include "model/ids.h"

namespace weir {
namespace {

struct KeyWords {
  uint64_t low, high;
};

// The first 16 bytes of a key, zero-padded. `left`: readable bytes from `at` on.
inline KeyWords LoadKey(const uint8_t* at, uint32_t size, int64_t left) {
  KeyWords w{0, 0};
  if (left >= 16) [[likely]] {
    std::memcpy(&w, at, 16);
    if (size < 8) {
      w.low &= (uint64_t{1} << (8 * size)) - 1;
      w.high = 0;
    } else if (size < 16) {
      w.high &= (uint64_t{1} << (8 * (size - 8))) - 1;
    }
    return w;
  }
  if (size > 0) std::memcpy(&w, at, size < 16 ? size : 16);
  return w;
}

inline bool SameKey(const GroupRow* row, const uint8_t* key, uint32_t size, KeyWords w) {
  if (row->key_size != size || row->words[0] != w.low) return false;
  if (size <= GroupRow::kInlineKey) return row->words[1] == w.high;
  return std::memcmp(row->key().data(), key, size) == 0;
}

inline uint64_t Tag(uint64_t hash) { return hash >> 32; }

}  // namespace

void GroupTable::Free::operator()(uint8_t* p) const { std::free(p); }

void GroupTable::FindOrInsert(const KeySpan& keys, const uint32_t* rows, int64_t n,
                              uint8_t** states) {
  GroupRow* candidates[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int count = static_cast<int>(n - begin < kBlock ? n - begin : kBlock);
    const uint32_t* block = rows + begin;
    Reserve(count);
    for (int i = 0; i < count; ++i) {
      __builtin_prefetch(&slots_[Tag(keys.hashes[block[i]]) & mask_]);
    }
    for (int i = 0; i < count; ++i) {
      const uint64_t tag = Tag(keys.hashes[block[i]]);
      const uint64_t slot = slots_[tag & mask_];
      candidates[i] = nullptr;
      if (slot != 0 && slot >> 32 == tag) {
        candidates[i] = row(static_cast<int64_t>((slot & 0xffffffff) - 1));
        __builtin_prefetch(candidates[i]);
      }
    }
    for (int i = 0; i < count; ++i) {
      const uint32_t key = block[i];
      const uint8_t* at = keys.bytes + keys.offsets[key];
      const uint32_t size = keys.offsets[key + 1] - keys.offsets[key];
      const KeyWords w = LoadKey(at, size, keys.size - keys.offsets[key]);
      if (candidates[i] != nullptr && SameKey(candidates[i], at, size, w)) [[likely]] {
        states[begin + i] = candidates[i]->states();
      } else {
        states[begin + i] = Insert(keys, key, w.low, w.high);
      }
    }
  }
}

uint8_t* GroupTable::Insert(const KeySpan& keys, uint32_t key, uint64_t low, uint64_t high) {
  const uint64_t hash = keys.hashes[key];
  const uint8_t* at = keys.bytes + keys.offsets[key];
  const uint32_t size = keys.offsets[key + 1] - keys.offsets[key];
  uint64_t position = Tag(hash) & mask_;
  for (; slots_[position] != 0; position = (position + 1) & mask_) {
    if (slots_[position] >> 32 != Tag(hash)) continue;
    GroupRow* found = row(static_cast<int64_t>((slots_[position] & 0xffffffff) - 1));
    if (SameKey(found, at, size, {low, high})) return found->states();
  }
  GroupRow* made = NewRow();
  made->key_size = size;
  made->key_group = static_cast<uint16_t>(hash % kKeyGroups);
  made->words[0] = low;
  made->words[1] = high;
  if (size > GroupRow::kInlineKey) {
    uint8_t* copy = arena_.Allocate(size);
    std::memcpy(copy, at, size);
    made->words[1] = reinterpret_cast<uint64_t>(copy);
  }
  slots_[position] = Tag(hash) << 32 | static_cast<uint64_t>(size_);
  return made->states();
}

GroupRow* GroupTable::NewRow() {
  const uint64_t at = static_cast<uint64_t>(size_) + kFirstChunk;
  if ((at & (at - 1)) == 0) {
    auto* chunk = static_cast<uint8_t*>(std::calloc(at, row_size_));
    WEIR_CHECK(chunk != nullptr, "out of memory, bytes=", at * row_size_);
    chunks_.emplace_back(chunk);
  }
  WEIR_CHECK(size_ < INT32_MAX, "groups=", size_);
  return row(size_++);
}

void GroupTable::Reserve(int64_t more) {
  // At most 5/8 full: probes stay short without the room of a half-empty table.
  const uint64_t wanted = static_cast<uint64_t>(size_ + more) * 8 / 5 + 1;
  if (wanted <= slots_.size()) return;
  uint64_t capacity = slots_.empty() ? 32 : slots_.size();
  while (capacity < wanted) capacity *= 2;
  std::vector<uint64_t> old(capacity, 0);
  old.swap(slots_);
  mask_ = capacity - 1;
  for (uint64_t slot : old) {
    if (slot == 0) continue;
    uint64_t position = (slot >> 32) & mask_;
    while (slots_[position] != 0) position = (position + 1) & mask_;
    slots_[position] = slot;
  }
}

int64_t GroupTable::bytes() const {
  return static_cast<int64_t>(slots_.size() * sizeof(uint64_t) + size_ * row_size_) +
         arena_.bytes() + static_cast<int64_t>(sizeof(*this));
}

void GroupTable::Clear() {
  std::fill(slots_.begin(), slots_.end(), 0);
  chunks_.clear();
  arena_ = StateArena();
  size_ = 0;
}

}  // namespace weir
