// The command line of `weir`: reads the arguments and runs the chosen command.
#ifndef WEIR_CLI_COMMAND_LINE_H_
#define WEIR_CLI_COMMAND_LINE_H_

#include <functional>
#include <string>
#include <vector>

#include "cli/console.h"

namespace CLI {
class App;
}

namespace weir {

// Adds the commands that serve (cli/serve.h), which live outside so that the client commands can be
// tested without a server linked in. `worker` is the command that also has the client's `list`.
using AddServing = std::function<void(CLI::App& app, CLI::App& worker, int* exit_code)>;

// Returns the process's exit code (cli/exit_code.h). `arguments` without the program's name.
int RunCommandLine(const std::vector<std::string>& arguments, const Console& console,
                   const AddServing& add_serving);

}  // namespace weir

#endif  // WEIR_CLI_COMMAND_LINE_H_
