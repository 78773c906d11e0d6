// Where a command writes, and what all client commands share.
#ifndef WEIR_CLI_CONSOLE_H_
#define WEIR_CLI_CONSOLE_H_

#include <istream>
#include <ostream>
#include <set>
#include <string>

#include "cli/link_flags.h"

namespace weir {

// Data goes to `out`, messages for people to `err`. Streams outlive the command.
struct Console {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colours = false;  // on `out`: a terminal, and the user doesn't mind
};

inline constexpr char kDefaultCoordinator[] = "127.0.0.1:7070";

// Flags of every client command.
struct ClientFlags {
  std::string coordinator = kDefaultCoordinator;  // "host:port[,host:port...]"
  std::string output = "table";                   // or "json"
  std::string token_file;                         // may be empty
  LinkFlags link;
  std::string context;          // --context; empty = the current one, if any
  std::set<std::string> given;  // which of the flags above came by flag or environment: "--tls-ca"
  bool json() const { return output == "json"; }
};

}  // namespace weir

#endif  // WEIR_CLI_CONSOLE_H_
