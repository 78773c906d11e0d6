#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

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

absl::StatusOr<int> Drain(const std::string& name, const std::string& timeout,
                          ClientSession& session) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(timeout));
  v1::DrainWorkerRequest request;
  request.set_worker(name);
  WEIR_ASSIGN_OR_RETURN(const v1::Worker worker, session.api().DrainWorker(request, deadline));
  if (session.json()) session.PrintJson(ToJson(worker));
  session.err() << "worker " << worker.address() << " is drained: its process may end\n";
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
  struct Own {
    std::string coordinator;
    std::string worker;
    std::string timeout = "5 minutes";
  };
  using Run = std::function<absl::StatusOr<int>(const Own&, ClientSession&)>;
  const auto add = [&](const char* name, const char* help, Run run) {
    CLI::App* command = worker.add_subcommand(name, help);
    auto own = std::make_shared<Own>();  // shared with the callback
    // Of its own, because the server's flag of that name on `worker` would take it.
    command->add_option("--coordinator", own->coordinator, "Where the cluster's API is");
    command->callback([&flags, &console, own, run, exit_code] {
      ClientFlags to = flags;
      if (!own->coordinator.empty()) {
        to.coordinator = own->coordinator;
        to.given.insert("--coordinator");
      }
      *exit_code =
          RunWithApi(to, console, [&](ClientSession& session) { return run(*own, session); });
    });
    return std::pair(command, own);
  };
  add("list", "List the cluster's workers",
      [](const Own&, ClientSession& session) { return ListWorkers(session); });
  auto [drain, own] = add("drain", "Move a worker's tasks elsewhere, so that it may end",
                          [](const Own& chosen, ClientSession& session) {
                            return Drain(chosen.worker, chosen.timeout, session);
                          });
  drain->add_option("worker", own->worker, "Its address or id")->required();
  drain->add_option("--timeout", own->timeout, kTimeoutHelp)->capture_default_str();
}

void AddClusterCommands(CLI::App& cluster, const ClientFlags& flags, const Console& console,
                        int* exit_code) {
  cluster.add_subcommand("status", "Show coordinator, workers, slots and jobs")
      ->callback(
          [&flags, &console, exit_code] { *exit_code = RunWithApi(flags, console, ShowStatus); });
}

}  // namespace weir
