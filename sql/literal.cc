#include "sql/literal.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/interval.h"
#include "model/time_text.h"

namespace weir {
namespace {

constexpr int kDigitsMax = 38;

absl::Status InvalidInput(const DataType& type, std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("invalid input syntax for type ", ToString(type), ": \"", AbslView(text), "\""));
}

absl::Status OutOfRange(const DataType& type, std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("value \"", AbslView(text), "\" is out of range for type ", ToString(type)));
}

std::string Trimmed(std::string_view text) {
  return std::string(absl::StripAsciiWhitespace(AbslView(text)));
}

absl::int128 PowerOfTen(int exponent) {
  absl::int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// A decimal number without leading and trailing zeros lost: digits and where the point stands.
struct Decimal {
  bool negative = false;
  std::string digits;  // without leading zeros
  int scale = 0;       // digits behind the point; negative for 1e3
};

std::optional<Decimal> ReadDecimal(std::string_view text) {
  Decimal decimal;
  size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+'))
    decimal.negative = text[at++] == '-';
  bool point = false;
  bool any = false;
  for (; at < text.size() && (absl::ascii_isdigit(text[at]) || text[at] == '.'); ++at) {
    if (text[at] == '.') {
      if (point) return std::nullopt;
      point = true;
      continue;
    }
    any = true;
    if (point) ++decimal.scale;
    if (!decimal.digits.empty() || text[at] != '0') decimal.digits += text[at];
  }
  if (!any) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    int exponent = 0;
    if (!absl::SimpleAtoi(AbslView(text.substr(at + 1)), &exponent)) return std::nullopt;
    if (exponent > 1000 || exponent < -1000) return std::nullopt;
    decimal.scale -= exponent;
    at = text.size();
  }
  return at == text.size() ? std::optional<Decimal>(decimal) : std::nullopt;
}

absl::int128 Unscaled(const std::string& digits, bool negative) {
  absl::int128 value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  return negative ? -value : value;
}

// Rounds half away from zero to `scale` digits behind the point; absent when it has too many.
std::optional<absl::int128> AtScale(const Decimal& decimal, int scale) {
  std::string digits = decimal.digits;
  int have = decimal.scale;
  bool round_up = false;
  if (have > scale) {
    const int drop = have - scale;
    if (drop > static_cast<int>(digits.size())) return absl::int128(0);
    round_up = digits[digits.size() - drop] >= '5';
    digits.resize(digits.size() - drop);
    have = scale;
  }
  if (!digits.empty() && static_cast<int>(digits.size()) + scale - have > kDigitsMax) {
    return std::nullopt;
  }
  if (!digits.empty()) digits.append(scale - have, '0');
  absl::int128 value = Unscaled(digits, false);
  if (round_up) value += 1;
  return decimal.negative ? -value : value;
}

absl::StatusOr<Value> NumericText(std::string_view text, const DataType& type) {
  const std::optional<Decimal> decimal = ReadDecimal(text);
  if (!decimal.has_value()) return InvalidInput(type, text);
  const std::optional<absl::int128> unscaled = AtScale(*decimal, type.scale);
  const absl::int128 limit = PowerOfTen(type.precision);
  if (!unscaled.has_value() || *unscaled >= limit || *unscaled <= -limit) {
    return OutOfRange(type, text);
  }
  return Value{type, *unscaled};
}

absl::StatusOr<Value> IntegerText(std::string_view text, const DataType& type) {
  const std::optional<Decimal> decimal = ReadDecimal(text);
  const bool whole = decimal.has_value() && text.find_first_of(".eE") == std::string_view::npos;
  if (!whole) return InvalidInput(type, text);
  int64_t value = 0;
  const int64_t limit = type.kind == TypeKind::kSmallint  ? std::numeric_limits<int16_t>::max()
                        : type.kind == TypeKind::kInteger ? std::numeric_limits<int32_t>::max()
                                                          : std::numeric_limits<int64_t>::max();
  if (!absl::SimpleAtoi(AbslView(text), &value) || value > limit || value < -limit - 1) {
    return OutOfRange(type, text);
  }
  return Value{type, value};
}

absl::StatusOr<Value> FloatText(std::string_view text, const DataType& type) {
  double value = 0;
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  const bool hexadecimal = lower.find('x') != std::string::npos;
  if (hexadecimal || !absl::SimpleAtod(lower, &value)) return InvalidInput(type, text);
  const bool named = lower.find_first_of("in") != std::string::npos;  // infinity, nan
  if (type.kind == TypeKind::kReal) value = static_cast<float>(value);
  if (std::isinf(value) && !named) return OutOfRange(type, text);
  return Value{type, value};
}

absl::StatusOr<Value> BooleanText(std::string_view text, const DataType& type) {
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  const auto is_prefix = [&](const char* word, size_t least) {
    return lower.size() >= least && absl::StartsWith(word, lower);
  };
  if (lower == "1" || is_prefix("true", 1) || is_prefix("yes", 1) || lower == "on") {
    return Value{type, true};
  }
  if (lower == "0" || is_prefix("false", 1) || is_prefix("no", 1) || is_prefix("off", 2)) {
    return Value{type, false};
  }
  return InvalidInput(type, text);
}

