#include "cli/link_flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdlib>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

constexpr size_t kTokenBytesMax = 512;

absl::StatusOr<std::string> CheckToken(const std::string& token, const std::string& where) {
  bool is_token = !token.empty() && token.size() <= kTokenBytesMax;
  for (const char c : token) {
    is_token = is_token && absl::ascii_isgraph(static_cast<unsigned char>(c));
  }
  if (is_token) return token;
  return absl::InvalidArgumentError(absl::StrCat(where, " holds no token; accepted are 1 to ",
                                                 kTokenBytesMax, " printable ASCII characters"));
}

}  // namespace

void AddLinkFlags(CLI::App& top, LinkFlags* flags) {
  top.add_option("--tls-cert", flags->tls_cert,
                 "Own certificate (PEM); its DNS names say what the process may be")
      ->envname("WEIR_TLS_CERT");
  top.add_option("--tls-key", flags->tls_key, "Private key of --tls-cert (PEM)")
      ->envname("WEIR_TLS_KEY");
  top.add_option("--tls-ca", flags->tls_ca, "Authority of the cluster's certificates (PEM)")
      ->envname("WEIR_TLS_CA");
  top.add_flag("--insecure", flags->insecure, "Allow plaintext beyond this machine")
      ->envname("WEIR_INSECURE");
}

LinkFlags LinkFlagsOf(const CLI::App& command) {
  const CLI::App* top = &command;
  while (top->get_parent() != nullptr) top = top->get_parent();
  LinkFlags flags;
  flags.tls_cert = top->get_option("--tls-cert")->as<std::string>();
  flags.tls_key = top->get_option("--tls-key")->as<std::string>();
  flags.tls_ca = top->get_option("--tls-ca")->as<std::string>();
  flags.insecure = top->get_option("--insecure")->as<bool>();
  return flags;
}

absl::StatusOr<SharedTransport> OpenTransport(const LinkFlags& flags,
                                              const std::vector<Identity>& identities) {
  const bool any = !flags.tls_cert.empty() || !flags.tls_key.empty() || !flags.tls_ca.empty();
  const bool all = !flags.tls_cert.empty() && !flags.tls_key.empty() && !flags.tls_ca.empty();
  if (!any) return PlainTransport(flags.insecure);
  if (!all) {
    return absl::InvalidArgumentError(
        "--tls-cert, --tls-key and --tls-ca go together: give all three or none");
  }
  if (flags.insecure) {
    return absl::InvalidArgumentError(
        "--insecure allows plaintext, and the --tls flags ask for TLS: give one or the other");
  }
  return TlsTransport({flags.tls_cert, flags.tls_key, flags.tls_ca}, identities);
}

absl::StatusOr<std::string> ReadToken(const std::string& file) {
  if (file.empty()) {
    const char* token = std::getenv("WEIR_TOKEN");
    if (token == nullptr || *token == '\0') return "";
    return CheckToken(token, "WEIR_TOKEN");
  }
  std::ifstream in(file);
  std::string line;
  if (!in || (!std::getline(in, line) && !in.eof())) {
    return absl::InvalidArgumentError(absl::StrCat("--token-file ", file, " can't be read"));
  }
  return CheckToken(std::string(absl::StripAsciiWhitespace(line)),
                    absl::StrCat("--token-file ", file));
}

}  // namespace weir
