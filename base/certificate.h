// Looks at the certificate files of mutual TLS before they are used, so that a wrong one is an
// error with a name at the start, and not a failed handshake later.
#ifndef WEIR_BASE_CERTIFICATE_H_
#define WEIR_BASE_CERTIFICATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// PEM files. `cert` is the process's own certificate and then those up to the authority, `key` its
// private key, `ca` the authorities that peers' certificates come from.
struct TlsFiles {
  std::string cert;
  std::string key;
  std::string ca;
};

// INVALID_ARGUMENT, naming the file and what to do, unless all three can be read, the key is the
// certificate's, the certificate comes from `ca` and is valid now, and it carries each of `names`
// as a DNS subject alternative name.
absl::Status CheckTlsFiles(const TlsFiles& files, const std::vector<std::string>& names);

// When the first certificate of the PEM file `cert` ends to be valid, in seconds since 1970.
// INVALID_ARGUMENT when there is none.
absl::StatusOr<int64_t> CertificateExpiry(const std::string& cert);

}  // namespace weir

#endif  // WEIR_BASE_CERTIFICATE_H_