absl::StatusOr<Value> TimeText(std::string_view text, const DataType& type) {
  int64_t value = 0;
  TimeParse parsed = TimeParse::kSyntax;
  if (type.kind == TypeKind::kDate) {
    int32_t days = 0;
    parsed = ParseDate(text, &days);
    value = days;
  } else if (type.kind == TypeKind::kTimestamp) {
    parsed = ParseTimestamp(text, &value);
  } else {
    parsed = ParseTimestamptz(text, &value);
  }
  switch (parsed) {
    case TimeParse::kOk:
      return Value{type, value};
    case TimeParse::kSyntax:
      return absl::InvalidArgumentError(
          absl::StrCat("invalid input syntax for type ", ToString(type), ": \"", AbslView(text),
                       "\"; write it as in '2024-02-29",
                       type.kind == TypeKind::kDate        ? ""
                       : type.kind == TypeKind::kTimestamp ? " 07:08:09"
                                                           : "T07:08:09Z",
                       "'"));
    case TimeParse::kRange:
      return OutOfRange(type, text);
  }
  return InvalidInput(type, text);
}

// PostgreSQL's two forms: \x and hex digits; or text where a backslash begins \\ or \ooo.
absl::StatusOr<Value> BytesText(std::string_view text, const DataType& type) {
  const absl::Status invalid = absl::InvalidArgumentError(absl::StrCat(
      "invalid input syntax for type bytea: \"", AbslView(text), "\"; write hex, as in '\\x1f2e'"));
  if (text.substr(0, 2) == "\\x") {
    const std::string digits(text.substr(2));
    const bool hexadecimal = std::all_of(digits.begin(), digits.end(),
                                         [](unsigned char c) { return absl::ascii_isxdigit(c); });
    if (!hexadecimal || digits.size() % 2 != 0) return invalid;
    return Value{type, absl::HexStringToBytes(digits)};
  }
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    const auto octal = [&](size_t k, char max) {
      return i + k < text.size() && text[i + k] >= '0' && text[i + k] <= max;
    };
    if (i + 1 < text.size() && text[i + 1] == '\\') {
      bytes += '\\';
      i += 1;
    } else if (octal(1, '3') && octal(2, '7') && octal(3, '7')) {
      bytes += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      return invalid;
    }
  }
  return Value{type, bytes};
}

absl::StatusOr<Value> UuidText(std::string_view text, const DataType& type) {
  std::string lower = absl::AsciiStrToLower(AbslView(text));
  bool valid = lower.size() == 36;
  for (size_t i = 0; valid && i < lower.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    valid = dash ? lower[i] == '-' : absl::ascii_isxdigit(static_cast<unsigned char>(lower[i]));
  }
  if (!valid) return InvalidInput(type, text);
  return Value{type, lower};
}

}  // namespace

absl::StatusOr<Value> TextAs(std::string_view text, const DataType& type) {
  const std::string trimmed = Trimmed(text);
  switch (type.kind) {
    case TypeKind::kText:
    case TypeKind::kJsonb:
      return Value{type, std::string(text)};
    case TypeKind::kBoolean:
      return BooleanText(trimmed, type);
    case TypeKind::kSmallint:
    case TypeKind::kInteger:
    case TypeKind::kBigint:
      return IntegerText(trimmed, type);
    case TypeKind::kReal:
    case TypeKind::kDouble:
      return FloatText(trimmed, type);
    case TypeKind::kNumeric:
      return NumericText(trimmed, type);
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return TimeText(text, type);
    case TypeKind::kBytea:
      return BytesText(text, type);
    case TypeKind::kUuid:
      return UuidText(trimmed, type);
    case TypeKind::kInterval: {
      WEIR_ASSIGN_OR_RETURN(const Interval interval, ParseInterval(trimmed, "second"));
      return Value{type, interval};
    }
    case TypeKind::kNull:
      break;
  }
  return InvalidInput(type, text);
}

absl::StatusOr<Value> NumberLiteral(std::string_view text) {
  if (text.find_first_of(".eE") == std::string_view::npos) {
    int64_t value = 0;
    if (absl::SimpleAtoi(AbslView(text), &value)) {
      const bool small = value == static_cast<int32_t>(value);
      return Value{DataType::Of(small ? TypeKind::kInteger : TypeKind::kBigint), value};
    }
  }
  const std::optional<Decimal> decimal = ReadDecimal(text);
  if (!decimal.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("invalid number ", AbslView(text)));
  }
  const int scale = std::max(0, decimal->scale);
  const int whole = std::max<int>(0, static_cast<int>(decimal->digits.size()) - decimal->scale);
  if (scale > kDigitsMax || whole + scale > kDigitsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number ", AbslView(text), " has more than ", kDigitsMax, " digits"));
  }
  const DataType type = DataType::Numeric(std::max(1, whole + scale), scale);
  return Value{type, AtScale(*decimal, scale).value_or(0)};
}

DataType NumericOfInteger(TypeKind kind) {
  return DataType::Numeric(kind == TypeKind::kSmallint  ? 5
                           : kind == TypeKind::kInteger ? 10
                                                        : 19,
                           0);
}

std::optional<Value> FoldNumberCast(const Value& value, const DataType& type) {
  const bool from_integer = std::holds_alternative<int64_t>(value.data);
  const bool from_numeric = std::holds_alternative<absl::int128>(value.data);
  if (!from_integer && !from_numeric) return std::nullopt;
  switch (type.kind) {
    case TypeKind::kSmallint:
    case TypeKind::kInteger:
    case TypeKind::kBigint:
    case TypeKind::kReal:
    case TypeKind::kDouble:
    case TypeKind::kNumeric:
      break;
    default:
      return std::nullopt;
  }
  if (value.type.kind == TypeKind::kDate || value.type.kind == TypeKind::kTimestamp ||
      value.type.kind == TypeKind::kTimestamptz) {
    return std::nullopt;
  }
  absl::StatusOr<Value> folded = TextAs(ToString(value), type);
  // 1.5 as an integer rounds: left to the row, whose cast decides how.
  return folded.ok() ? std::optional<Value>(*std::move(folded)) : std::nullopt;
}

}  // namespace weir
