#include "model/time_text.h"

#include <charconv>

namespace weir {
namespace {

constexpr int64_t kMaxYear = 5874897;
constexpr int64_t kMaxZoneSeconds = 15 * 3600 + 59 * 60 + 59;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// What was written, before it is judged.
struct Fields {
  CivilDate date;
  int hour = 0, minute = 0, second = 0;
  int64_t micros = 0;  // of the fraction, 1'000'000 when it rounds up
  int64_t zone_seconds = 0;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    while (!text_.empty() && IsSpace(text_.back())) text_.remove_suffix(1);
    SkipSpaces();
  }
  bool empty() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }

  bool SkipSpaces() {
    bool any = false;
    for (; IsSpace(peek()); any = true) text_.remove_prefix(1);
    return any;
  }

  bool Take(char c) {
    if (Lower(peek()) != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool TakeWord(std::string_view lower) {
    if (text_.size() < lower.size()) return false;
    for (size_t i = 0; i < lower.size(); ++i) {
      if (Lower(text_[i]) != lower[i]) return false;
    }
    text_.remove_prefix(lower.size());
    return true;
  }

  int DigitsAhead() const {
    size_t n = 0;
    while (n < text_.size() && IsDigit(text_[n])) ++n;
    return static_cast<int>(n);
  }

  // The next `count` characters, all digits, as a number.
  int64_t TakeDigits(int count) {
    int64_t value = 0;
    for (int i = 0; i < count; ++i) value = value * 10 + (text_[i] - '0');
    text_.remove_prefix(count);
    return value;
  }

  // A number of min..max digits, not followed by another digit.
  bool TakeNumber(int min, int max, int* value) {
    int digits = DigitsAhead();
    if (digits < min || digits > max) return false;
    *value = static_cast<int>(TakeDigits(digits));
    return true;
  }

  // Digits behind a decimal point, rounded half up to microseconds.
  int64_t TakeFraction() {
    int64_t value = 0;
    int64_t unit = 100'000;
    bool first_cut = true;
    for (; IsDigit(peek()); text_.remove_prefix(1)) {
      if (unit > 0) {
        value += unit * (peek() - '0');
        unit /= 10;
      } else if (first_cut) {
        value += peek() >= '5' ? 1 : 0;
        first_cut = false;
      }
    }
    return value;
  }

 private:
  std::string_view text_;
};

bool ScanDate(Scanner& in, CivilDate* date) {
  int digits = in.DigitsAhead();
  if (digits == 8) {
    date->year = in.TakeDigits(4);
    date->month = static_cast<int>(in.TakeDigits(2));
    date->day = static_cast<int>(in.TakeDigits(2));
    return true;
  }
  if (digits < 4 || digits > 7) return false;
  date->year = in.TakeDigits(digits);
  return in.Take('-') && in.TakeNumber(1, 2, &date->month) && in.Take('-') &&
         in.TakeNumber(1, 2, &date->day);
}

bool ScanTime(Scanner& in, Fields* out) {
  int digits = in.DigitsAhead();
  if (digits == 4 || digits == 6) {
    out->hour = static_cast<int>(in.TakeDigits(2));
    out->minute = static_cast<int>(in.TakeDigits(2));
    if (digits == 6) out->second = static_cast<int>(in.TakeDigits(2));
    if (digits == 6 && in.Take('.')) out->micros = in.TakeFraction();
    return true;
  }
  if (!in.TakeNumber(1, 2, &out->hour) || !in.Take(':') || !in.TakeNumber(2, 2, &out->minute)) {
    return false;
  }
  if (!in.Take(':')) return true;
  if (!in.TakeNumber(2, 2, &out->second)) return false;
  if (in.Take('.')) out->micros = in.TakeFraction();
  return true;
}

TimeParse ScanZone(Scanner& in, int64_t* seconds) {
  if (in.TakeWord("utc") || in.TakeWord("gmt") || in.Take('z')) return TimeParse::kOk;
  bool negative = in.peek() == '-';
  if (!in.Take('-') && !in.Take('+')) return TimeParse::kOk;
  int hour = 0, minute = 0, second = 0;
  if (in.DigitsAhead() == 4) {
    hour = static_cast<int>(in.TakeDigits(2));
    minute = static_cast<int>(in.TakeDigits(2));
  } else {
    if (!in.TakeNumber(1, 2, &hour)) return TimeParse::kSyntax;
    if (in.Take(':') && !in.TakeNumber(2, 2, &minute)) return TimeParse::kSyntax;
    if (in.Take(':') && !in.TakeNumber(2, 2, &second)) return TimeParse::kSyntax;
  }
  *seconds = hour * 3600 + minute * 60 + second;
  if (minute > 59 || second > 59 || *seconds > kMaxZoneSeconds) return TimeParse::kRange;
  if (negative) *seconds = -*seconds;
  return TimeParse::kOk;
}

// The calendar's and the clock's limits; 24:00:00 and a 60th second are allowed, as in PostgreSQL.
bool InCalendar(const Fields& f) {
  if (f.date.month < 1 || f.date.month > 12 || f.date.day < 1) return false;
  if (f.date.year > kMaxYear || f.date.day > DaysInMonth(f.date.year, f.date.month)) return false;
  if (f.hour > 24 || f.minute > 59 || f.second > 60) return false;
  return f.hour < 24 || (f.minute == 0 && f.second == 0 && f.micros == 0);
}

TimeParse Scan(std::string_view text, Fields* out) {
  Scanner in(text);
  if (in.TakeWord("epoch")) return in.empty() ? TimeParse::kOk : TimeParse::kSyntax;
  if (!ScanDate(in, &out->date)) return TimeParse::kSyntax;
  bool spaces = in.SkipSpaces();
  if (in.Take('t') || (spaces && IsDigit(in.peek()))) {
    if (!ScanTime(in, out)) return TimeParse::kSyntax;
    in.SkipSpaces();
    TimeParse zone = ScanZone(in, &out->zone_seconds);
    if (zone != TimeParse::kOk) return zone;
    spaces = in.SkipSpaces();
  }
  if (in.TakeWord("bc")) {
    if (out->date.year == 0) return TimeParse::kRange;
    out->date.year = 1 - out->date.year;
  } else {
    in.TakeWord("ad");
    if (out->date.year == 0) return TimeParse::kRange;
  }
  if (!in.empty()) return TimeParse::kSyntax;
  return InCalendar(*out) ? TimeParse::kOk : TimeParse::kRange;
}

TimeParse ToMicros(const Fields& f, int64_t zone_seconds, int64_t* micros) {
  int64_t days = DaysFromCivil(f.date);
  int64_t of_day =
      (f.hour * 3600 + f.minute * 60 + f.second - zone_seconds) * kMicrosPerSecond + f.micros;
  int64_t start = 0;
  if (__builtin_mul_overflow(days, kMicrosPerDay, &start) ||
      __builtin_add_overflow(start, of_day, micros) || *micros < kMinTimestamp) {
    return TimeParse::kRange;
  }
  return TimeParse::kOk;
}

char* PutTwo(char* p, int value) {
  *p++ = static_cast<char>('0' + value / 10);
  *p++ = static_cast<char>('0' + value % 10);
  return p;
}

// At least four digits of the year; BC years count from 1.
char* PutDate(char* p, int64_t days) {
  CivilDate date = CivilFromDays(days);
  int64_t year = date.year > 0 ? date.year : 1 - date.year;
  for (int64_t limit = 1000; limit > year; limit /= 10) {
    if (limit > 1) *p++ = '0';
  }
  p = std::to_chars(p, p + 20, year).ptr;
  *p++ = '-';
  p = PutTwo(p, date.month);
  *p++ = '-';
  return PutTwo(p, date.day);
}

char* PutTime(char* p, int64_t micros_of_day) {
  int64_t seconds = micros_of_day / kMicrosPerSecond;
  int64_t fraction = micros_of_day % kMicrosPerSecond;
  p = PutTwo(p, static_cast<int>(seconds / 3600));
  *p++ = ':';
  p = PutTwo(p, static_cast<int>(seconds / 60 % 60));
  *p++ = ':';
  p = PutTwo(p, static_cast<int>(seconds % 60));
  if (fraction == 0) return p;
  *p++ = '.';
  for (int64_t unit = 100'000; fraction > 0; unit /= 10) {
    *p++ = static_cast<char>('0' + fraction / unit);
    fraction %= unit;
  }
  return p;
}

std::string FormatInstant(int64_t micros, std::string_view zone) {
  char buffer[64];
  int64_t days = FloorDays(micros);
  char* p = PutDate(buffer, days);
  *p++ = ' ';
  // Not micros - days * kMicrosPerDay: that product overflows on the first day of int64.
  p = PutTime(p, (micros % kMicrosPerDay + kMicrosPerDay) % kMicrosPerDay);
  for (char c : zone) *p++ = c;
  std::string out(buffer, p);
  if (CivilFromDays(days).year <= 0) out += " BC";
  return out;
}

}  // namespace

int64_t DaysFromCivil(const CivilDate& date) {
  int64_t y = date.month <= 2 ? date.year - 1 : date.year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

CivilDate CivilFromDays(int64_t days) {
  int64_t z = days + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  date.month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

int DaysInMonth(int64_t year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

TimeParse ParseTimestamptz(std::string_view text, int64_t* micros) {
  Fields fields;
  TimeParse parsed = Scan(text, &fields);
  return parsed == TimeParse::kOk ? ToMicros(fields, fields.zone_seconds, micros) : parsed;
}

TimeParse ParseTimestamp(std::string_view text, int64_t* micros) {
  Fields fields;
  TimeParse parsed = Scan(text, &fields);
  return parsed == TimeParse::kOk ? ToMicros(fields, 0, micros) : parsed;
}

TimeParse ParseDate(std::string_view text, int32_t* days) {
  Fields fields;
  TimeParse parsed = Scan(text, &fields);
  if (parsed != TimeParse::kOk) return parsed;
  int64_t since_epoch = DaysFromCivil(fields.date);
  if (since_epoch < kMinDate || since_epoch > kMaxDate) return TimeParse::kRange;
  *days = static_cast<int32_t>(since_epoch);
  return TimeParse::kOk;
}

std::string FormatDate(int64_t days) {
  char buffer[64];
  std::string out(buffer, PutDate(buffer, days));
  if (CivilFromDays(days).year <= 0) out += " BC";
  return out;
}

std::string FormatTimestamp(int64_t micros) { return FormatInstant(micros, ""); }
std::string FormatTimestamptz(int64_t micros) { return FormatInstant(micros, "+00"); }

}  // namespace weir
