// Group keys as bytes: what decides which task owns a row, what tables hash and what SST keys hold.
//
// The encoding is part of the durable format and never depends on the process. Two rows belong to
// the same group exactly when their keys encode to the same bytes. It keeps no order, and it is
// prefix-free: no key's encoding begins another's, so that a suffix may follow. Per column:
//
//   NULL                      00
//   boolean                   01 v            v = 00, 01
//   smallint, integer,
//   bigint, date, timestamps  01 v            2, 4 or 8 bytes, little-endian
//   real, double precision    01 v            IEEE bits, little-endian; -0.0 as 0.0, NaN as one NaN
//   numeric                   01 s v          v = 16 bytes, little-endian, without trailing decimal
//                                             zeros; s = digits after the point that are left
//   text, bytea, uuid, jsonb  n v             n = LEB128 of (bytes in v) + 1
//
// The hash is XXH3_64 (seed 0) of the encoding; the key group is the hash modulo kKeyGroups.
#ifndef WEIR_STATE_KEYED_KEY_ENCODING_H_
#define WEIR_STATE_KEYED_KEY_ENCODING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "model/ids.h"
#include "model/types.h"

namespace weir {

uint64_t HashKey(std::string_view key);
inline int KeyGroupOfHash(uint64_t hash) { return static_cast<int>(hash % kKeyGroups); }

// The keys of some rows, one after another: key i is bytes[offsets[i], offsets[i + 1]).
// Reusable: encoding again keeps the capacity.
struct EncodedKeys {
  std::vector<uint8_t> bytes;  // longer than offsets.back(): readers may load kSlack bytes more
  std::vector<int32_t> offsets;
  std::vector<uint64_t> hashes;

  static constexpr int kSlack = 16;
  int64_t size() const { return static_cast<int64_t>(hashes.size()); }
  std::string_view key(int64_t i) const {
    return {reinterpret_cast<const char*>(bytes.data()) + offsets[i],
            static_cast<size_t>(offsets[i + 1] - offsets[i])};
  }
};

// Encodes the rows of `columns` (arrays of one length, laid out as ArrowType says of `types`). No
// columns means that all `rows` rows have the empty key. RESOURCE_EXHAUSTED when the keys together
// pass 2 GiB.
absl::Status EncodeKeys(const std::vector<DataType>& types,
                        const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows,
                        EncodedKeys* out);

// Number of bytes of the key of `types` at the front of `bytes`; DATA_LOSS when there is none.
absl::StatusOr<size_t> KeySize(const std::vector<DataType>& types, std::string_view bytes);

// Turns keys back into columns. Append* → Finish, then from the start again.
class KeyDecoder {
 public:
  explicit KeyDecoder(std::vector<DataType> types);
  ~KeyDecoder();
  KeyDecoder(KeyDecoder&&) noexcept;
  KeyDecoder& operator=(KeyDecoder&&) noexcept;

  // `key` is exactly one encoded key; DATA_LOSS otherwise.
  absl::Status Append(std::string_view key);
  // One array per column.
  absl::StatusOr<std::vector<std::shared_ptr<arrow::Array>>> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For messages: "(a, 7, NULL)".
std::string KeyForPeople(const std::vector<DataType>& types, std::string_view key);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_KEY_ENCODING_H_
