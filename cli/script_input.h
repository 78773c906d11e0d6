// What commands that take a script read from their arguments.
#ifndef WEIR_CLI_SCRIPT_INPUT_H_
#define WEIR_CLI_SCRIPT_INPUT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/console.h"

namespace weir {

// Of --var flags, each "NAME=VALUE". Errors as UsageError.
absl::StatusOr<std::map<std::string, std::string>> Variables(const std::vector<std::string>& pairs);

// "-" is standard input. Errors as UsageError.
absl::StatusOr<std::string> ReadScript(const std::string& file, const Console& console);

// "jobs/user-activity.sql" → "user-activity".
std::string FileStem(const std::string& file);

}  // namespace weir

#endif  // WEIR_CLI_SCRIPT_INPUT_H_
