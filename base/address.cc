#include "base/address.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace weir {
namespace {

absl::Status BadAddress(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", AbslView(text),
                   "' is not an address; accepted is HOST:PORT, such as 127.0.0.1:7070, or "
                   "[::1]:7070 for IPv6"));
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(text);
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return BadAddress(text);
  if (!is_bracketed && host.find_first_of(":[]/") != std::string_view::npos)
    return BadAddress(text);
  int port = 0;
  if (!absl::SimpleAtoi(AbslView(text.substr(colon + 1)), &port) || port < 0 || port > 65535)
    return BadAddress(text);
  return HostPort{std::string(host), port};
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // A name that merely begins like it ("127.evil.example") is looked up elsewhere.
  in_addr address;
  const std::string text(host);
  return inet_pton(AF_INET, text.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

std::string ToString(const HostPort& address) {
  if (address.host.find(':') != std::string::npos)
    return absl::StrCat("[", address.host, "]:", address.port);
  return absl::StrCat(address.host, ":", address.port);
}

}  // namespace weir
