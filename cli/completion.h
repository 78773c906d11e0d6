// Completion of command lines by the shell. The shell asks this binary for each word, so what it
// offers is what the binary understands.
#ifndef WEIR_CLI_COMPLETION_H_
#define WEIR_CLI_COMPLETION_H_

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir {

// Names that only a cluster or a file knows.
struct CompletionNames {
  std::function<std::vector<std::string>()> jobs, workers, contexts;
};

// What may stand for the last of `words`, which may be empty or begun; the words before it are
// complete. The word ":files" asks the shell for names of files.
std::vector<std::string> Complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const CompletionNames& names);

// For ~/.bashrc or a file that zsh's fpath leads to.
extern const char kBashCompletion[];
extern const char kZshCompletion[];

}  // namespace weir

#endif  // WEIR_CLI_COMPLETION_H_
