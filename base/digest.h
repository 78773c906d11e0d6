// SHA-256 and HMAC-SHA-256 over OpenSSL.
#ifndef WEIR_BASE_DIGEST_H_
#define WEIR_BASE_DIGEST_H_

#include <string>
#include <string_view>

namespace weir {

// 32 bytes.
std::string Sha256(std::string_view bytes);
// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);
// 32 bytes; RFC 2104.
std::string HmacSha256(std::string_view key, std::string_view bytes);

// Takes as long whatever the bytes are; false for texts of different length.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace weir

#endif  // WEIR_BASE_DIGEST_H_
