// Addresses that hand out a machine's own credentials to whoever on it asks: nothing that a user
// names may lead there.
#ifndef WEIR_BASE_METADATA_ADDRESS_H_
#define WEIR_BASE_METADATA_ADDRESS_H_

#include <string_view>

struct sockaddr;

namespace weir {

// Link-local addresses (169.254.0.0/16, fe80::/10), where clouds keep their metadata services, and
// the services that lie elsewhere: fd00:ec2::254, fd20:ce::254, 100.100.100.200, 168.63.129.16,
// 192.0.0.192. IPv4 addresses inside IPv6 ones (mapped, NAT64, 6to4) count as well.
bool IsMetadataAddress(const sockaddr& address);

// Whether `host`, as users write it, is such an address in any notation that the resolver reads
// (169.254.169.254, 0xa9fea9fe, ::ffff:a9fe:a9fe), or a name known to stand for one. Other names
// are not looked up: what they mean is known only when they are connected to.
bool IsMetadataHost(std::string_view host);

}  // namespace weir

#endif  // WEIR_BASE_METADATA_ADDRESS_H_
