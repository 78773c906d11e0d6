#include "cli/contexts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr size_t kNameBytesMax = 63;

template <class... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// One key of a context.
struct Key {
  const char* name;
  std::string Context::*text;
};
constexpr Key kKeys[] = {{"coordinator", &Context::coordinator},
                         {"tls_cert", &Context::tls_cert},
                         {"tls_key", &Context::tls_key},
                         {"tls_ca", &Context::tls_ca},
                         {"token_file", &Context::token_file}};

std::string AcceptedKeys() {
  std::vector<std::string> names;
  for (const Key& key : kKeys) names.emplace_back(key.name);
  return absl::StrCat(absl::StrJoin(names, ", "), ", insecure");
}

absl::StatusOr<Context> ContextFrom(const std::string& where, const Json& json) {
  if (!json.is_object()) return Wrong(where, " is no object");
  Context context;
  for (const auto& [name, value] : json.items()) {
    if (name == "insecure") {
      if (!value.is_boolean()) return Wrong(where, ": insecure is neither true nor false");
      context.insecure = value.get<bool>();
      continue;
    }
    const Key* known = nullptr;
    for (const Key& key : kKeys) {
      if (name == key.name) known = &key;
    }
    if (known == nullptr) {
      return Wrong(where, ": '", name, "' is not known; accepted are ", AcceptedKeys());
    }
    if (!value.is_string()) return Wrong(where, ": ", name, " is no text");
    context.*(known->text) = value.get<std::string>();
  }
  return context;
}

absl::StatusOr<Contexts> ContextsFrom(const std::string& file, const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong(file, " holds no JSON object; see `weir context set --help`");
  Contexts contexts;
  for (const auto& [name, value] : json.items()) {
    if (name == "current" && value.is_string()) {
      contexts.current = value.get<std::string>();
    } else if (name == "contexts" && value.is_object()) {
      for (const auto& [context, body] : value.items()) {
        WEIR_ASSIGN_OR_RETURN(contexts.all[context],
                              ContextFrom(absl::StrCat(file, ", context ", context), body));
      }
    } else {
      return Wrong(file, ": '", name, "' is not understood; accepted are current and contexts");
    }
  }
  return contexts;
}

// Of a file that names where secrets go, or holds one: who else may do what `forbidden` says.
absl::Status CheckMode(const std::string& file, mode_t forbidden, const char* what,
                       const char* command) {
  struct stat info;
  if (stat(file.c_str(), &info) != 0) return absl::OkStatus();  // whoever opens it says more
  if ((info.st_mode & forbidden) == 0) return absl::OkStatus();
  return Wrong(file, " can be ", what, " by others than its owner: ", command, " ", file);
}

Json ToJson(const Context& context) {
  Json json = Json::object();
  for (const Key& key : kKeys) {
    if (!(context.*(key.text)).empty()) json[key.name] = context.*(key.text);
  }
  if (context.insecure) json["insecure"] = true;
  return json;
}

}  // namespace

std::string ContextsFile() {
  if (const std::string file = Env("WEIR_CONFIG"); !file.empty()) return file;
  if (const std::string config = Env("XDG_CONFIG_HOME"); !config.empty()) {
    return absl::StrCat(config, "/weir/config.json");
  }
  const std::string home = Env("HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.config/weir/config.json");
}

absl::StatusOr<Contexts> ReadContexts(const std::string& file) {
  if (file.empty()) return Contexts();
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (absl::IsNotFound(text.status())) return Contexts();
  if (!text.ok()) return Wrong(text.status().message());
  if (text->size() > kFileBytesMax) return Wrong(file, " is larger than 1 MiB");
  WEIR_RETURN_IF_ERROR(CheckMode(file, S_IWGRP | S_IWOTH, "written", "chmod 600"));
  return ContextsFrom(file, *text);
}

absl::Status WriteContexts(const Contexts& contexts, const std::string& file) {
  if (file.empty()) return Wrong("no place for contexts: set HOME, XDG_CONFIG_HOME or WEIR_CONFIG");
  Json json = {{"current", contexts.current}, {"contexts", Json::object()}};
  for (const auto& [name, context] : contexts.all) json["contexts"][name] = ToJson(context);
  WEIR_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(file)));
  const std::string temporary = absl::StrCat(file, ".", RandomHex(*SystemRandom(), 16));
  WEIR_RETURN_IF_ERROR(
      WriteNewFile(temporary, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  if (chmod(temporary.c_str(), S_IRUSR | S_IWUSR) == 0 &&
      std::rename(temporary.c_str(), file.c_str()) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failed = ErrnoError(errno, "replacing", file);
  unlink(temporary.c_str());
  return failed;
}

absl::Status CheckContextName(const std::string& name) {
  bool fine = !name.empty() && name.size() <= kNameBytesMax;
  for (const char c : name) {
    fine = fine &&
           (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.');
  }
  if (fine) return absl::OkStatus();
  return Wrong("'", name, "' can't name a context: accepted are up to ", kNameBytesMax,
               " letters, digits, '-', '_' and '.'");
}

absl::Status ApplyContext(const std::string& file, ClientFlags* flags) {
  // Another address than the context's: its token and certificate aren't for that one.
  if (flags->context.empty() && flags->given.contains("--coordinator")) return absl::OkStatus();
  WEIR_ASSIGN_OR_RETURN(const Contexts contexts, ReadContexts(file));
  const std::string& name = flags->context.empty() ? contexts.current : flags->context;
  if (name.empty()) return absl::OkStatus();
  const auto found = contexts.all.find(name);
  if (found == contexts.all.end()) {
    return Wrong("there is no context '", name, "' in ", file,
                 "; `weir context list` shows all, `weir context set ", name, "` makes it");
  }
  const Context& context = found->second;
  // A flag of TLS stands for all of it: half of one cluster's files and half of another's are none.
  const bool link_given = flags->given.contains("--tls-cert") ||
                          flags->given.contains("--tls-key") || flags->given.contains("--tls-ca") ||
                          flags->given.contains("--insecure");
  if (!flags->given.contains("--coordinator") && !context.coordinator.empty()) {
    flags->coordinator = context.coordinator;
  }
  if (!link_given) {
    WEIR_RETURN_IF_ERROR(CheckMode(context.tls_key, S_IRWXG | S_IRWXO, "used", "chmod 600"));
    flags->link = {context.tls_cert, context.tls_key, context.tls_ca, context.insecure};
  }
  const bool token_given = flags->given.contains("--token-file") || !Env("WEIR_TOKEN").empty();
  if (!token_given && !context.token_file.empty()) {
    WEIR_RETURN_IF_ERROR(CheckMode(context.token_file, S_IRWXG | S_IRWXO, "used", "chmod 600"));
    flags->token_file = context.token_file;
  }
  return absl::OkStatus();
}

}  // namespace weir
