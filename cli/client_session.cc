#include "cli/client_session.h"

#include <nlohmann/json.hpp>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/duration.h"
#include "base/status_macros.h"
#include "cli/api_client.h"
#include "cli/contexts.h"
#include "cli/exit_code.h"

namespace weir {
namespace {

constexpr char kUsagePayload[] = "weir/usage";

}  // namespace

absl::Status UsageError(const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

absl::StatusOr<Deadline> DeadlineOf(const std::string& timeout) {
  if (timeout.empty()) return Deadline::max();
  const absl::StatusOr<int64_t> parsed = ParseDuration(timeout);
  if (!parsed.ok()) return UsageError(absl::StrCat("--timeout: ", parsed.status().message()));
  // Beyond this, adding to the clock could overflow, and nobody waits so long.
  constexpr int64_t kLongest = int64_t{100} * 365 * 86'400'000'000;
  if (*parsed > kLongest) return Deadline::max();
  return std::chrono::system_clock::now() + std::chrono::microseconds(*parsed);
}

void PrintJson(const nlohmann::ordered_json& json, std::ostream& out) {
  // Text from outside may not be UTF-8; a replaced byte is better than no output.
  out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
}

namespace {

absl::StatusOr<std::unique_ptr<ApiClient>> Connect(const ClientFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(SharedTransport transport, OpenTransport(flags.link, {Identity::kClient}));
  WEIR_ASSIGN_OR_RETURN(std::string token, ReadToken(flags.token_file));
  return ApiClient::Make(flags.coordinator, std::move(transport), std::move(token));
}

}  // namespace

int RunCommand(const Console& console, const std::function<absl::StatusOr<int>()>& command) {
  const absl::StatusOr<int> exit_code = command();
  if (exit_code.ok()) return *exit_code;
  const absl::Status& status = exit_code.status();
  *console.err << "weir: " << status.message() << "\n";
  const bool is_usage = status.GetPayload(kUsagePayload).has_value();
  return is_usage ? kExitUsage : ExitCodeOf(status.code(), ReasonOf(status));
}

int RunWithApi(const ClientFlags& flags, const Console& console,
               const std::function<absl::StatusOr<int>(ClientSession&)>& command) {
  return RunCommand(console, [&]() -> absl::StatusOr<int> {
    ClientFlags resolved = flags;
    if (const absl::Status applied = ApplyContext(ContextsFile(), &resolved); !applied.ok()) {
      return UsageError(std::string(applied.message()));
    }
    absl::StatusOr<std::unique_ptr<ApiClient>> api = Connect(resolved);
    if (!api.ok()) return UsageError(std::string(api.status().message()));
    ClientSession session(api->get(), resolved, console);
    return command(session);
  });
}

}  // namespace weir
