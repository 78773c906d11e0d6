// Records for decoder tests, in both layouts that the decoder takes.
#ifndef WEIR_TESTS_UNIT_OPERATORS_DECODE_JSON_RECORDS_H_
#define WEIR_TESTS_UNIT_OPERATORS_DECODE_JSON_RECORDS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "model/batch.h"

namespace weir {

enum class Layout {
  kOnePass,    // as the Kafka reader leaves them
  kScattered,  // keys in between, no separators, no padding
};

inline RawRecords MakeRecords(const std::vector<std::optional<std::string>>& payloads,
                              Layout layout = Layout::kOnePass, int64_t timestamp_ms = -1) {
  RawRecords raw;
  raw.partition = 3;
  for (const std::optional<std::string>& payload : payloads) {
    raw.key_begin.push_back(-1);
    raw.key_end.push_back(-1);
    if (layout == Layout::kScattered && payload) {
      raw.key_begin.back() = static_cast<int64_t>(raw.arena.size());
      raw.arena += "\"{k";
      raw.key_end.back() = static_cast<int64_t>(raw.arena.size());
    }
    raw.payload_begin.push_back(payload ? static_cast<int64_t>(raw.arena.size()) : -1);
    if (payload) raw.arena += *payload;
    raw.payload_end.push_back(payload ? static_cast<int64_t>(raw.arena.size()) : -1);
    if (layout == Layout::kOnePass && payload) raw.arena += '\n';
    raw.offsets.push_back(100 + static_cast<int64_t>(raw.offsets.size()));
    raw.timestamps_ms.push_back(timestamp_ms);
  }
  if (layout == Layout::kOnePass) {
    raw.arena.reserve(raw.arena.size() + 64);
  } else {
    raw.arena.shrink_to_fit();
  }
  return raw;
}

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_OPERATORS_DECODE_JSON_RECORDS_H_
