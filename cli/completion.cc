#include "cli/completion.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <set>

#include "absl/strings/match.h"

namespace weir {

const char kBashCompletion[] =
    R"sh(# weir: completion for bash. In ~/.bashrc: source <(weir completion bash)
_weir() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    else
      COMPREPLY+=("$line")
    fi
  done < <("${COMP_WORDS[0]}" complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _weir weir
)sh";

const char kZshCompletion[] = R"sh(#compdef weir
# weir: completion for zsh. In ~/.zshrc, behind compinit: source <(weir completion zsh)
_weir() {
  local line
  local -a found
  for line in ${(f)"$(${words[1]} complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
    if [[ $line == :files ]]; then
      _files
    else
      found+=("$line")
    fi
  done
  compadd -- $found
}
compdef _weir weir
)sh";

namespace {

constexpr char kFiles[] = ":files";

std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  // Those in no group are for other programs.
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

// By a word such as "--name" or "-o"; looks at the command and at those above it.
const CLI::Option* FindOption(const CLI::App* at, const std::string& word) {
  for (; at != nullptr; at = at->get_parent()) {
    if (const CLI::Option* option = at->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Where the words before the last lead.
struct Place {
  const CLI::App* command = nullptr;
  const CLI::Option* value_of = nullptr;  // the last word is this option's value
  size_t positionals = 0;                 // given so far
};

Place Walk(const CLI::App& app, const std::vector<std::string>& words) {
  Place place{&app};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (place.value_of != nullptr) {
      place.value_of = nullptr;
      continue;
    }
    if (absl::StartsWith(word, "-") && word.size() > 1) {
      const CLI::Option* option = FindOption(place.command, word);
      if (option != nullptr && TakesValue(*option)) place.value_of = option;
      continue;
    }
    const auto subcommands = Subcommands(*place.command);
    const auto named = std::find_if(subcommands.begin(), subcommands.end(),
                                    [&](const CLI::App* c) { return c->get_name() == word; });
    if (named == subcommands.end()) {
      ++place.positionals;
    } else {
      place.command = *named;
      place.positionals = 0;
    }
  }
  return place;
}

std::vector<std::string> Call(const std::function<std::vector<std::string>()>& names) {
  return names == nullptr ? std::vector<std::string>() : names();
}

// Of a positional's or an option's value, by what it is called.
std::vector<std::string> Values(const std::string& name, const CLI::App& command,
                                const CompletionNames& names) {
  static const std::set<std::string> kFileOptions = {
      "file", "path", "tls-cert", "tls-key", "tls-ca", "token-file", "tokens", "cache", "data"};
  if (kFileOptions.contains(name)) return {kFiles};
  if (name == "output") return {"table", "json"};
  if (name == "job" || name == "from") return Call(names.jobs);
  if (name == "worker") return Call(names.workers);
  if (name == "shell") return {"bash", "zsh"};
  const CLI::App* parent = command.get_parent();
  const bool of_contexts = parent != nullptr && parent->get_name() == "context";
  if (name == "context" || (name == "name" && of_contexts)) return Call(names.contexts);
  if (name == "script_or_job") {
    std::vector<std::string> both = Call(names.jobs);
    both.emplace_back(kFiles);
    return both;
  }
  return {};
}

// "--tls-cert" → "tls-cert", "job" → "job".
std::string PlainName(const CLI::Option& option) {
  const std::string name = option.get_name();
  return name.substr(std::min(name.size(), name.find_first_not_of('-')));
}

std::vector<std::string> OptionNames(const CLI::App* at) {
  std::vector<std::string> found;
  for (; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) found.push_back("--" + name);
    }
  }
  return found;
}

std::vector<std::string> Positional(const Place& place, const CompletionNames& names) {
  size_t number = 0;
  for (const CLI::Option* option : place.command->get_options()) {
    if (!option->get_positional()) continue;
    if (number++ == place.positionals) return Values(PlainName(*option), *place.command, names);
  }
  return {};
}

}  // namespace

std::vector<std::string> Complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const CompletionNames& names) {
  const std::string last = words.empty() ? "" : words.back();
  const Place place = Walk(app, words);
  std::vector<std::string> offered;
  if (place.value_of != nullptr) {
    offered = Values(PlainName(*place.value_of), *place.command, names);
  } else if (absl::StartsWith(last, "-")) {
    offered = OptionNames(place.command);
  } else if (place.positionals == 0 && !Subcommands(*place.command).empty()) {
    for (const CLI::App* command : Subcommands(*place.command)) {
      offered.push_back(command->get_name());
    }
  } else {
    offered = Positional(place, names);
  }
  std::set<std::string> fitting;
  for (const std::string& word : offered) {
    if (word == kFiles || absl::StartsWith(word, last)) fitting.insert(word);
  }
  return {fitting.begin(), fitting.end()};
}

}  // namespace weir
