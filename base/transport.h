// How the processes of a cluster prove to each other who they are, or that they don't.
//
// With TLS both ends of a gRPC connection show a certificate of the same authority. The DNS subject
// alternative names in it say what the process may be: `weir-coordinator`, `weir-worker`,
// `weir-client`; host names are of no account, so a certificate holds wherever its process runs. A
// dialling end gives up unless the other one is what it wants to reach; a serving end asks
// CheckPeer in each call. Files that were replaced are used for new connections within
// kTlsReloadSeconds. Replace them by rename: a pair read half-way fails connections until the next
// look.
#ifndef WEIR_BASE_TRANSPORT_H_
#define WEIR_BASE_TRANSPORT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/certificate.h"
#include "base/listener.h"

namespace grpc {
class ChannelArguments;
class ChannelCredentials;
class ServerBuilder;
class ServerContextBase;
class ServerCredentials;
}  // namespace grpc

namespace weir {

enum class Identity { kCoordinator, kWorker, kClient };
// "weir-coordinator", ...
std::string_view NameOf(Identity identity);

inline constexpr int kTlsReloadSeconds = 1;

// Thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual bool tls() const = 0;
  // Null without TLS.
  virtual const TlsFiles* files() const = 0;
  // INVALID_ARGUMENT when `address` ("host:port"), which `flag` gave, would be used in plaintext
  // beyond this machine and nobody allowed that.
  virtual absl::Status Allows(std::string_view flag, std::string_view address) const = 0;
  virtual std::shared_ptr<grpc::ServerCredentials> ForServer() const = 0;
  // For a connection to a process that is `peer`; to be used with `arguments`, which it completes.
  virtual std::shared_ptr<grpc::ChannelCredentials> ForChannel(
      Identity peer, grpc::ChannelArguments* arguments) const = 0;
  // Within a call: PERMISSION_DENIED unless the caller's certificate says `wanted`. OK without TLS.
  virtual absl::Status CheckPeer(const grpc::ServerContextBase& call, Identity wanted) const = 0;
};

// shared_ptr: the coordinator and the worker of `weir dev` use the same one.
using SharedTransport = std::shared_ptr<const Transport>;

// On this machine only, unless `anywhere`.
SharedTransport PlainTransport(bool anywhere = false);
// INVALID_ARGUMENT when the files don't fit together or don't name all of `identities`, which the
// process is to be.
absl::StatusOr<SharedTransport> TlsTransport(const TlsFiles& files,
                                             const std::vector<Identity>& identities);

struct ServerBounds {
  int message_bytes_max = 0;  // of one that is received
  int streams_max = 0;        // calls at once of one connection
};
// What a caller may cost a server before anybody asked who it is. Beyond the message and the
// streams: 16 KiB of headers a call; 5 s for the handshake of a connection; no compressed messages,
// which could be a thousand times as large as they look; connections without a call end after ten
// minutes; whoever pings more often than once a second is cut off.
void BoundServer(const ServerBounds& bounds, grpc::ServerBuilder* builder);

// Where a server's connections come from: accepted by us, because the library's own listener is
// deaf for ever once the process ran out of files.
class ConnectionSource {
 public:
  virtual ~ConnectionSource() = default;  // before the server: accepts no more
  virtual int port() const = 0;
  // After the server was built.
  virtual void Start() = 0;
};
// For a server that `builder` builds, at `address`, which --listen gave. INVALID_ARGUMENT when
// `transport` doesn't allow it, FAILED_PRECONDITION when it can't be listened on.
absl::StatusOr<std::unique_ptr<ConnectionSource>> ListenFor(grpc::ServerBuilder* builder,
                                                            const Transport& transport,
                                                            const HostPort& address,
                                                            const ListenerBounds& bounds);

// Takes server reflection out of `builder`: the library puts it into every server of a process that
// links it.
void DropReflection(grpc::ServerBuilder* builder);

}  // namespace weir

#endif  // WEIR_BASE_TRANSPORT_H_
