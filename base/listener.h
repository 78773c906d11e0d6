// Accepts connections for a server, a bounded number at once: a process that ran out of files could
// neither write its lease nor hear anybody.
#ifndef WEIR_BASE_LISTENER_H_
#define WEIR_BASE_LISTENER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace weir {

struct ListenerBounds {
  int connections_max = 0;  // and at most half of the files that the process may open
  int per_address_max = 0;  // of one address, so that one host alone can't take all
  int user_timeout_ms = 0;  // after which unacknowledged data ends a connection; 0 = the kernel's
};

// Thread-safe.
class Listener {
 public:
  // Listens at all addresses of `wanted.host`, and for 0.0.0.0 and :: at all of the machine.
  // FAILED_PRECONDITION naming `flag` when that isn't this machine's or is taken.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& flag,
                                                        const HostPort& wanted,
                                                        const ListenerBounds& bounds);
  // Stops accepting. Connections handed out live on.
  virtual ~Listener() = default;

  // The port, also when 0 was asked for.
  virtual int port() const = 0;
  // Hands each connection to `take`, on a thread of the listener's, which owns the socket from then
  // on: non-blocking, without delay. One too many is closed at once. Once.
  virtual void Start(std::function<void(int socket)> take) = 0;
};

}  // namespace weir

#endif  // WEIR_BASE_LISTENER_H_
