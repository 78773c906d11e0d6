#include "model/interval.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

struct Unit {
  std::string_view name;  // singular; an "s" may follow names longer than two letters
  int64_t months;
  int64_t days;
  int64_t micros;
};
// As in PostgreSQL, "m" is a minute.
constexpr Unit kUnits[] = {
    {"microsecond", 0, 0, 1},
    {"us", 0, 0, 1},
    {"millisecond", 0, 0, 1'000},
    {"ms", 0, 0, 1'000},
    {"second", 0, 0, kSecond},
    {"sec", 0, 0, kSecond},
    {"s", 0, 0, kSecond},
    {"minute", 0, 0, kMinute},
    {"min", 0, 0, kMinute},
    {"m", 0, 0, kMinute},
    {"hour", 0, 0, kHour},
    {"hr", 0, 0, kHour},
    {"h", 0, 0, kHour},
    {"day", 0, 1, 0},
    {"d", 0, 1, 0},
    {"week", 0, 7, 0},
    {"w", 0, 7, 0},
    {"month", 1, 0, 0},
    {"mon", 1, 0, 0},
    {"year", 12, 0, 0},
    {"y", 12, 0, 0},
};

absl::Status Refused(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("invalid interval '", AbslView(text),
                   "'; write a number and a unit, as in '5 minutes', '1 day 02:30:00' or '500ms'"));
}

const Unit* FindUnit(std::string_view word) {
  for (const Unit& unit : kUnits) {
    if (word == unit.name) return &unit;
    const bool plural = word.size() == unit.name.size() + 1 && word.back() == 's';
    if (plural && unit.name.size() > 1 && word.substr(0, unit.name.size()) == unit.name) {
      return &unit;
    }
  }
  return nullptr;
}

// A decimal number as a whole part and a fraction in millionths.
struct Amount {
  bool negative = false;
  int64_t whole = 0;
  int64_t millionths = 0;
};

class IntervalReader {
 public:
  explicit IntervalReader(std::string_view text) : text_(text) {}

  // False when the text isn't an interval or doesn't fit.
  bool Read(std::string_view bare_unit) {
    bool any = false;
    for (SkipSpace(); at_ < text_.size(); SkipSpace()) {
      if (!ReadItem(bare_unit)) return false;
      any = true;
    }
    return any && Fits(months_, std::numeric_limits<int32_t>::max()) &&
           Fits(days_, std::numeric_limits<int32_t>::max()) &&
           Fits(micros_, std::numeric_limits<int64_t>::max());
  }
  Interval Result() const {
    return {static_cast<int32_t>(months_), static_cast<int32_t>(days_),
            static_cast<int64_t>(micros_)};
  }

 private:
  static bool Fits(absl::int128 value, int64_t max) { return value >= -max && value <= max; }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() {
    while (absl::ascii_isspace(static_cast<unsigned char>(Peek()))) ++at_;
  }

  std::optional<int64_t> ReadDigits() {
    const size_t begin = at_;
    while (absl::ascii_isdigit(static_cast<unsigned char>(Peek()))) ++at_;
    int64_t value = 0;
    if (!absl::SimpleAtoi(AbslView(text_.substr(begin, at_ - begin)), &value)) return std::nullopt;
    return value;
  }

  // Digits behind the point, at most six of them.
  bool ReadFraction(Amount* amount) {
    if (Peek() != '.') return true;
    ++at_;
    const size_t begin = at_;
    int64_t scale = 100'000;
    while (absl::ascii_isdigit(static_cast<unsigned char>(Peek()))) {
      if (scale == 0) return false;
      amount->millionths += (Peek() - '0') * scale;
      scale /= 10;
      ++at_;
    }
    return at_ > begin;
  }

  bool ReadItem(std::string_view bare_unit) {
    Amount amount;
    if (Peek() == '-' || Peek() == '+') {
      amount.negative = Peek() == '-';
      ++at_;
    }
    const std::optional<int64_t> whole = ReadDigits();
    if (!whole.has_value()) return false;
    amount.whole = *whole;
    if (Peek() == ':') return ReadClock(amount);
    if (!ReadFraction(&amount)) return false;
    SkipSpace();
    const size_t begin = at_;
    while (absl::ascii_isalpha(static_cast<unsigned char>(Peek()))) ++at_;
    std::string word = absl::AsciiStrToLower(AbslView(text_.substr(begin, at_ - begin)));
    const Unit* unit = FindUnit(word.empty() ? bare_unit : std::string_view(word));
    return unit != nullptr && Add(amount, *unit);
  }

  // hours:minutes[:seconds[.fraction]]
  bool ReadClock(const Amount& hours) {
    Amount seconds{hours.negative, 0, 0};
    ++at_;
    const std::optional<int64_t> minutes = ReadDigits();
    if (!minutes.has_value() || *minutes > 59) return false;
    if (Peek() == ':') {
      ++at_;
      const std::optional<int64_t> whole = ReadDigits();
      if (!whole.has_value() || *whole > 59 || !ReadFraction(&seconds)) return false;
      seconds.whole = *whole;
    }
    return Add(hours, {"hour", 0, 0, kHour}) &&
           Add({hours.negative, *minutes, 0}, {"minute", 0, 0, kMinute}) &&
           Add(seconds, {"second", 0, 0, kSecond});
  }

  // A fraction of a day, month or year would have to be guessed: refused, unlike PostgreSQL.
  bool Add(const Amount& amount, const Unit& unit) {
    if (amount.millionths != 0 && unit.micros == 0) return false;
    if (amount.millionths * unit.micros % 1'000'000 != 0) return false;
    const int sign = amount.negative ? -1 : 1;
    months_ += absl::int128(sign) * amount.whole * unit.months;
    days_ += absl::int128(sign) * amount.whole * unit.days;
    micros_ += absl::int128(sign) * amount.whole * unit.micros;
    micros_ += sign * (amount.millionths * unit.micros / 1'000'000);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  absl::int128 months_ = 0;
  absl::int128 days_ = 0;
  absl::int128 micros_ = 0;
};

}  // namespace

absl::StatusOr<Interval> ParseInterval(std::string_view text, std::string_view bare_unit) {
  IntervalReader reader(text);
  if (!reader.Read(bare_unit)) return Refused(text);
  return reader.Result();
}

absl::StatusOr<int64_t> FixedMicros(const Interval& interval) {
  if (interval.months != 0) {
    return absl::InvalidArgumentError(
        "months and years have no fixed length; write days, as in '30 days'");
  }
  const absl::int128 micros = absl::int128(interval.days) * kDay + interval.micros;
  if (micros < 0) return absl::InvalidArgumentError("a duration can't be negative");
  if (micros > std::numeric_limits<int64_t>::max()) {
    return absl::InvalidArgumentError("the duration is too long");
  }
  return static_cast<int64_t>(micros);
}

std::string DurationText(int64_t micros) {
  if (micros == 0) return "0 seconds";
  constexpr std::pair<int64_t, const char*> kParts[] = {{kDay, "day"},         {kHour, "hour"},
                                                        {kMinute, "minute"},   {kSecond, "second"},
                                                        {1000, "millisecond"}, {1, "microsecond"}};
  std::string text;
  for (const auto& [length, name] : kParts) {
    const int64_t amount = micros / length;
    micros %= length;
    if (amount == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", amount, " ", name, amount == 1 ? "" : "s");
  }
  return text;
}

}  // namespace weir
