// Whether a process listens at an address, asked of its kernel.
#ifndef WEIR_BASE_TCP_PROBE_H_
#define WEIR_BASE_TCP_PROBE_H_

#include <string>

namespace weir {

enum class ProbeResult {
  kAnswers,  // the kernel accepted the connection; the process may still be paused
  kRefused,  // the machine is there and nobody listens: the process is gone
  kSilent,   // no answer in time, or no way to that machine: nothing is known
};

// Connects to "host:port" and hangs up. Blocks for at most `timeout_ms` once the name is resolved.
// An address that can't be read or resolved is silent.
ProbeResult ProbeTcp(const std::string& address, int timeout_ms);

}  // namespace weir

#endif  // WEIR_BASE_TCP_PROBE_H_
