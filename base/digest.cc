#include "base/digest.h"

#include "absl/strings/escaping.h"
#include "base/log.h"
#include "openssl/evp.h"
#include "openssl/hmac.h"

namespace weir {
namespace {

constexpr size_t kSha256Bytes = 32;

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(kSha256Bytes, '\0');
  unsigned int size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(&digest[0]), &size,
                 EVP_sha256(), nullptr);
  WEIR_CHECK(done == 1 && size == kSha256Bytes);
  return digest;
}

std::string Sha256Hex(std::string_view bytes) { return absl::BytesToHexString(Sha256(bytes)); }

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::string digest(kSha256Bytes, '\0');
  unsigned int size = 0;
  const unsigned char* done =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(&digest[0]), &size);
  WEIR_CHECK(done != nullptr && size == kSha256Bytes);
  return digest;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace weir
