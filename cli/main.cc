// The `weir` binary.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "base/failpoint.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/serve.h"

namespace {

// https://no-color.org: any value that isn't empty.
bool WantsColours() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string(terminal) == "dumb";
  return (no_colour == nullptr || *no_colour == '\0') && !dumb;
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* spec = std::getenv("WEIR_FAILPOINTS"); spec != nullptr) {
    if (const absl::Status status = weir::ArmFailpoints(spec); !status.ok()) {
      std::cerr << "weir: " << status.message() << "\n";
      return weir::kExitUsage;
    }
  }
  const bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
  const weir::Console console{&std::cin,
                              &std::cout,
                              &std::cerr,
                              out_is_terminal,
                              isatty(STDERR_FILENO) == 1,
                              out_is_terminal && WantsColours()};
  return weir::RunCommandLine({argv + 1, argv + argc}, console,
                              [](CLI::App& app, CLI::App& worker, int* exit_code) {
                                weir::AddDevCommand(app, exit_code);
                                weir::AddCoordinatorCommand(app, exit_code);
                                weir::AddWorkerFlags(worker, exit_code);
                              });
}
