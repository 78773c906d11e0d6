// One client command at work: the API, and where to print.
#ifndef WEIR_CLI_CLIENT_SESSION_H_
#define WEIR_CLI_CLIENT_SESSION_H_

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "cli/console.h"

namespace weir {

class ApiClient;

// Indented, with a line end.
void PrintJson(const nlohmann::ordered_json& json, std::ostream& out);

class ClientSession {
 public:
  ClientSession(ApiClient* api, const ClientFlags& flags, const Console& console)
      : api_(api), flags_(flags), console_(console) {}
  ApiClient& api() { return *api_; }
  const Console& console() const { return console_; }
  // With what the context fills in.
  const ClientFlags& flags() const { return flags_; }
  bool json() const { return flags_.json(); }
  std::ostream& out() const { return *console_.out; }
  std::ostream& err() const { return *console_.err; }
  void PrintJson(const nlohmann::ordered_json& json) const { weir::PrintJson(json, out()); }

 private:
  ApiClient* const api_;
  const ClientFlags& flags_;
  const Console& console_;
};

// INVALID_ARGUMENT that is the caller's own, not the cluster's: exit code 2.
absl::Status UsageError(const std::string& message);

// When to give up, by a --timeout flag's text; empty = never. INVALID_ARGUMENT as UsageError.
absl::StatusOr<std::chrono::system_clock::time_point> DeadlineOf(const std::string& timeout);
inline constexpr char kTimeoutHelp[] =
    "Give up after that long (10s, \"5 minutes\") with exit code 6";

// Runs `command`, prints its error as "weir: ..." and returns the exit code.
int RunCommand(const Console& console, const std::function<absl::StatusOr<int>()>& command);

// The same for a command that calls the cluster's API.
int RunWithApi(const ClientFlags& flags, const Console& console,
               const std::function<absl::StatusOr<int>(ClientSession&)>& command);

}  // namespace weir

#endif  // WEIR_CLI_CLIENT_SESSION_H_
