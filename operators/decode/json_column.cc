#include "operators/decode/json_column.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "model/time_text.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_string.h"

namespace weir {
namespace {

constexpr size_t kExcerptBytes = 40;

// Two digits, or a large number when they aren't.
int TwoDigits(const char* p) {
  const unsigned tens = static_cast<unsigned char>(p[0] - '0');
  const unsigned ones = static_cast<unsigned char>(p[1] - '0');
  return tens > 9 || ones > 9 ? 1000 : static_cast<int>(tens * 10 + ones);
}

// Microseconds of "hh:mm:ss[.f{1,6}][Z]" within a day; negative when it is anything else, which may
// still be a time.
int64_t PlainTimeOfDay(const char* p, const char* end) {
  const int hour = TwoDigits(p);
  const int minute = TwoDigits(p + 3);
  const int second = TwoDigits(p + 6);
  if (hour > 23 || minute > 59 || second > 59 || p[2] != ':' || p[5] != ':') return -1;
  int64_t micros = ((hour * 60 + minute) * 60 + second) * kMicrosPerSecond;
  p += 8;
  if (p < end && *p == '.') {
    int64_t unit = 100'000;
    const char* fraction = ++p;
    for (; p < end && static_cast<unsigned char>(*p - '0') <= 9; ++p) {
      if (unit == 0) return -1;  // Needs rounding.
      micros += (*p - '0') * unit;
      unit /= 10;
    }
    if (p == fraction) return -1;
  }
  if (p < end && *p == 'Z') ++p;
  return p == end ? micros : -1;
}

}  // namespace

std::string Excerpt(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kExcerptBytes)) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  }
  if (text.size() > kExcerptBytes) {
    // Not in the middle of a character.
    size_t end = kExcerptBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
    out += "...";
  }
  return out;
}

JsonColumn::JsonColumn(const Column& column, TimestampUnit unit)
    : column_(column), unit_(unit), writer_(column.type) {}

void JsonColumn::SetBoolean(bool value, std::string_view text) {
  state_ = State::kValue;
  switch (column_.type.kind) {
    case TypeKind::kBoolean:
      return writer_.SetFixed<uint8_t>(value);
    case TypeKind::kJsonb:
      return writer_.SetText(text);
    default:
      return WrongType(text);
  }
}

void JsonColumn::SetNumber(const JsonNumber& number) {
  state_ = State::kValue;
  switch (column_.type.kind) {
    case TypeKind::kDouble: {
      double value = 0;
      if (!ToDouble(number, &value)) return OutOfRange(number.text);
      return writer_.SetFixed(value);
    }
    case TypeKind::kBigint:
      return SetInteger(number, INT64_MIN, INT64_MAX);
    case TypeKind::kInteger:
      return SetInteger(number, INT32_MIN, INT32_MAX);
    case TypeKind::kSmallint:
      return SetInteger(number, INT16_MIN, INT16_MAX);
    case TypeKind::kReal: {
      float value = 0;
      if (!ToFloat(number, &value)) return OutOfRange(number.text);
      return writer_.SetFixed(value);
    }
    case TypeKind::kNumeric: {
      absl::int128 value = 0;
      if (!ToDecimal(number, column_.type.precision, column_.type.scale, &value)) {
        return OutOfRange(number.text);
      }
      return writer_.SetDecimal(value);
    }
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return SetIntegerTime(number);
    case TypeKind::kJsonb:
      return writer_.SetText(number.text);
    default:
      return WrongType(number.text);
  }
}

void JsonColumn::SetInteger(const JsonNumber& number, int64_t min, int64_t max) {
  int64_t value = 0;
  switch (ToInt64(number, &value)) {
    case NumberFit::kOk:
      break;
    case NumberFit::kFraction:
      return WrongType(number.text);
    case NumberFit::kRange:
      return OutOfRange(number.text);
  }
  if (value < min || value > max) return OutOfRange(number.text);
  switch (column_.type.kind) {
    case TypeKind::kSmallint:
      return writer_.SetFixed(static_cast<int16_t>(value));
    case TypeKind::kInteger:
      return writer_.SetFixed(static_cast<int32_t>(value));
    default:
      return writer_.SetFixed(value);
  }
}

void JsonColumn::SetIntegerTime(const JsonNumber& number) {
  int64_t value = 0;
  if (unit_ == TimestampUnit::kNone) return WrongType(number.text);
  switch (ToInt64(number, &value)) {
    case NumberFit::kOk:
      break;
    case NumberFit::kFraction:
      return WrongType(number.text);
    case NumberFit::kRange:
      return OutOfRange(number.text);
  }
  const int64_t factor = unit_ == TimestampUnit::kSeconds  ? kMicrosPerSecond
                         : unit_ == TimestampUnit::kMillis ? 1000
                                                           : 1;
  if (__builtin_mul_overflow(value, factor, &value) || value < kMinTimestamp) {
    return OutOfRange(number.text);
  }
  writer_.SetFixed(value);
}

