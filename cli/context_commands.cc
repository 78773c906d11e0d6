#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/contexts.h"
#include "cli/exit_code.h"
#include "cli/text_table.h"

namespace weir {
namespace {

absl::Status NoContext(const std::string& name) {
  return absl::NotFoundError(
      absl::StrCat("there is no context '", name, "'; `weir context list` shows all"));
}

absl::StatusOr<int> List(const ClientFlags& flags, const Console& console) {
  WEIR_ASSIGN_OR_RETURN(const Contexts contexts, ReadContexts(ContextsFile()));
  if (flags.json()) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& [name, context] : contexts.all) {
      list.push_back({{"name", name},
                      {"current", name == contexts.current},
                      {"coordinator", context.coordinator},
                      {"tls_cert", context.tls_cert},
                      {"tls_key", context.tls_key},
                      {"tls_ca", context.tls_ca},
                      {"token_file", context.token_file},
                      {"insecure", context.insecure}});
    }
    PrintJson({{"contexts", list}}, *console.out);
    return kExitOk;
  }
  TextTable table({"CURRENT", "NAME", "COORDINATOR", "TLS", "TOKEN FILE"});
  for (const auto& [name, context] : contexts.all) {
    table.AddRow({name == contexts.current ? "*" : "", name, context.coordinator,
                  context.tls_cert.empty() ? (context.insecure ? "insecure" : "no") : "yes",
                  context.token_file});
  }
  table.Print(*console.out);
  return kExitOk;
}

absl::StatusOr<int> Use(const std::string& name, const Console& console) {
  WEIR_ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(ContextsFile()));
  if (!contexts.all.contains(name)) return NoContext(name);
  contexts.current = name;
  WEIR_RETURN_IF_ERROR(WriteContexts(contexts, ContextsFile()));
  *console.err << "commands go to " << name << " from now on\n";
  return kExitOk;
}

absl::StatusOr<int> Remove(const std::string& name, const Console& console) {
  WEIR_ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(ContextsFile()));
  if (contexts.all.erase(name) == 0) return NoContext(name);
  if (contexts.current == name) contexts.current.clear();
  WEIR_RETURN_IF_ERROR(WriteContexts(contexts, ContextsFile()));
  *console.err << "context " << name << " is removed\n";
  return kExitOk;
}

// They hold wherever the command runs.
std::string Absolute(const std::string& file) {
  return file.empty() ? "" : std::filesystem::absolute(file).lexically_normal().string();
}

// Takes what is given with the command, and keeps what the context said before for the rest.
absl::StatusOr<int> Set(const std::string& name, const ClientFlags& flags, const Console& console) {
  if (const absl::Status named = CheckContextName(name); !named.ok()) {
    return UsageError(std::string(named.message()));
  }
  WEIR_ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(ContextsFile()));
  Context& context = contexts.all[name];
  const auto set = [&flags](const char* flag, const std::string& value, std::string* to) {
    if (flags.given.contains(flag)) *to = value;
  };
  set("--coordinator", flags.coordinator, &context.coordinator);
  set("--tls-cert", Absolute(flags.link.tls_cert), &context.tls_cert);
  set("--tls-key", Absolute(flags.link.tls_key), &context.tls_key);
  set("--tls-ca", Absolute(flags.link.tls_ca), &context.tls_ca);
  set("--token-file", Absolute(flags.token_file), &context.token_file);
  if (flags.given.contains("--insecure")) context.insecure = flags.link.insecure;
  // Refuses here what every command would stumble over.
  const absl::StatusOr<SharedTransport> transport = OpenTransport(
      {context.tls_cert, context.tls_key, context.tls_ca, context.insecure}, {Identity::kClient});
  if (!transport.ok()) return UsageError(std::string(transport.status().message()));
  if (contexts.current.empty()) contexts.current = name;
  WEIR_RETURN_IF_ERROR(WriteContexts(contexts, ContextsFile()));
  *console.err << "context " << name << " is in " << ContextsFile()
               << (contexts.current == name ? "; commands go there\n" : "\n");
  return kExitOk;
}

}  // namespace

void AddContextCommands(CLI::App& context, const ClientFlags& flags, const Console& console,
                        int* exit_code) {
  context.add_subcommand("list", "List the contexts; * marks the one that commands go to")
      ->callback([&flags, &console, exit_code] {
        *exit_code = RunCommand(console, [&] { return List(flags, console); });
      });
  using Run = std::function<absl::StatusOr<int>(const std::string& name)>;
  const auto add = [&](const char* name, const char* help, Run run) {
    CLI::App* command = context.add_subcommand(name, help);
    auto named = std::make_shared<std::string>();  // shared with the callback
    command->add_option("name", *named, "The context's name")->required();
    command->callback([named, run, &console, exit_code] {
      *exit_code = RunCommand(console, [&] { return run(*named); });
    });
    return command;
  };
  add("use", "Send commands to this context from now on",
      [&console](const std::string& name) { return Use(name, console); });
  add("set",
      "Make or change a context, of the flags and the environment given with it: --coordinator, "
      "--tls-cert, --tls-key, --tls-ca, --token-file, --insecure",
      [&flags, &console](const std::string& name) { return Set(name, flags, console); });
  add("remove", "Forget a context",
      [&console](const std::string& name) { return Remove(name, console); });
}

}  // namespace weir
