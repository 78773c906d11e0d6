// Named clusters in a file of the user's, so that their addresses and files needn't be typed:
//
//   {"current": "prod",
//    "contexts": {"prod": {"coordinator": "weir.example:7070", "tls_cert": "/etc/weir/client.pem",
//                          "tls_key": "...", "tls_ca": "...", "token_file": "...",
//                          "insecure": false}}}
//
// It is JSON, which the process reads and writes anyway. It names files with secrets and holds
// none.
#ifndef WEIR_CLI_CONTEXTS_H_
#define WEIR_CLI_CONTEXTS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/console.h"

namespace weir {

struct Context {
  std::string coordinator;  // empty = not said, as in all of them
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  std::string token_file;
  bool insecure = false;
  friend bool operator==(const Context&, const Context&) = default;
};

struct Contexts {
  std::string current;  // empty = none
  std::map<std::string, Context> all;
};

// $WEIR_CONFIG, else $XDG_CONFIG_HOME/weir/config.json, else ~/.config/weir/config.json; empty when
// the environment says nothing of a home.
std::string ContextsFile();

// No file: no contexts. INVALID_ARGUMENT naming the file and what is accepted when it can't be read
// or understood, or when others than its owner may write it: they could send tokens elsewhere.
absl::StatusOr<Contexts> ReadContexts(const std::string& file);
// In one step; readable by the owner only. Makes the directory.
absl::Status WriteContexts(const Contexts& contexts, const std::string& file);

// Letters, digits, '-', '_' and '.', up to 63. INVALID_ARGUMENT.
absl::Status CheckContextName(const std::string& name);

// Fills in what neither a flag nor the environment gave (ClientFlags::given), from the context that
// `flags->context` names, else from the current one. That one is left alone when the coordinator
// was given: its token is for its own cluster. INVALID_ARGUMENT as ReadContexts, for a context that
// isn't there, and for files of secrets that others may read.
absl::Status ApplyContext(const std::string& file, ClientFlags* flags);

}  // namespace weir

#endif  // WEIR_CLI_CONTEXTS_H_
