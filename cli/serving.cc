#include "cli/serving.h"

#include <sys/resource.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/allocator.h"
#include "base/byte_size.h"
#include "base/http_server.h"
#include "base/machine.h"
#include "base/metrics.h"
#include "base/status_macros.h"
#include "base/transport.h"
#include "cli/status_page.h"
#include "coordinator/coordinator.h"

namespace weir {
namespace {

sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void HoldSignals() {
  const sigset_t set = EndSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that goes away is an error of that write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

void TakeAllFiles() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);  // else the old limit holds
}

bool AwaitSignal(const std::function<bool()>& until) {
  const sigset_t set = EndSignals();
  while (true) {
    const timespec interval{0, 200'000'000};
    if (sigtimedwait(&set, nullptr, &interval) > 0) return true;
    if (until()) return false;
  }
}

absl::Status AwaitEnd(const std::function<absl::Status()>& failed) {
  absl::Status status;
  AwaitSignal([&] { return !(status = failed()).ok(); });
  return status;
}

int Fail(const std::string& command, const absl::Status& status) {
  std::cerr << "weir " << command << ": " << status.message() << std::endl;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

absl::Status CheckAdvertise(const std::string& flag) {
  if (flag.empty()) return absl::OkStatus();
  const absl::Status status = ParseHostPort(flag).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("--advertise: ", status.message()));
}

std::string DataUri(const std::string& flag) {
  if (absl::StrContains(flag, "://")) return flag;
  return std::filesystem::absolute(flag).lexically_normal().string();
}

void AddTokensFlag(CLI::App& command, std::string* tokens) {
  command
      .add_option("--tokens", *tokens,
                  "File of who may call the API: lines `name role sha256`, role viewer, operator "
                  "or admin (default: everybody who connects)")
      ->envname("WEIR_TOKENS");
}

void AddTableRootFlag(CLI::App& command, std::vector<std::string>* roots) {
  command
      .add_option("--table-root", *roots,
                  "Below which tables may lie: a directory or s3://bucket/prefix; may be repeated "
                  "(default: anywhere)")
      ->envname("WEIR_TABLE_ROOT")
      ->delimiter(',')
      ->allow_extra_args(false);
}

absl::StatusOr<TableRoots> TableRootsFrom(const std::vector<std::string>& flag,
                                          const std::vector<std::string>& reserved) {
  return TableRoots::Make(flag, reserved, std::filesystem::current_path().string());
}

void BoundMemory(const MachineLimits& machine) {
  // Arrow reads it at its first allocation. Its mimalloc keeps 140 MiB more of what was freed under
  // the same load, and is no faster here (measured, docs/memory.md).
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", /*overwrite=*/0);
  BoundAllocator(machine.cpus);
}

absl::StatusOr<int64_t> MemoryFlag(const std::string& text, int64_t otherwise) {
  if (text.empty()) return otherwise;
  absl::StatusOr<int64_t> bytes = ParseByteSize(text);
  if (!bytes.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--memory: ", bytes.status().message()));
  }
  return *bytes;
}

absl::Status CheckAskedForThisMachine(const std::string& host) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(host);
  if (host.empty() || IsLoopback(parsed.ok() ? parsed->host : host)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "this address serves this machine only: ask for it as 127.0.0.1 or localhost");
}

ViewerCheck LookCheck(const Coordinator& coordinator) {
  if (!coordinator.has_tokens()) return nullptr;
  return [&coordinator](const std::string& authorization) {
    return coordinator.MayLook(BearerOf(authorization));
  };
}

absl::StatusOr<std::unique_ptr<HttpServer>> ServeHttp(
    const std::string& address, const Transport& transport, Metrics* metrics,
    std::function<absl::Status()> ready, ViewerCheck may_look,
    std::function<HttpResponse(const HttpRequest&)> pages) {
  WEIR_RETURN_IF_ERROR(transport.Allows("--http", address));
  HttpRoutes routes;
  routes.metrics = [metrics] {
    return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics->Serialize()};
  };
  routes.ready = [ready = std::move(ready)] {
    const absl::Status status = ready();
    if (status.ok()) return HttpResponse{200, "text/plain; charset=utf-8", "ready\n"};
    return HttpResponse{503, "text/plain; charset=utf-8", absl::StrCat(status.message(), "\n")};
  };
  routes.pages = std::move(pages);
  if (may_look != nullptr)
    routes.challenge = "Basic realm=\"weir, token as password\", charset=\"UTF-8\"";
  WEIR_ASSIGN_OR_RETURN(const HostPort wanted, ParseHostPort(address));
  routes.admit = [may_look = std::move(may_look), tls = transport.tls(),
                  local = IsLoopback(wanted.host)](const HttpCaller& caller) -> absl::Status {
    if (may_look != nullptr) return may_look(caller.authorization);
    if (!tls && local) return CheckAskedForThisMachine(caller.host);
    if (!tls || caller.has_certificate) return absl::OkStatus();
    return absl::UnauthenticatedError("show a certificate of this cluster's authority");
  };
  return StartHttpServer(address, std::move(routes), transport.files());
}

}  // namespace weir
