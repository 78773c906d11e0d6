#include "base/byte_size.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/string_view.h"

namespace weir {
namespace {

struct Unit {
  const char* name;  // lower case
  double bytes;
};

constexpr double kKi = 1024;
constexpr Unit kUnits[] = {
    {"", 1},
    {"b", 1},
    {"kib", kKi},
    {"mib", kKi* kKi},
    {"gib", kKi* kKi* kKi},
    {"tib", kKi* kKi* kKi* kKi},
    {"ki", kKi},
    {"mi", kKi* kKi},
    {"gi", kKi* kKi* kKi},
    {"ti", kKi* kKi* kKi* kKi},
    {"kb", 1e3},
    {"mb", 1e6},
    {"gb", 1e9},
    {"tb", 1e12},
};

absl::Status BadSize(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", AbslView(text),
                   "' is not a size; accepted is a number with a unit, such as 512MiB, 2GiB or "
                   "1.5GB"));
}

}  // namespace

absl::StatusOr<int64_t> ParseByteSize(std::string_view text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(AbslView(text));
  const size_t end = trimmed.find_first_not_of("0123456789.");
  const absl::string_view number = trimmed.substr(0, end);
  const std::string unit =
      end == absl::string_view::npos
          ? ""
          : absl::AsciiStrToLower(absl::StripAsciiWhitespace(trimmed.substr(end)));
  double amount = 0;
  if (number.empty() || !absl::SimpleAtod(number, &amount)) return BadSize(text);
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    const double bytes = std::floor(amount * known.bytes);
    // 2^63 as a double is the first value that doesn't fit.
    if (bytes >= static_cast<double>(std::numeric_limits<int64_t>::max())) return BadSize(text);
    return static_cast<int64_t>(bytes);
  }
  return BadSize(text);
}

std::string FormatByteSize(int64_t bytes) {
  constexpr const char* kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double amount = static_cast<double>(bytes) / 1024;
  int unit = 0;
  while (amount >= 1024 && unit < 5) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", amount, kNames[unit]);
}

}  // namespace weir
