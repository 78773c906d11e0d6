#include "base/duration.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

constexpr std::pair<const char*, int64_t> kUnits[] = {
    {"us", 1},        {"microsecond", 1},  {"ms", 1000},        {"millisecond", 1000},
    {"s", kSecond},   {"sec", kSecond},    {"second", kSecond}, {"m", kMinute},
    {"min", kMinute}, {"minute", kMinute}, {"h", kHour},        {"hour", kHour},
    {"d", kDay},      {"day", kDay},
};

// 0 when there is no such unit.
int64_t MicrosOf(std::string unit) {
  if (unit.size() > 2 && unit.back() == 's') unit.pop_back();
  for (const auto& [name, micros] : kUnits)
    if (unit == name) return micros;
  return 0;
}

absl::Status BadDuration(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", AbslView(text),
                   "' is not a duration; accepted are numbers with a unit, such as 500ms, 10s, "
                   "\"1 minute\" or 1h30m"));
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(AbslView(text));
  if (rest.empty()) return BadDuration(text);
  double total = 0;
  while (!rest.empty()) {
    const size_t number_end = rest.find_first_not_of("0123456789.");
    if (number_end == 0 || number_end == absl::string_view::npos) return BadDuration(text);
    double amount = 0;
    if (!absl::SimpleAtod(rest.substr(0, number_end), &amount)) return BadDuration(text);
    rest = absl::StripLeadingAsciiWhitespace(rest.substr(number_end));
    const size_t unit_end = rest.find_first_of("0123456789. ");
    const int64_t unit = MicrosOf(absl::AsciiStrToLower(rest.substr(0, unit_end)));
    if (unit == 0) return BadDuration(text);
    total += amount * static_cast<double>(unit);
    rest = unit_end == absl::string_view::npos
               ? absl::string_view()
               : absl::StripLeadingAsciiWhitespace(rest.substr(unit_end));
  }
  if (total >= static_cast<double>(std::numeric_limits<int64_t>::max())) return BadDuration(text);
  return static_cast<int64_t>(std::llround(total));
}

std::string FormatDuration(int64_t micros) {
  if (micros < 0) return absl::StrCat("-", FormatDuration(-micros));
  if (micros < kSecond) return micros == 0 ? "0s" : absl::StrCat((micros + 500) / 1000, "ms");
  if (micros < kMinute) return absl::StrFormat("%gs", std::round(micros / 1e5) / 10);
  const auto two = [](int64_t large, const char* large_unit, int64_t small,
                      const char* small_unit) {
    if (small == 0) return absl::StrCat(large, large_unit);
    return absl::StrCat(large, large_unit, " ", small, small_unit);
  };
  if (micros < kHour) return two(micros / kMinute, "m", micros % kMinute / kSecond, "s");
  if (micros < kDay) return two(micros / kHour, "h", micros % kHour / kMinute, "m");
  return two(micros / kDay, "d", micros % kDay / kHour, "h");
}

}  // namespace weir
