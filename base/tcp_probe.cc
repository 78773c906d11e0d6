#include "base/tcp_probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/address.h"

namespace weir {
namespace {

ProbeResult ProbeOne(const addrinfo& to, int timeout_ms) {
  const int fd = socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return ProbeResult::kSilent;
  int error = connect(fd, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd wait{fd, POLLOUT, 0};
    int ready = 0;
    do {
      ready = poll(&wait, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    error = ETIMEDOUT;
    socklen_t size = sizeof(error);
    if (ready == 1) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  close(fd);
  if (error == 0) return ProbeResult::kAnswers;
  return error == ECONNREFUSED ? ProbeResult::kRefused : ProbeResult::kSilent;
}

}  // namespace

ProbeResult ProbeTcp(const std::string& address, int timeout_ms) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok() || parsed->port == 0) return ProbeResult::kSilent;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(parsed->port);
  if (getaddrinfo(parsed->host.c_str(), port.c_str(), &hints, &found) != 0) {
    return ProbeResult::kSilent;
  }
  // A name may have several addresses; gone means that all of them say so.
  ProbeResult result = ProbeResult::kRefused;
  int count = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) ++count;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const ProbeResult one = ProbeOne(*at, timeout_ms / count);
    if (one == ProbeResult::kRefused) continue;
    result = one;
    if (one == ProbeResult::kAnswers) break;
  }
  freeaddrinfo(found);
  return result;
}

}  // namespace weir
