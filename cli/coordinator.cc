#include "coordinator/coordinator.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "cli/link_flags.h"
#include "cli/serve.h"
#include "cli/serving.h"
#include "cli/status_page.h"

namespace weir {
namespace {

struct CoordinatorFlags {
  std::string listen = "127.0.0.1:7070";
  std::string http = "127.0.0.1:7071";
  std::string data;
  std::string advertise;
  std::string tokens;
  std::vector<std::string> table_roots;
};

absl::Status Serve(const CoordinatorFlags& flags, const LinkFlags& link) {
  HoldSignals();
  TakeAllFiles();
  WEIR_RETURN_IF_ERROR(CheckAdvertise(flags.advertise));
  std::unique_ptr<Metrics> metrics = MakeMetrics();
  metrics
      ->GetGauge("weir_build_info", "1, labelled with the version of this process",
                 {{"version", Version()}})
      ->Set(1);
  CoordinatorOptions options;
  options.listen = flags.listen;
  options.http_address_for_status = flags.http;
  options.data_uri = DataUri(flags.data);
  options.advertise = flags.advertise;
  WEIR_ASSIGN_OR_RETURN(options.transport, OpenTransport(link, {Identity::kCoordinator}));
  options.tokens_file = flags.tokens;
  options.base_directory = std::filesystem::current_path().string();
  WEIR_ASSIGN_OR_RETURN(options.table_roots, TableRootsFrom(flags.table_roots, {options.data_uri}));
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<Coordinator> coordinator,
                        StartCoordinator(options, SystemClock(), SystemRandom(), metrics.get()));
  WEIR_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpServer> http,
      ServeHttp(
          flags.http, *options.transport, metrics.get(), [&] { return coordinator->Ready(); },
          LookCheck(*coordinator), StatusPages(*coordinator)));
  std::cout << "weir coordinator " << Version() << "\n  address  " << coordinator->address()
            << "\n  metrics  " << http->url() << "/metrics\n  data     " << options.data_uri
            << std::endl;
  return AwaitEnd([] { return absl::OkStatus(); });
}

}  // namespace

void AddCoordinatorCommand(CLI::App& app, int* exit_code) {
  auto flags = std::make_shared<CoordinatorFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand("coordinator", "Decides about jobs; serves the API");
  command->add_option("--listen", flags->listen, "Address of the gRPC API")
      ->envname("WEIR_LISTEN")
      ->capture_default_str();
  command->add_option("--http", flags->http, "Address of /metrics, /healthz and /readyz")
      ->envname("WEIR_HTTP")
      ->capture_default_str();
  command
      ->add_option("--data", flags->data,
                   "Where the cluster's durable data is: a directory or s3://bucket/prefix")
      ->envname("WEIR_DATA")
      ->required();
  command->add_option("--advertise", flags->advertise, "Address that others reach this one by")
      ->envname("WEIR_ADVERTISE");
  AddTokensFlag(*command, &flags->tokens);
  AddTableRootFlag(*command, &flags->table_roots);
  command->footer(kLinkHelp);
  command->callback([flags, command, exit_code] {
    const absl::Status status = Serve(*flags, LinkFlagsOf(*command));
    *exit_code = status.ok() ? 0 : Fail("coordinator", status);
  });
}

}  // namespace weir
