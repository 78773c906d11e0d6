#include "cli/script_input.h"

#include <istream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/posix_file.h"
#include "cli/client_session.h"

namespace weir {

absl::StatusOr<std::map<std::string, std::string>> Variables(
    const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> variables;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(
          absl::StrCat("--var ", pair, ": accepted is NAME=VALUE, such as --var topic=orders"));
    const std::string name = pair.substr(0, equals);
    if (!variables.emplace(name, pair.substr(equals + 1)).second)
      return UsageError(absl::StrCat("--var ", name, " is given twice"));
  }
  return variables;
}

absl::StatusOr<std::string> ReadScript(const std::string& file, const Console& console) {
  if (file == "-")
    return std::string(std::istreambuf_iterator<char>(*console.in),
                       std::istreambuf_iterator<char>());
  absl::StatusOr<std::string> script = ReadFile(file);
  if (script.ok()) return script;
  return UsageError(absl::StrCat("cannot read the script: ", script.status().message()));
}

std::string FileStem(const std::string& file) {
  const size_t slash = file.rfind('/');
  const std::string last = slash == std::string::npos ? file : file.substr(slash + 1);
  const size_t dot = last.rfind('.');
  return dot == std::string::npos || dot == 0 ? last : last.substr(0, dot);
}

}  // namespace weir
