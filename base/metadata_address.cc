#include "base/metadata_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/string_view.h"

namespace weir {
namespace {

// In host byte order.
bool IsMetadata(uint32_t ipv4) {
  return (ipv4 >> 16) == 0xa9fe ||  // 169.254.0.0/16
         ipv4 == 0x646464c8 ||      // 100.100.100.200
         ipv4 == 0xa83f8110 ||      // 168.63.129.16
         ipv4 == 0xc00000c0;        // 192.0.0.192
}

uint32_t Ipv4At(const in6_addr& address, int byte) {
  uint32_t inside;
  std::memcpy(&inside, address.s6_addr + byte, sizeof(inside));
  return ntohl(inside);
}

bool StartsWith(const in6_addr& address, const char* prefix, int bytes) {
  in6_addr wanted;
  inet_pton(AF_INET6, prefix, &wanted);
  return std::memcmp(&address, &wanted, bytes) == 0;
}

bool IsMetadata(const in6_addr& address) {
  if (IN6_IS_ADDR_LINKLOCAL(&address)) return true;
  if (StartsWith(address, "fd00:ec2::254", 16) || StartsWith(address, "fd20:ce::254", 16))
    return true;
  if (StartsWith(address, "::ffff:0:0", 12) || StartsWith(address, "::", 12) ||
      StartsWith(address, "64:ff9b::", 12))
    return IsMetadata(Ipv4At(address, 12));
  return StartsWith(address, "2002::", 2) && IsMetadata(Ipv4At(address, 2));
}

}  // namespace

bool IsMetadataAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return IsMetadata(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  if (address.sa_family == AF_INET6)
    return IsMetadata(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return false;
}

bool IsMetadataHost(std::string_view host) {
  std::string name = absl::AsciiStrToLower(AbslView(host));
  if (name.size() > 2 && name.front() == '[' && name.back() == ']')
    name = name.substr(1, name.size() - 2);
  while (!name.empty() && name.back() == '.') name.pop_back();
  name = name.substr(0, name.find('%'));  // the zone of a link-local address
  for (const char* known : {"metadata.google.internal", "metadata.goog", "instance-data"}) {
    if (name == known || absl::EndsWith(name, std::string(".") + known)) return true;
  }
  in_addr ipv4;
  if (inet_aton(name.c_str(), &ipv4) != 0) return IsMetadata(ntohl(ipv4.s_addr));
  in6_addr ipv6;
  return inet_pton(AF_INET6, name.c_str(), &ipv6) == 1 && IsMetadata(ipv6);
}

}  // namespace weir
