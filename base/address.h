// "host:port" as users write it.
#ifndef WEIR_BASE_ADDRESS_H_
#define WEIR_BASE_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;      // 0..65535
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "127.0.0.1:7070", "node-3:0", "[::1]:7070". INVALID_ARGUMENT naming the text and what is
// accepted.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// The text that ParseHostPort reads back.
std::string ToString(const HostPort& address);

// Whether `host` names this machine only: localhost, 127.0.0.0/8, ::1.
bool IsLoopback(std::string_view host);

}  // namespace weir

#endif  // WEIR_BASE_ADDRESS_H_
