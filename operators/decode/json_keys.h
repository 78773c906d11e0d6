// Which column a key of a JSON object fills, guessed from the order in which keys came so far.
#ifndef WEIR_OPERATORS_DECODE_JSON_KEYS_H_
#define WEIR_OPERATORS_DECODE_JSON_KEYS_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/types.h"

namespace weir {

// Producers write the same keys in the same order, so each key is compared with the one that
// followed its predecessor last time; only a surprise costs a lookup.
class JsonKeys {
 public:
  // Keys match names of `declared` (exactly, else ignoring case); `target[i]` is what Find answers
  // for declared column i, negative for a column that isn't wanted.
  JsonKeys(const Schema& declared, std::vector<int> target);

  // Where the next key is expected; begin a record with kStart.
  using Place = uint32_t;
  static constexpr Place kStart = 0;

  // The target of the key whose text follows the quote at text[-1] and ends before `close`, the
  // closing quote; negative for a key to skip. REQUIRES: 16 readable bytes at `text`.
  int Find(const char* text, const char* close, Place* place) {
    const size_t size = static_cast<size_t>(close - text);
    const Known& guess = known_[known_[*place].next];
    if (guess.size == size && Matches(guess, text)) [[likely]] {
      *place = known_[*place].next;
      return guess.target;
    }
    return FindSlow(std::string_view(text, size), place);
  }

 private:
  struct Known {
    std::string key;  // as written, escapes included
    size_t size = 0;
    // Its first 16 bytes, and which of them count.
    uint64_t head[2] = {0, 0};
    uint64_t mask[2] = {0, 0};
    int target = -1;
    Place next = 0;
  };

  static bool Matches(const Known& known, const char* text) {
    uint64_t words[2];
    std::memcpy(words, text, 16);
    if ((((words[0] ^ known.head[0]) & known.mask[0]) |
         ((words[1] ^ known.head[1]) & known.mask[1])) != 0) {
      return false;
    }
    return known.size <= 16 || std::memcmp(text + 16, known.key.data() + 16, known.size - 16) == 0;
  }

  int FindSlow(std::string_view key, Place* place);
  int TargetOf(std::string_view key) const;

  const Schema declared_;
  const std::vector<int> target_;
  std::vector<Known> known_;  // [0] stands for the beginning of a record
  absl::flat_hash_map<std::string, Place> places_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_KEYS_H_
