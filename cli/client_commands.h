// The commands that talk to a cluster through its API, or look at its tables. Each Add function
// adds subcommands whose callbacks run the command and set *exit_code; the references outlive the
// app's parse.
#ifndef WEIR_CLI_CLIENT_COMMANDS_H_
#define WEIR_CLI_CLIENT_COMMANDS_H_

#include "cli/console.h"

namespace CLI {
class App;
}

namespace weir {

// submit, list, get, explain, watch, wait, stop, cancel, checkpoint, checkpoints, rescale.
void AddJobCommands(CLI::App& job, const ClientFlags& flags, const Console& console,
                    int* exit_code);
// apply, diff.
void AddApplyCommands(CLI::App& job, const ClientFlags& flags, const Console& console,
                      int* exit_code);
// list, drain. `worker` has flags of its own for the server, --coordinator among them.
void AddWorkerCommands(CLI::App& worker, const ClientFlags& flags, const Console& console,
                       int* exit_code);
// status.
void AddClusterCommands(CLI::App& cluster, const ClientFlags& flags, const Console& console,
                        int* exit_code);
// doctor itself.
void AddDoctorCommand(CLI::App& app, const ClientFlags& flags, const Console& console,
                      int* exit_code);
// list, use, set, remove. They read and write the user's file only.
void AddContextCommands(CLI::App& context, const ClientFlags& flags, const Console& console,
                        int* exit_code);
// show, freshness. They read tables where these lie and need no cluster.
void AddTableCommands(CLI::App& table, const ClientFlags& flags, const Console& console,
                      int* exit_code);

}  // namespace weir

#endif  // WEIR_CLI_CLIENT_COMMANDS_H_
