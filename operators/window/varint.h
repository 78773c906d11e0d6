// Byte strings behind their size as LEB128.
#ifndef WEIR_OPERATORS_WINDOW_VARINT_H_
#define WEIR_OPERATORS_WINDOW_VARINT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

inline void PutVarint(uint64_t v, std::string* out) {
  for (; v >= 0x80; v >>= 7) out->push_back(static_cast<char>(v | 0x80));
  out->push_back(static_cast<char>(v));
}

// Cuts a number off the front of `in`; false when there is none.
inline bool TakeVarint(std::string_view& in, uint64_t* v) {
  *v = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(in[0]);
    in.remove_prefix(1);
    *v |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

inline void PutSized(std::string_view bytes, std::string* out) {
  PutVarint(bytes.size(), out);
  out->append(bytes);
}

inline bool TakeSized(std::string_view& in, std::string_view* bytes) {
  uint64_t size = 0;
  if (!TakeVarint(in, &size) || size > in.size()) return false;
  *bytes = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_VARINT_H_
