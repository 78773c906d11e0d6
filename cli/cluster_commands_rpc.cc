#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "cli/api_client.h"
#include "cli/api_json.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

absl::StatusOr<int> ListWorkers(ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const v1::ListWorkersResponse workers,
                        session.api().ListWorkers(v1::ListWorkersRequest()));
  if (session.json()) {
    session.PrintJson(ToJson(workers));
  } else {
    PrintWorkers(workers, session.out());
  }
  return kExitOk;
}

absl::StatusOr<int> ShowStatus(ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const v1::ClusterStatus status,
                        session.api().GetStatus(v1::GetStatusRequest()));
  if (session.json()) {
    session.PrintJson(ToJson(status));
  } else {
    PrintCluster(status, session.out());
  }
  return kExitOk;
}

}  // namespace

void AddWorkerCommands(CLI::App& worker, const ClientFlags& flags, const Console& console,
                       int* exit_code) {
  CLI::App* list = worker.add_subcommand("list", "List the cluster's workers");
  // Of its own, because the server's flag of that name on `worker` would take it.
  auto coordinator = std::make_shared<std::string>();
  list->add_option("--coordinator", *coordinator, "Where the cluster's API is");
  list->callback([&flags, &console, coordinator, exit_code] {
    ClientFlags own = flags;
    if (!coordinator->empty()) own.coordinator = *coordinator;
    *exit_code = RunWithApi(own, console, ListWorkers);
  });
}

void AddClusterCommands(CLI::App& cluster, const ClientFlags& flags, const Console& console,
                        int* exit_code) {
  cluster.add_subcommand("status", "Show coordinator, workers, slots and jobs")
      ->callback(
          [&flags, &console, exit_code] { *exit_code = RunWithApi(flags, console, ShowStatus); });
}

}  // namespace weir
