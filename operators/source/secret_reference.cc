#include "operators/source/secret_reference.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr char kVariablePrefix[] = "WEIR_SECRET_";

absl::StatusOr<std::string> FromEnvironment(const std::string& name) {
  if (!absl::StartsWith(name, kVariablePrefix)) {
    return absl::InvalidArgumentError(absl::StrCat("secret ${env:", name,
                                                   "}: only variables named ", kVariablePrefix,
                                                   "... may be used; set one on the workers"));
  }
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return absl::NotFoundError(absl::StrCat("secret ${env:", name, "}: this worker's environment ",
                                            "has no such variable"));
  }
  return std::string(value);
}

absl::StatusOr<std::string> FromFile(const std::string& name) {
  if (name.empty() || name[0] == '.' || absl::StrContains(name, '/')) {
    return absl::InvalidArgumentError(
        absl::StrCat("secret ${file:", name, "}: a plain file name is accepted, looked up in the ",
                     "workers' directory of secrets"));
  }
  const char* configured = std::getenv("WEIR_SECRETS");
  std::string directory = configured != nullptr ? configured : "/run/secrets";
  std::ifstream in(directory + "/" + name, std::ios::binary);
  std::string value{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.good() && value.empty()) {
    return absl::NotFoundError(
        absl::StrCat("secret ${file:", name, "}: can't read it in ", directory));
  }
  if (absl::EndsWith(value, "\n")) value.pop_back();
  return value;
}

}  // namespace

absl::StatusOr<std::string> ResolveSecret(std::string_view text) {
  absl::string_view reference = AbslView(text);
  if (!absl::ConsumePrefix(&reference, "${") || !absl::ConsumeSuffix(&reference, "}")) {
    return std::string(text);
  }
  if (absl::ConsumePrefix(&reference, "env:")) return FromEnvironment(std::string(reference));
  if (absl::ConsumePrefix(&reference, "file:")) return FromFile(std::string(reference));
  return absl::InvalidArgumentError(
      absl::StrCat("secret ", AbslView(text), ": accepted are ${env:NAME} and ${file:NAME}"));
}

}  // namespace weir
