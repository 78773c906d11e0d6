// The commands that serve: `weir dev`, `weir coordinator`, `weir worker`.
#ifndef WEIR_CLI_SERVE_H_
#define WEIR_CLI_SERVE_H_

namespace CLI {
class App;
}

namespace weir {

// Adds the command. When the user chose it, parsing runs it until SIGINT or SIGTERM and sets
// *exit_code. Pointers outlive the app's parse.
void AddDevCommand(CLI::App& app, int* exit_code);
void AddCoordinatorCommand(CLI::App& app, int* exit_code);
// The flags of `weir worker` itself, on the command that also has `list` and `drain` below it: the
// server runs when none of those was chosen.
void AddWorkerFlags(CLI::App& worker, int* exit_code);

}  // namespace weir

#endif  // WEIR_CLI_SERVE_H_
