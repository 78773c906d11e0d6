#include "cli/command_line.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log_format.h"
#include "base/version.h"
#include "cli/client_commands.h"
#include "cli/completion.h"
#include "cli/exit_code.h"

namespace weir {
namespace {

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

// Levenshtein distance.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string UnknownCommand(const CLI::App& app, const std::string& given) {
  const std::vector<std::string> names = CommandNames(app);
  const auto nearest = std::min_element(names.begin(), names.end(), [&](auto& a, auto& b) {
    return Distance(a, given) < Distance(b, given);
  });
  const bool is_near = nearest != names.end() && Distance(*nearest, given) <= 2;
  return absl::StrCat("unknown command '", given, "'", is_near ? "; did you mean '" : "",
                      is_near ? *nearest : "", is_near ? "'" : "", ". Commands here are ",
                      absl::StrJoin(names, ", "), ".");
}

// What is wrong with the words that choose the command, as a message; empty when all is well. The
// library would only say that an argument was not expected.
std::string CheckCommandWords(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (const std::string& argument : arguments) {
    if (absl::StartsWith(argument, "-") || CommandNames(*at).empty()) return "";
    const auto named = at->get_subcommands(
        [&](const CLI::App* command) { return command->get_name() == argument; });
    if (named.empty()) return UnknownCommand(*at, argument);
    at = named.front();
  }
  if (at->get_require_subcommand_min() == 0) return "";
  return absl::StrCat("a command is missing here: ", absl::StrJoin(CommandNames(*at), ", "),
                      ". --help tells more.");
}

void AddVersionCommand(CLI::App& app, const ClientFlags& flags, const Console& console) {
  CLI::App* version = app.add_subcommand("version", "Print the version of this binary");
  version->callback([&flags, &console] {
    if (flags.json()) {
      *console.out << nlohmann::json{{"version", Version()}}.dump() << "\n";
    } else {
      *console.out << "weir " << Version() << "\n";
    }
  });
}

void AddCompletionCommand(CLI::App& app, const Console& console) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print what makes a shell complete command lines");
  auto shell = std::make_shared<std::string>();  // shared with the callback
  completion->add_option("shell", *shell, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  completion->callback(
      [shell, &console] { *console.out << (*shell == "bash" ? kBashCompletion : kZshCompletion); });
}

// What shells call for each word: "complete-words -- WORDS...". Not for people.
constexpr char kCompleteWords[] = "complete-words";
// A cluster that doesn't answer must not hold up a keyboard. The process ends; nothing is lost.
constexpr unsigned kPatienceS = 2;

// `key` of each object in the list that a command prints as JSON.
std::vector<std::string> NamesFrom(const std::vector<std::string>& command, const char* list,
                                   const char* key) {
  std::istringstream in;
  std::ostringstream out, err;
  if (RunCommandLine(command, {&in, &out, &err}, nullptr) != kExitOk) return {};
  const nlohmann::json answer = nlohmann::json::parse(out.str(), nullptr, false);
  std::vector<std::string> names;
  if (!answer.is_object() || !answer.contains(list)) return names;
  for (const nlohmann::json& item : answer[list]) names.push_back(item.value(key, ""));
  return names;
}

void PrintCompletions(const CLI::App& app, const std::vector<std::string>& arguments,
                      const Console& console) {
  const std::vector<std::string> words(arguments.begin() + std::min<size_t>(2, arguments.size()),
                                       arguments.end());
  CompletionNames names;
  names.jobs = [] { return NamesFrom({"job", "list", "-o", "json"}, "jobs", "name"); };
  names.workers = [] { return NamesFrom({"worker", "list", "-o", "json"}, "workers", "address"); };
  names.contexts = [] { return NamesFrom({"context", "list", "-o", "json"}, "contexts", "name"); };
  alarm(kPatienceS);
  for (const std::string& word : Complete(app, words, names)) *console.out << word << "\n";
  alarm(0);
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, const Console& console,
                   const AddServing& add_serving) {
  int exit_code = kExitOk;
  ClientFlags flags;
  CLI::App app("Streams of Kafka into lake tables, by SQL, exactly once", "weir");
  app.require_subcommand(1);
  app.fallthrough();  // lets --coordinator and -o stand behind the command too
  app.add_option("--coordinator", flags.coordinator,
                 "Where the cluster's API is, HOST:PORT[,HOST:PORT...]")
      ->envname("WEIR_COORDINATOR")
      ->capture_default_str();
  AddLinkFlags(app, &flags.link);
  app.add_option("--token-file", flags.token_file,
                 "File whose first line is the client's token (or set WEIR_TOKEN to the token)")
      ->envname("WEIR_TOKEN_FILE");
  app.add_option("--context", flags.context,
                 "Which of your contexts to go to (default: the one of `weir context use`)")
      ->envname("WEIR_CONTEXT");
  app.parse_complete_callback([&app, &flags] {
    for (const char* name :
         {"--coordinator", "--tls-cert", "--tls-key", "--tls-ca", "--insecure", "--token-file"}) {
      if (app.get_option(name)->count() > 0) flags.given.insert(name);
    }
  });
  app.add_option("-o,--output", flags.output, "How to print data")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();

  app.add_option_function<std::string>(
         "--log-format",
         [](const std::string& format) {
           SetLogFormat(format == "json" ? LogFormat::kJson : LogFormat::kText);
         },
         "Of the log that servers write on stderr: text, or json, one object a line")
      ->envname("WEIR_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}));

  CLI::App* job = app.add_subcommand("job", "Submit jobs and look after them");
  job->require_subcommand(1);
  AddJobCommands(*job, flags, console, &exit_code);
  CLI::App* worker = app.add_subcommand("worker", "Run a worker, or look at the cluster's workers");
  AddWorkerCommands(*worker, flags, console, &exit_code);
  CLI::App* cluster = app.add_subcommand("cluster", "Look at the cluster");
  cluster->require_subcommand(1);
  AddClusterCommands(*cluster, flags, console, &exit_code);
  CLI::App* table = app.add_subcommand("table", "Look at tables, with or without a cluster");
  table->require_subcommand(1);
  AddTableCommands(*table, flags, console, &exit_code);
  CLI::App* context = app.add_subcommand("context", "Name clusters, and say which one is meant");
  context->require_subcommand(1);
  AddContextCommands(*context, flags, console, &exit_code);
  AddCompletionCommand(app, console);
  AddDoctorCommand(app, flags, console, &exit_code);
  AddVersionCommand(app, flags, console);
  if (add_serving != nullptr) add_serving(app, *worker, &exit_code);

  if (!arguments.empty() && arguments.front() == kCompleteWords) {
    PrintCompletions(app, arguments, console);
    return kExitOk;
  }
  if (const std::string wrong = CheckCommandWords(app, arguments); !wrong.empty()) {
    *console.err << "weir: " << wrong << "\n";
    return kExitUsage;
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(),
                                      arguments.rend());  // as the library wants
    app.parse(std::move(reversed));
  } catch (const CLI::Success& help) {
    app.exit(help, *console.out, *console.err);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    *console.err << "weir: " << error.what() << "\nRun with --help for usage.\n";
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace weir
