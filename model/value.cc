#include "model/value.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "model/time_text.h"

namespace weir {
namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

// The shortest text that reads back as the same number.
template <class Float>
std::string ShortestFloat(Float value, int digits_max) {
  if (std::isnan(value)) return "'NaN'";
  if (std::isinf(value)) return value > 0 ? "'Infinity'" : "'-Infinity'";
  std::string text;
  for (int digits = 1; digits <= digits_max; ++digits) {
    text = absl::StrFormat("%.*g", digits, value);
    if (static_cast<Float>(std::strtod(text.c_str(), nullptr)) == value) break;
  }
  return text;
}

std::string NumericText(absl::int128 unscaled, int scale) {
  const bool negative = unscaled < 0;
  // Negating as unsigned is defined for the smallest value too.
  absl::uint128 rest = static_cast<absl::uint128>(unscaled);
  if (negative) rest = -rest;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  if (scale > 0) {
    if (static_cast<int>(digits.size()) <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, 1, '.');
  }
  return negative ? absl::StrCat("-", digits) : digits;
}

void AppendUnit(int64_t amount, const char* unit, std::string* out) {
  if (amount == 0) return;
  absl::StrAppend(out, out->empty() ? "" : " ", amount, " ", unit,
                  amount == 1 || amount == -1 ? "" : "s");
}

std::string IntervalText(const Interval& interval) {
  std::string out;
  AppendUnit(interval.months / 12, "year", &out);
  AppendUnit(interval.months % 12, "month", &out);
  AppendUnit(interval.days, "day", &out);
  int64_t micros = interval.micros;
  AppendUnit(micros / kMicrosPerHour, "hour", &out);
  micros %= kMicrosPerHour;
  AppendUnit(micros / kMicrosPerMinute, "minute", &out);
  micros %= kMicrosPerMinute;
  if (micros % kMicrosPerSecond == 0) {
    AppendUnit(micros / kMicrosPerSecond, "second", &out);
  } else if (micros % 1000 == 0) {
    AppendUnit(micros / 1000, "millisecond", &out);
  } else {
    AppendUnit(micros, "microsecond", &out);
  }
  return out.empty() ? "0 seconds" : out;
}

std::string IntegerText(const DataType& type, int64_t value) {
  switch (type.kind) {
    case TypeKind::kDate:
      return absl::StrCat("DATE '", FormatDate(value), "'");
    case TypeKind::kTimestamp:
      return absl::StrCat("TIMESTAMP '", FormatTimestamp(value), "'");
    case TypeKind::kTimestamptz:
      return absl::StrCat("TIMESTAMPTZ '", FormatTimestamptz(value), "'");
    default:  // Everything else that holds an integer prints as one.
      return absl::StrCat(value);
  }
}

std::string StringText(const DataType& type, const std::string& value) {
  if (type.kind == TypeKind::kBytea)
    return absl::StrCat("'\\x", absl::BytesToHexString(value), "'");
  return Quoted(value);
}

struct Printer {
  const DataType& type;
  std::string operator()(std::monostate) const { return "NULL"; }
  std::string operator()(bool value) const { return value ? "TRUE" : "FALSE"; }
  std::string operator()(int64_t value) const { return IntegerText(type, value); }
  std::string operator()(double value) const {
    if (type.kind == TypeKind::kReal) return ShortestFloat(static_cast<float>(value), 9);
    return ShortestFloat(value, 17);
  }
  std::string operator()(absl::int128 value) const { return NumericText(value, type.scale); }
  std::string operator()(const std::string& value) const { return StringText(type, value); }
  std::string operator()(const Interval& value) const {
    return absl::StrCat("INTERVAL '", IntervalText(value), "'");
  }
};

}  // namespace

std::string ToString(const Value& value) { return std::visit(Printer{value.type}, value.data); }

}  // namespace weir
