#include "worker/worker.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/http_server.h"
#include "base/machine.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "cli/link_flags.h"
#include "cli/serve.h"
#include "cli/serving.h"

namespace weir {
namespace {

struct WorkerFlags {
  std::string listen = "127.0.0.1:0";
  std::string http = "127.0.0.1:0";
  std::string advertise;
  int slots = 0;  // 0 = the machine's
  std::string memory;
  std::string cache;
  std::vector<std::string> table_roots;
  std::string drain_timeout = "25s";
};

// Moves the tasks elsewhere before the process ends: Kubernetes ends a pod 30 s after its SIGTERM.
void Leave(Worker& worker, int64_t timeout_us) {
  const int64_t deadline_us = SystemClock()->MonotonicMicros() + timeout_us;
  worker.Drain();
  const auto over = [&] {
    return worker.MayLeave() || !worker.failure().ok() ||
           SystemClock()->MonotonicMicros() >= deadline_us;
  };
  if (over()) return;
  std::cout << "draining; a second signal leaves at once" << std::endl;
  const bool hurried = AwaitSignal(over);
  if (!worker.MayLeave()) {
    std::cerr << "weir worker: leaving undrained ("
              << (hurried ? "second signal" : "--drain-timeout is over")
              << "); the jobs go on from their last checkpoints" << std::endl;
  }
}

absl::StatusOr<int64_t> DrainTimeout(const std::string& text) {
  const absl::StatusOr<int64_t> parsed = ParseDuration(text);
  if (parsed.ok()) return parsed;
  return absl::InvalidArgumentError(absl::StrCat("--drain-timeout: ", parsed.status().message()));
}

absl::Status Serve(const WorkerFlags& flags, const std::string& coordinators,
                   const LinkFlags& link) {
  HoldSignals();
  TakeAllFiles();
  if (flags.cache.empty()) {
    return absl::InvalidArgumentError("--cache is required: a directory for disposable files");
  }
  WEIR_RETURN_IF_ERROR(CheckAdvertise(flags.advertise));
  const MachineLimits machine = ReadMachineLimits();
  BoundMemory(machine);
  std::unique_ptr<Metrics> metrics = MakeMetrics();
  WorkerOptions options;
  options.coordinators = absl::StrSplit(coordinators, ',', absl::SkipWhitespace());
  WEIR_ASSIGN_OR_RETURN(const int64_t drain_timeout_us, DrainTimeout(flags.drain_timeout));
  if (options.coordinators.empty()) {
    return absl::InvalidArgumentError("--coordinator names no address; give host:port");
  }
  WEIR_ASSIGN_OR_RETURN(options.transport, OpenTransport(link, {Identity::kWorker}));
  for (const std::string& address : options.coordinators) {
    WEIR_RETURN_IF_ERROR(options.transport->Allows("--coordinator", address));
  }
  options.listen = flags.listen;
  options.advertise = flags.advertise;
  options.slots = flags.slots > 0 ? flags.slots : DefaultSlots(machine);
  WEIR_ASSIGN_OR_RETURN(options.memory_bytes,
                        MemoryFlag(flags.memory, DefaultMemoryBytes(machine)));
  options.cache_directory = std::filesystem::absolute(flags.cache).lexically_normal().string();
  WEIR_ASSIGN_OR_RETURN(const TableRoots table_roots,
                        TableRootsFrom(flags.table_roots, {options.cache_directory}));
  options.table_roots = &table_roots;
  options.version = Version();
  if (const char* file = std::getenv("WEIR_TEST_PAUSE_FILE")) options.pause_file = file;
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker,
                        StartWorker(options, SystemClock(), SystemRandom(), metrics.get()));
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> http,
                        ServeHttp(flags.http, *options.transport, metrics.get(), [&] {
                          return worker->registered()
                                     ? absl::OkStatus()
                                     : absl::UnavailableError("not registered with a coordinator");
                        }));
  std::cout << "weir worker " << Version() << "\n  exchange     " << worker->address()
            << "\n  metrics      " << http->url() << "/metrics\n  coordinator  " << coordinators
            << "\n  slots        " << options.slots << std::endl;
  WEIR_RETURN_IF_ERROR(AwaitEnd([&] { return worker->failure(); }));
  Leave(*worker, drain_timeout_us);
  return absl::OkStatus();
}

}  // namespace

void AddWorkerFlags(CLI::App& worker, int* exit_code) {
  auto flags = std::make_shared<WorkerFlags>();  // shared with the callback
  worker.add_option("--listen", flags->listen, "Address of the exchange")
      ->envname("WEIR_LISTEN")
      ->capture_default_str();
  worker.add_option("--http", flags->http, "Address of /metrics, /healthz and /readyz")
      ->envname("WEIR_HTTP")
      ->capture_default_str();
  worker.add_option("--advertise", flags->advertise, "Address that other workers reach it by")
      ->envname("WEIR_ADVERTISE");
  worker.add_option("--slots", flags->slots, "Execution threads (default: CPU quota)")
      ->envname("WEIR_SLOTS")
      ->check(CLI::Range(1, 1024));
  worker.add_option("--memory", flags->memory, "Bound on memory (default: 80 % of the cgroup's)")
      ->envname("WEIR_MEMORY");
  worker.add_option("--cache", flags->cache, "Directory for disposable local files")
      ->envname("WEIR_CACHE");
  AddTableRootFlag(worker, &flags->table_roots);
  worker
      .add_option("--drain-timeout", flags->drain_timeout,
                  "After SIGTERM: how long tasks may take to move to other workers")
      ->envname("WEIR_DRAIN_TIMEOUT")
      ->capture_default_str();
  worker.footer(kLinkHelp);
  worker.callback([&worker, flags, exit_code] {
    if (!worker.get_subcommands().empty()) return;  // `weir worker list` and the like
    const absl::Status status =
        Serve(*flags, worker.get_parent()->get_option("--coordinator")->as<std::string>(),
              LinkFlagsOf(worker));
    *exit_code = status.ok() ? 0 : Fail("worker", status);
  });
}

}  // namespace weir
