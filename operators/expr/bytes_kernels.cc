// Functions of bytes: digests, encodings, lengths.
#include <string>

#include "absl/strings/escaping.h"
#include "base/string_view.h"
#include "openssl/evp.h"
#include "operators/expr/kernel_registry.h"
#include "operators/expr/value_text.h"

namespace weir::expr {
namespace {

using enum TypeKind;

constexpr int kBase64LineLength = 76;

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out->push_back(kDigits[byte >> 4]);
    out->push_back(kDigits[byte & 15]);
  }
}

template <const EVP_MD* (*kAlgorithm)()>
std::string Digest(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, kAlgorithm(), nullptr);
  return std::string(reinterpret_cast<char*>(digest), size);
}

void Md5(std::string_view bytes, TextOutput& out) {
  AppendHex(Digest<EVP_md5>(bytes), &out.bytes());
}

// PostgreSQL breaks base64 into lines, as MIME does.
void AppendBase64(std::string_view bytes, TextOutput& out) {
  std::string text;
  absl::Base64Escape(AbslView(bytes), &text);
  for (size_t at = 0; at < text.size(); at += kBase64LineLength) {
    if (at > 0) out.Append('\n');
    out.Append(std::string_view(text).substr(at, kBase64LineLength));
  }
}

// Bytes that aren't ASCII, and backslashes, become three octal digits or two backslashes.
void AppendEscaped(std::string_view bytes, TextOutput& out) {
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out.Append("\\\\");
    } else if (byte == 0 || byte >= 0x80) {
      out.Append('\\');
      for (int shift : {6, 3, 0}) out.Append(static_cast<char>('0' + (byte >> shift & 7)));
    } else {
      out.Append(c);
    }
  }
}

void Encode(std::string_view bytes, std::string_view format, TextOutput& out, Failure& fail) {
  if (format == "hex") return AppendHex(bytes, &out.bytes());
  if (format == "base64") return AppendBase64(bytes, out);
  if (format == "escape") return AppendEscaped(bytes, out);
  fail("unrecognized encoding: \"" + std::string(format) + "\"; known are hex, base64, escape");
}

void DecodeBase64(std::string_view text, TextOutput& out, Failure& fail) {
  std::string packed, bytes;
  for (char c : text) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') packed += c;
  }
  if (packed.size() % 4 != 0 || !absl::Base64Unescape(packed, &bytes)) {
    return fail("invalid base64 data");
  }
  out.Append(bytes);
}

void Decode(std::string_view text, std::string_view format, TextOutput& out, Failure& fail) {
  if (format == "base64") return DecodeBase64(text, out, fail);
  std::string error;
  if (format == "hex") {
    error = AppendHexDecoded(text, &out.bytes());
  } else if (format == "escape") {
    error = AppendUnescaped(text, &out.bytes());
  } else {
    error = "unrecognized encoding: \"" + std::string(format) + "\"; known are hex, base64, escape";
  }
  if (!error.empty()) fail(error);
}

}  // namespace

void AddBytesKernels(KernelRegistry& registry) {
  registry.AddRows<kText, kText>("md5", Md5);
  registry.AddRows<kText, kBytea>("md5", Md5);
  registry.AddRows<kBytea, kBytea>("sha256", [](std::string_view bytes, TextOutput& out) {
    out.Append(Digest<EVP_sha256>(bytes));
  });
  for (const char* name : {"length", "octet_length"}) {
    registry.AddRows<kInteger, kBytea>(
        name, [](std::string_view bytes) { return static_cast<int32_t>(bytes.size()); });
  }
  registry.AddRows<kText, kBytea, kText>("encode", Encode);
  registry.AddRows<kBytea, kText, kText>("decode", Decode);
}

}  // namespace weir::expr
