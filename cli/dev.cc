#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/machine.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "cli/link_flags.h"
#include "cli/serve.h"
#include "cli/serving.h"
#include "cli/status_page.h"
#include "coordinator/coordinator.h"
#include "operators/source/dev_broker.h"
#include "worker/worker.h"

namespace weir {
namespace {

struct DevFlags {
  std::string listen = "127.0.0.1:7070";
  std::string http = "127.0.0.1:7071";
  std::string data = "./weir-data";
  int slots = 0;  // 0 = the machine's
  std::string memory;
  std::string cache;
  bool kafka = false;
  std::string tokens;
  std::vector<std::string> table_roots;
};

std::string CacheDirectory(const DevFlags& flags, const std::string& data) {
  std::string path = flags.cache;
  if (path.empty()) path = absl::StrContains(data, "://") ? "./weir-cache" : data + "/cache";
  return std::filesystem::absolute(path).lexically_normal().string();
}

// Coordinator and worker in one process, until a signal comes.
absl::Status Serve(const DevFlags& flags, const LinkFlags& link) {
  HoldSignals();
  TakeAllFiles();
  const MachineLimits machine = ReadMachineLimits();
  BoundMemory(machine);
  WEIR_ASSIGN_OR_RETURN(const int64_t memory,
                        MemoryFlag(flags.memory, DefaultMemoryBytes(machine)));
  const std::string data = DataUri(flags.data);
  std::unique_ptr<Metrics> metrics = MakeMetrics();

  // Both in one process: its certificate says both.
  WEIR_ASSIGN_OR_RETURN(const SharedTransport transport,
                        OpenTransport(link, {Identity::kCoordinator, Identity::kWorker}));

  std::unique_ptr<DevBroker> broker;
  if (flags.kafka) {
    WEIR_ASSIGN_OR_RETURN(broker, StartDevBroker());
  }

  CoordinatorOptions coordinator_options;
  coordinator_options.listen = flags.listen;
  coordinator_options.http_address_for_status = flags.http;
  coordinator_options.data_uri = data;
  coordinator_options.transport = transport;
  coordinator_options.tokens_file = flags.tokens;
  coordinator_options.base_directory = std::filesystem::current_path().string();
  const std::string cache = CacheDirectory(flags, data);
  WEIR_ASSIGN_OR_RETURN(coordinator_options.table_roots,
                        TableRootsFrom(flags.table_roots, {data, cache}));
  WEIR_ASSIGN_OR_RETURN(
      std::unique_ptr<Coordinator> coordinator,
      StartCoordinator(coordinator_options, SystemClock(), SystemRandom(), metrics.get()));
  // Long enough for the lease of a process that was killed.
  if (!coordinator->AwaitLead(6'000'000)) {
    return absl::FailedPreconditionError(absl::StrCat("another coordinator uses the data in ", data,
                                                      "; stop it, or choose another --data"));
  }

  WorkerOptions worker_options;
  worker_options.coordinators = {coordinator->address()};
  worker_options.listen = "127.0.0.1:0";
  worker_options.slots = flags.slots > 0 ? flags.slots : DefaultSlots(machine);
  worker_options.memory_bytes = memory;
  worker_options.cache_directory = cache;
  worker_options.table_roots = &coordinator_options.table_roots;
  worker_options.dev_brokers = broker == nullptr ? "" : broker->brokers();
  worker_options.version = Version();
  worker_options.transport = transport;
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker,
                        StartWorker(worker_options, SystemClock(), SystemRandom(), metrics.get()));

  const auto ready = [&] {
    return worker->registered() ? absl::OkStatus()
                                : absl::UnavailableError("the worker is not registered yet");
  };
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> http,
                        ServeHttp(flags.http, *transport, metrics.get(), ready,
                                  LookCheck(*coordinator), StatusPages(*coordinator)));

  std::cout << "weir dev " << Version() << "\n  coordinator  " << coordinator->address()
            << "\n  metrics      " << http->url() << "/metrics\n  data         " << data
            << "\n  slots        " << worker_options.slots << std::endl;
  if (broker != nullptr) {
    std::cout << "  kafka        " << broker->brokers() << "  (brokers = 'dev' in SQL)"
              << std::endl;
  }
  return AwaitEnd([&] { return worker->failure(); });
}

}  // namespace

void AddDevCommand(CLI::App& app, int* exit_code) {
  auto flags = std::make_shared<DevFlags>();  // shared with the callback, which outlives this call
  CLI::App* dev = app.add_subcommand("dev", "Coordinator and worker in one process");
  dev->add_option("--listen", flags->listen, "Address of the gRPC API")->capture_default_str();
  dev->add_option("--http", flags->http, "Address of /metrics, /healthz and /readyz")
      ->capture_default_str();
  dev->add_option("--data", flags->data,
                  "The cluster's durable data: a directory or s3://bucket/prefix")
      ->capture_default_str();
  dev->add_option("--slots", flags->slots, "Execution threads (default: CPU quota)")
      ->check(CLI::Range(1, 1024));
  dev->add_option("--memory", flags->memory, "Bound on memory (default: 80 % of the cgroup's)");
  dev->add_option("--cache", flags->cache,
                  "Directory for disposable local files (default: cache in --data's directory, "
                  "./weir-cache with s3://)");
  dev->add_flag("--kafka", flags->kafka,
                "Also start an in-process Kafka broker for trying things out; brokers = 'dev' "
                "means it. It keeps 5 MiB a partition and drops older records silently");
  AddTokensFlag(*dev, &flags->tokens);
  AddTableRootFlag(*dev, &flags->table_roots);
  dev->footer(kLinkHelp);
  dev->callback([flags, dev, exit_code] {
    const absl::Status status = Serve(*flags, LinkFlagsOf(*dev));
    *exit_code = status.ok() ? 0 : Fail("dev", status);
  });
}

}  // namespace weir
