// The flags that say how this process proves who it is, and to whom it talks in plaintext. They
// stand on the top command, and hold for clients and servers alike.
#ifndef WEIR_CLI_LINK_FLAGS_H_
#define WEIR_CLI_LINK_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/transport.h"

namespace CLI {
class App;
}

namespace weir {

struct LinkFlags {
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  bool insecure = false;
};

// `flags` outlives the app's parse.
void AddLinkFlags(CLI::App& top, LinkFlags* flags);
// As given for the command line that `command` is part of.
LinkFlags LinkFlagsOf(const CLI::App& command);

// INVALID_ARGUMENT when the flags contradict one another or the files don't make this process all
// of `identities`.
absl::StatusOr<SharedTransport> OpenTransport(const LinkFlags& flags,
                                              const std::vector<Identity>& identities);

// The client's token: the first line of `file`, else WEIR_TOKEN; empty when neither is there.
// INVALID_ARGUMENT when the file can't be read or the token isn't one.
absl::StatusOr<std::string> ReadToken(const std::string& file);

}  // namespace weir

#endif  // WEIR_CLI_LINK_FLAGS_H_
