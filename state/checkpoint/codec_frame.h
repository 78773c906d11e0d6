// What surrounds the durable bytes of a job's log:
//
//   blob    := body trailer
//   body    := a protobuf message, serialised deterministically
//   trailer := format:u32 length:u32 crc:u32 magic:4      (little-endian, 16 bytes)
//
// `length` is that of the body, `crc` the CRC-32C of body, format and length. The trailer comes
// last, so that a blob cut short never looks complete. Deterministic, because a record whose append
// has an unknown outcome is retried with identical bytes.
#ifndef WEIR_STATE_CHECKPOINT_CODEC_FRAME_H_
#define WEIR_STATE_CHECKPOINT_CODEC_FRAME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf {
class MessageLite;
}

namespace weir {

inline constexpr std::string_view kRecordMagic = "WLOG";
inline constexpr std::string_view kFoldMagic = "WFLD";

std::string Seal(const google::protobuf::MessageLite& body, std::string_view magic);
// The body; DATA_LOSS when the bytes are torn, altered, of another kind or of a newer format.
absl::StatusOr<std::string_view> Unseal(std::string_view bytes, std::string_view magic);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_CODEC_FRAME_H_
