#include "operators/window/group_table.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

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

// Zeroed. Large pieces ask for huge pages: random access to a million groups misses the TLB as
// often as the caches.
void* AllocateZeroed(size_t count, size_t size) {
  void* memory = std::calloc(count, size);
  WEIR_CHECK(memory != nullptr, "out of memory, bytes=", count * size);
  constexpr uintptr_t kHugePage = 2 << 20, kPage = 4096;
  if (count * size >= 2 * kHugePage) {
    const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) & ~(kPage - 1);
    const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + count * size) & ~(kPage - 1);
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // only a wish
  }
  return memory;
}

}  // namespace

void GroupTable::Free::operator()(void* p) const { std::free(p); }

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
      uint64_t position = tag & mask_;
      while (slots_[position] != 0 && slots_[position] >> 32 != tag) {
        position = (position + 1) & mask_;
      }
      candidates[i] = nullptr;
      if (slots_[position] != 0) {
        candidates[i] = row(static_cast<int64_t>((slots_[position] & 0xffffffff) - 1));
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
    chunks_.emplace_back(static_cast<uint8_t*>(AllocateZeroed(at, row_size_)));
  }
  WEIR_CHECK(size_ < INT32_MAX, "groups=", size_);
  return row(size_++);
}

void GroupTable::Reserve(int64_t more) {
  // At most 5/8 full: probes stay short without the room of a half-empty table.
  const uint64_t wanted = static_cast<uint64_t>(size_ + more) * 8 / 5 + 1;
  if (wanted <= capacity_) return;
  uint64_t capacity = capacity_ == 0 ? 32 : capacity_;
  while (capacity < wanted) capacity *= 2;
  std::unique_ptr<uint64_t[], Free> old(
      static_cast<uint64_t*>(AllocateZeroed(capacity, sizeof(uint64_t))));
  old.swap(slots_);
  const uint64_t old_capacity = std::exchange(capacity_, capacity);
  mask_ = capacity - 1;
  for (uint64_t i = 0; i < old_capacity; ++i) {
    if (old[i] == 0) continue;
    uint64_t position = (old[i] >> 32) & mask_;
    while (slots_[position] != 0) position = (position + 1) & mask_;
    slots_[position] = old[i];
  }
}

int64_t GroupTable::bytes() const {
  return static_cast<int64_t>(capacity_ * sizeof(uint64_t) + size_ * row_size_) + arena_.bytes() +
         static_cast<int64_t>(sizeof(*this));
}

void GroupTable::ReleaseSlots() {
  slots_.reset();
  capacity_ = mask_ = 0;
}

void GroupTable::Clear() {
  if (capacity_ > 0) std::memset(slots_.get(), 0, capacity_ * sizeof(uint64_t));
  chunks_.clear();
  arena_ = StateArena();
  size_ = 0;
}

}  // namespace weir
