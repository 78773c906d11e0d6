// What the serving commands share: flags, signals, the HTTP side.
#ifndef WEIR_CLI_SERVING_H_
#define WEIR_CLI_SERVING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lake/table_roots.h"

namespace CLI {
class App;
}

namespace weir {

class Coordinator;
class HttpServer;
struct HttpRequest;
struct HttpResponse;
class Metrics;
class Transport;
struct MachineLimits;

// SIGINT and SIGTERM wait for AwaitEnd instead of ending the process. Before any thread starts.
void HoldSignals();
// As many open files as the process may have: each connection is one.
void TakeAllFiles();
// True when a signal arrived, false when `until` holds; asks it about five times a second.
bool AwaitSignal(const std::function<bool()>& until);
// Returns when a signal arrived (OK) or `failed` says why to end; asks it about five times a
// second.
absl::Status AwaitEnd(const std::function<absl::Status()>& failed);

// Prints "weir <command>: <message>" on stderr and returns the exit code for it.
int Fail(const std::string& command, const absl::Status& status);

// OK when empty or "host:port", what others shall reach this process by; INVALID_ARGUMENT if not.
absl::Status CheckAdvertise(const std::string& flag);

// The blob store that --data means: a URI as it is, else an absolute path.
std::string DataUri(const std::string& flag);

// Who may call: a flag of every command that serves the API.
void AddTokensFlag(CLI::App& command, std::string* tokens);

// Below which paths tables may lie: a flag of every command that opens them.
void AddTableRootFlag(CLI::App& command, std::vector<std::string>* roots);
// What the flag says; `reserved`: directories of the process that no table may touch.
absl::StatusOr<TableRoots> TableRootsFrom(const std::vector<std::string>& flag,
                                          const std::vector<std::string>& reserved);

inline constexpr char kLinkHelp[] =
    "--tls-cert, --tls-key, --tls-ca and --insecure of `weir --help` hold here too.";

// Sets the allocators up for a process whose resident set is bounded; before any thread starts.
void BoundMemory(const MachineLimits& machine);

// Bytes of `flag`'s text, or `otherwise` when it is empty.
absl::StatusOr<int64_t> MemoryFlag(const std::string& text, int64_t otherwise);

// Whether the holder of an Authorization header may look; OK or UNAUTHENTICATED.
using ViewerCheck = std::function<absl::Status(const std::string& authorization)>;

// By the Host header of who asks a port that listens on loopback in plaintext and knows no tokens:
// OK for a loopback name, PERMISSION_DENIED for any other. A web page from elsewhere can make its
// own name mean this machine, and would read what a browser here may read.
absl::Status CheckAskedForThisMachine(const std::string& host);

// By the tokens that callers of `coordinator` need; null when they need none.
ViewerCheck LookCheck(const Coordinator& coordinator);

// /metrics of `metrics`, /readyz by `ready`; beyond this machine only as `transport` allows it.
// With TLS it is HTTPS, and /metrics asks for a certificate unless `may_look` decides.
// `pages`: see HttpRoutes; may be null.
absl::StatusOr<std::unique_ptr<HttpServer>> ServeHttp(
    const std::string& address, const Transport& transport, Metrics* metrics,
    std::function<absl::Status()> ready, ViewerCheck may_look = nullptr,
    std::function<HttpResponse(const HttpRequest&)> pages = nullptr);

}  // namespace weir

#endif  // WEIR_CLI_SERVING_H_
