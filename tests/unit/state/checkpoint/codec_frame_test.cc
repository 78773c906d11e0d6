#include "state/checkpoint/codec_frame.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace weir {
namespace {

// RFC 3720, a bit at a time.
uint32_t SlowCrc(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

std::string U32(uint32_t value) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

// As the header describes it.
std::string Sealed(const std::string& body) {
  const std::string bytes = body + U32(1) + U32(static_cast<uint32_t>(body.size()));
  return bytes + U32(SlowCrc(bytes)) + std::string(kRecordMagic);
}

TEST(CodecFrameTest, ChecksumsAreThoseOfTheStandard) {
  EXPECT_EQ(SlowCrc("123456789"), 0xe3069283u) << "the check value of CRC-32C";
  std::string body;
  for (int size = 0; size < 70; ++size) {
    const auto opened = Unseal(Sealed(body), kRecordMagic);
    ASSERT_TRUE(opened.ok()) << size << " bytes: " << opened.status();
    body.push_back(static_cast<char>(size * 37 + 200));
  }
}

TEST(CodecFrameTest, NoByteMayChange) {
  const std::string good = Sealed("a body of more than eight bytes");
  ASSERT_TRUE(Unseal(good, kRecordMagic).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_TRUE(absl::IsDataLoss(Unseal(bad, kRecordMagic).status())) << i << " " << bit;
    }
  }
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Unseal(good.substr(0, size), kRecordMagic).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(Unseal(good, kFoldMagic).status()));
}

}  // namespace
}  // namespace weir
