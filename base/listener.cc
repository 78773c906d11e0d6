#include "base/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr int kBacklog = 512;
// Before the next try, when there are no files or no memory to accept with.
constexpr int kExhaustedPauseMs = 100;
constexpr size_t kAddressesMax = 16;  // of a name

// An IPv6 address; IPv4 ones as ::ffff:a.b.c.d.
using AddressKey = std::array<unsigned char, 16>;

AddressKey KeyOf(const sockaddr_storage& address) {
  AddressKey key{};
  if (address.ss_family == AF_INET6) {
    std::memcpy(key.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  } else {
    key[10] = key[11] = 0xff;
    std::memcpy(key.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  }
  return key;
}

// Tells whether the file that a number stood for is still open: its taker closes it unseen, and the
// number may be another's by then.
struct Handed {
  int socket = -1;
  ino_t inode = 0;
  AddressKey from{};
};

bool IsOpen(const Handed& handed) {
  struct stat info;
  return fstat(handed.socket, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_ino == handed.inode;
}

struct Sockets {
  std::vector<int> all;
  ~Sockets() {
    for (const int socket : all) close(socket);
  }
};

ListenerBounds WithinFiles(ListenerBounds bounds) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0)
    bounds.connections_max =
        static_cast<int>(std::min<rlim_t>(bounds.connections_max, files.rlim_cur / 2));
  return bounds;
}

// -1 with errno.
int ListenAt(const sockaddr* address, socklen_t size, const ListenerBounds& bounds) {
  const int socket =
      ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (socket < 0) return -1;
  const int yes = 1;
  const int no = 0;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (address->sa_family == AF_INET6) {
    const bool all =
        IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
    setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, all ? &no : &yes, sizeof(no));
  }
  // Connections inherit these.
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (bounds.user_timeout_ms > 0) {
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &bounds.user_timeout_ms,
               sizeof(bounds.user_timeout_ms));
  }
  if (bind(socket, address, size) == 0 && listen(socket, kBacklog) == 0) return socket;
  const int error = errno;
  close(socket);
  errno = error;
  return -1;
}

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

class ListenerImpl : public Listener {
 public:
  explicit ListenerImpl(const ListenerBounds& bounds)
      : bounds_(WithinFiles(bounds)), wake_(eventfd(0, 0)) {}
  ~ListenerImpl() override {
    const uint64_t one = 1;
    if (thread_.joinable() && write(wake_, &one, sizeof(one)) == sizeof(one)) thread_.join();
    close(wake_);
  }

  absl::Status Bind(const std::string& flag, const HostPort& wanted);
  int port() const override { return port_; }
  void Start(std::function<void(int)> take) override {
    take_ = std::move(take);
    thread_ = std::thread([this] {
      SetThreadName("accept");
      Loop();
    });
  }

 private:
  void Loop();
  // False when there is nothing to accept with for now.
  bool AcceptAll(int listening);
  bool Admit(const AddressKey& from);

  const ListenerBounds bounds_;
  const int wake_;
  Sockets listening_;
  int port_ = 0;
  std::function<void(int)> take_;
  std::vector<Handed> handed_;            // the thread's, as the next
  std::map<AddressKey, int> of_address_;  // open connections, of those in handed_
  std::thread thread_;
};

absl::Status ListenerImpl::Bind(const std::string& flag, const HostPort& wanted) {
  const bool everywhere = wanted.host == "0.0.0.0" || wanted.host == "::";
  std::string host = everywhere ? "::" : wanted.host;
  std::string why;
  for (int attempt = 0; attempt < 2 && listening_.all.empty(); ++attempt) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int failed = getaddrinfo(host.c_str(), absl::StrCat(wanted.port).c_str(), &hints, &found);
    if (failed != 0) why = gai_strerror(failed);
    for (addrinfo* at = found; at != nullptr && listening_.all.size() < kAddressesMax;
         at = at->ai_next) {
      // The addresses of one name share the port that the first was given.
      if (wanted.port == 0 && port_ != 0) {
        if (at->ai_family == AF_INET6)
          reinterpret_cast<sockaddr_in6*>(at->ai_addr)->sin6_port = htons(port_);
        else
          reinterpret_cast<sockaddr_in*>(at->ai_addr)->sin_port = htons(port_);
      }
      const int socket = ListenAt(at->ai_addr, at->ai_addrlen, bounds_);
      if (socket < 0) {
        why = std::strerror(errno);
        continue;
      }
      listening_.all.push_back(socket);
      port_ = PortOf(socket);
    }
    if (found != nullptr) freeaddrinfo(found);
    if (!everywhere) break;
    host = "0.0.0.0";  // a machine without IPv6
  }
  if (!listening_.all.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("address ", ToString(wanted), " can't be listened on (", why,
                   "): another process uses the port, or the host is not this machine's; choose "
                   "another ",
                   flag));
}

void ListenerImpl::Loop() {
  std::vector<pollfd> polled = {{wake_, POLLIN, 0}};
  for (const int socket : listening_.all) polled.push_back({socket, POLLIN, 0});
  for (;;) {
    bool exhausted = poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR;
    if (polled[0].revents != 0) return;
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0) exhausted = !AcceptAll(polled[i].fd) || exhausted;
    }
    if (!exhausted) continue;
    // The connection stays in the backlog, so that asking at once would only spin.
    pollfd only_wake = {wake_, POLLIN, 0};
    if (poll(&only_wake, 1, kExhaustedPauseMs) > 0) return;
  }
}

bool ListenerImpl::AcceptAll(int listening) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int socket = accept4(listening, reinterpret_cast<sockaddr*>(&address), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
      continue;  // of that connection, which is gone: ECONNABORTED, EPROTO, a network error
    }
    const AddressKey from = KeyOf(address);
    struct stat info;
    if (!Admit(from) || fstat(socket, &info) != 0) {
      close(socket);
      continue;
    }
    handed_.push_back({socket, info.st_ino, from});
    ++of_address_[from];
    take_(socket);
  }
}

// Looks for closed ones only when a bound is reached.
bool ListenerImpl::Admit(const AddressKey& from) {
  const auto full = [&] {
    const auto of = of_address_.find(from);
    return static_cast<int>(handed_.size()) >= bounds_.connections_max ||
           (of != of_address_.end() && of->second >= bounds_.per_address_max);
  };
  if (!full()) return true;
  std::erase_if(handed_, [this](const Handed& handed) {
    if (IsOpen(handed)) return false;
    const auto of = of_address_.find(handed.from);
    if (--of->second == 0) of_address_.erase(of);
    return true;
  });
  return !full();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::string& flag,
                                                         const HostPort& wanted,
                                                         const ListenerBounds& bounds) {
  auto listener = std::make_unique<ListenerImpl>(bounds);
  WEIR_RETURN_IF_ERROR(listener->Bind(flag, wanted));
  return listener;
}

}  // namespace weir
