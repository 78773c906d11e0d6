#include "state/checkpoint/codec_frame.h"

#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message_lite.h"

namespace weir {
namespace {

constexpr uint32_t kFormat = 1;
constexpr size_t kTrailerBytes = 16;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}

// Castagnoli's polynomial, as in RFC 3720.
uint32_t Crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

void AppendU32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

uint32_t ReadU32(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<uint8_t>(bytes[i]);
  return value;
}

absl::Status Torn(const char* what) {
  return absl::DataLossError(absl::StrCat("the blob is damaged: ", what));
}

}  // namespace

std::string Seal(const google::protobuf::MessageLite& body, std::string_view magic) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    WEIR_CHECK(body.SerializeToCodedStream(&coded));
  }
  const auto length = static_cast<uint32_t>(bytes.size());
  AppendU32(kFormat, &bytes);
  AppendU32(length, &bytes);
  AppendU32(Crc32c(bytes), &bytes);
  bytes += magic;
  return bytes;
}

absl::StatusOr<std::string_view> Unseal(std::string_view bytes, std::string_view magic) {
  if (bytes.size() < kTrailerBytes) return Torn("it is shorter than its trailer");
  const std::string_view trailer = bytes.substr(bytes.size() - kTrailerBytes);
  if (trailer.substr(12) != magic) return Torn("its trailer is missing");
  if (Crc32c(bytes.substr(0, bytes.size() - 8)) != ReadU32(trailer.substr(8))) {
    return Torn("its checksum doesn't match");
  }
  const uint32_t format = ReadU32(trailer);
  if (format != kFormat) {
    return absl::DataLossError(absl::StrCat("the blob has format ", format,
                                            "; this version of weir reads format ", kFormat,
                                            ": run the version that wrote it, or a newer one"));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kTrailerBytes);
  if (body.size() != ReadU32(trailer.substr(4))) return Torn("its length doesn't match");
  return body;
}

}  // namespace weir