void JsonColumn::SetString(std::string_view token, bool escapes) {
  state_ = State::kValue;
  std::string_view raw = token.substr(1, token.size() - 2);
  const TypeKind kind = column_.type.kind;
  if (kind == TypeKind::kText) return SetText(raw, escapes, token);
  if (kind == TypeKind::kJsonb) return writer_.SetText(token);
  if (escapes && raw.find('\\') != std::string_view::npos) {
    unescaped_.resize(raw.size());
    char* end = UnescapeJson(raw, unescaped_.data());
    raw = std::string_view(unescaped_.data(), static_cast<size_t>(end - unescaped_.data()));
  }
  switch (kind) {
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return SetTime(raw, token);
    case TypeKind::kDate:
      return SetDate(raw, token);
    case TypeKind::kUuid: {
      char* out = writer_.TextRoom(36);
      if (!CanonicalUuid(raw, out)) return WrongType(token);
      return writer_.SetEnd(out + 36);
    }
    case TypeKind::kBytea: {
      char* end = DecodeBase64(raw, writer_.TextRoom(static_cast<int64_t>(raw.size())));
      if (end == nullptr) return WrongType(token);
      return writer_.SetEnd(end);
    }
    default:
      return WrongType(token);
  }
}

void JsonColumn::SetText(std::string_view raw, bool escapes, std::string_view token) {
  if (!escapes || raw.find('\\') == std::string_view::npos) return writer_.SetTextPadded(raw);
  char* out = writer_.TextRoom(static_cast<int64_t>(raw.size()));
  char* end = UnescapeJson(raw, out);
  // PostgreSQL's text can't hold it, nor can what reads C strings behind us.
  if (std::find(out, end, '\0') != end) return OutOfRange(token);
  writer_.SetEnd(end);
}

void JsonColumn::SetTime(std::string_view text, std::string_view token) {
  constexpr size_t kDateSize = sizeof(last_date_);
  if (text.size() >= 19 && (text[10] == 'T' || text[10] == ' ') &&
      std::memcmp(text.data(), last_date_, kDateSize) == 0) {
    const int64_t micros = PlainTimeOfDay(text.data() + 11, text.data() + text.size());
    if (micros >= 0) return writer_.SetFixed(last_date_us_ + micros);
  }
  int64_t micros = 0;
  const bool zoned = column_.type.kind == TypeKind::kTimestamptz;
  switch (zoned ? ParseTimestamptz(text, &micros) : ParseTimestamp(text, &micros)) {
    case TimeParse::kOk:
      break;
    case TimeParse::kSyntax:
      return WrongType(token);
    case TimeParse::kRange:
      return OutOfRange(token);
  }
  writer_.SetFixed(micros);
  int32_t days = 0;
  if (text.size() >= 19 && text[4] == '-' && text[7] == '-' &&
      ParseDate(text.substr(0, kDateSize), &days) == TimeParse::kOk) {
    std::memcpy(last_date_, text.data(), kDateSize);
    last_date_us_ = days * kMicrosPerDay;
  }
}

void JsonColumn::SetDate(std::string_view text, std::string_view token) {
  // A time would be dropped silently.
  if (text.find_first_not_of("0123456789-") != std::string_view::npos) return WrongType(token);
  int32_t days = 0;
  switch (ParseDate(text, &days)) {
    case TimeParse::kOk:
      return writer_.SetFixed(days);
    case TimeParse::kSyntax:
      return WrongType(token);
    case TimeParse::kRange:
      return OutOfRange(token);
  }
}

void JsonColumn::SetContainer(std::string_view text) {
  state_ = State::kValue;
  if (column_.type.kind != TypeKind::kJsonb) return WrongType(text);
  writer_.SetText(text);
}

void JsonColumn::WrongType(std::string_view found) { Bad(kBadType, found); }
void JsonColumn::OutOfRange(std::string_view found) { Bad(kBadRange, found); }

void JsonColumn::Bad(const char* reason, std::string_view found) {
  state_ = State::kBad;
  reason_ = reason;
  message_ = absl::StrCat("column \"", column_.name, "\" ", ToString(column_.type), ": found ",
                          Excerpt(found), ", accepted: ", Accepted());
}

std::string JsonColumn::Accepted() const {
  switch (column_.type.kind) {
    case TypeKind::kBoolean:
      return "true or false";
    case TypeKind::kSmallint:
      return "a whole number from -32768 to 32767";
    case TypeKind::kInteger:
      return "a whole number from -2147483648 to 2147483647";
    case TypeKind::kBigint:
      return "a whole number from -9223372036854775808 to 9223372036854775807";
    case TypeKind::kReal:
    case TypeKind::kDouble:
      return "a number within the type's range";
    case TypeKind::kNumeric:
      return absl::StrCat("a number with at most ", column_.type.precision - column_.type.scale,
                          " digits before the point");
    case TypeKind::kText:
      return "a string, without \\u0000";
    case TypeKind::kBytea:
      return "a string in base64, with padding";
    case TypeKind::kDate:
      return "a string like \"2024-02-29\"";
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz: {
      const char* text = "a string like \"2024-02-29T07:08:09.5Z\"";
      if (unit_ != TimestampUnit::kNone) {
        return absl::StrCat(text, " or a whole number of ",
                            unit_ == TimestampUnit::kSeconds  ? "seconds"
                            : unit_ == TimestampUnit::kMillis ? "milliseconds"
                                                              : "microseconds");
      }
      return absl::StrCat(text, " (whole numbers with the option timestamp_unit)");
    }
    case TypeKind::kUuid:
      return "a string like \"123e4567-e89b-12d3-a456-426614174000\"";
    case TypeKind::kJsonb:
      return "any JSON value";
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  return "no value";
}

}  // namespace weir
