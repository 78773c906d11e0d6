#include "operators/expr/date_fields.h"

#include "absl/container/flat_hash_map.h"
#include "model/time_text.h"

namespace weir::expr {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kJulianOfEpoch = 2440588;

std::string Lowered(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

const absl::flat_hash_map<std::string, DateField>& Names() {
  using enum DateField;
  static const auto* const names = new absl::flat_hash_map<std::string, DateField>{
      {"microseconds", kMicroseconds},
      {"microsecond", kMicroseconds},
      {"us", kMicroseconds},
      {"usec", kMicroseconds},
      {"usecs", kMicroseconds},
      {"useconds", kMicroseconds},
      {"milliseconds", kMilliseconds},
      {"millisecond", kMilliseconds},
      {"ms", kMilliseconds},
      {"msec", kMilliseconds},
      {"msecs", kMilliseconds},
      {"mseconds", kMilliseconds},
      {"second", kSecond},
      {"seconds", kSecond},
      {"s", kSecond},
      {"sec", kSecond},
      {"secs", kSecond},
      {"minute", kMinute},
      {"minutes", kMinute},
      {"m", kMinute},
      {"min", kMinute},
      {"mins", kMinute},
      {"hour", kHour},
      {"hours", kHour},
      {"h", kHour},
      {"hr", kHour},
      {"hrs", kHour},
      {"day", kDay},
      {"days", kDay},
      {"d", kDay},
      {"week", kWeek},
      {"weeks", kWeek},
      {"w", kWeek},
      {"month", kMonth},
      {"months", kMonth},
      {"mon", kMonth},
      {"mons", kMonth},
      {"quarter", kQuarter},
      {"qtr", kQuarter},
      {"year", kYear},
      {"years", kYear},
      {"y", kYear},
      {"yr", kYear},
      {"yrs", kYear},
      {"decade", kDecade},
      {"decades", kDecade},
      {"dec", kDecade},
      {"decs", kDecade},
      {"century", kCentury},
      {"centuries", kCentury},
      {"c", kCentury},
      {"cent", kCentury},
      {"millennium", kMillennium},
      {"millennia", kMillennium},
      {"mil", kMillennium},
      {"mils", kMillennium},
      {"julian", kJulian},
      {"jd", kJulian},
      {"j", kJulian},
      {"isoyear", kIsoYear},
      {"epoch", kEpoch},
      {"dow", kDow},
      {"isodow", kIsoDow},
      {"doy", kDoy},
      {"timezone", kTimezone},
      {"timezone_hour", kTimezoneHour},
      {"timezone_minute", kTimezoneMinute},
  };
  return *names;
}

// Monday is 1, Sunday 7.
int IsoDayOfWeek(int64_t days) {
  return static_cast<int>(((days + 3) % 7 + 7) % 7) + 1;  // 1970-01-01 was a Thursday
}

int DayOfYear(const CivilDate& date) {
  return static_cast<int>(DaysFromCivil(date) - DaysFromCivil({date.year, 1, 1})) + 1;
}

// An ISO week belongs to the year of its Thursday.
CivilDate Thursday(int64_t days) { return CivilFromDays(days - IsoDayOfWeek(days) + 4); }

// Years of BC are negative and there is no year 0.
int64_t Displayed(int64_t year) { return year > 0 ? year : year - 1; }

// PostgreSQL's numbering of spans of years: centuries and millennia start at years 1, decades at
// years divisible by ten.
int64_t Decade(int64_t year) { return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10); }
int64_t Century(int64_t year) { return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100); }
int64_t Millennium(int64_t year) {
  return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000);
}

// The first year of the span that `year` lies in.
int64_t SpanStart(DateField field, int64_t year) {
  if (field == DateField::kDecade) return Decade(year) * 10;
  const int64_t length = field == DateField::kCentury ? 100 : 1000;
  const int64_t number = field == DateField::kCentury ? Century(year) : Millennium(year);
  return year > 0 ? number * length - length + 1 : number * length + 1;
}

int64_t MicrosOfDay(int64_t micros) {
  return (micros % kMicrosPerDay + kMicrosPerDay) % kMicrosPerDay;
}

int64_t FloorTo(int64_t micros, int64_t unit) {
  // Not by a product of days, which overflows on the first day of int64.
  return micros - (micros % unit + unit) % unit;
}

// Fields of the calendar, in whole numbers.
bool CalendarField(DateField field, int64_t days, int64_t* out) {
  const CivilDate date = CivilFromDays(days);
  switch (field) {
    case DateField::kDay:
      *out = date.day;
      return true;
    case DateField::kWeek:
      *out = (DayOfYear(Thursday(days)) - 1) / 7 + 1;
      return true;
    case DateField::kMonth:
      *out = date.month;
      return true;
    case DateField::kQuarter:
      *out = (date.month - 1) / 3 + 1;
      return true;
    case DateField::kYear:
      *out = Displayed(date.year);
      return true;
    case DateField::kDecade:
      *out = Decade(date.year);
      return true;
    case DateField::kCentury:
      *out = Century(date.year);
      return true;
    case DateField::kMillennium:
      *out = Millennium(date.year);
      return true;
    case DateField::kIsoYear:
      *out = Displayed(Thursday(days).year);
      return true;
    case DateField::kDow:
      *out = IsoDayOfWeek(days) % 7;
      return true;
    case DateField::kIsoDow:
      *out = IsoDayOfWeek(days);
      return true;
    case DateField::kDoy:
      *out = DayOfYear(date);
      return true;
    case DateField::kJulian:
      *out = days + kJulianOfEpoch;
      return true;
    default:  // The fields of a clock.
      return false;
  }
}

}  // namespace

DateField FindDateField(std::string_view name) {
  auto found = Names().find(Lowered(name));
  return found == Names().end() ? DateField::kUnknown : found->second;
}

bool TruncateTime(DateField field, int64_t micros, int64_t* out) {
  const int64_t days = FloorDays(micros);
  CivilDate date = CivilFromDays(days);
  switch (field) {
    case DateField::kMicroseconds:
      *out = micros;
      return true;
    case DateField::kMilliseconds:
      *out = FloorTo(micros, 1000);
      return true;
    case DateField::kSecond:
      *out = FloorTo(micros, kMillion);
      return true;
    case DateField::kMinute:
      *out = FloorTo(micros, 60 * kMillion);
      return true;
    case DateField::kHour:
      *out = FloorTo(micros, 3600 * kMillion);
      return true;
    case DateField::kDay:
      *out = FloorTo(micros, kMicrosPerDay);
      return true;
    case DateField::kWeek:
      *out = FloorTo(micros, kMicrosPerDay) - (IsoDayOfWeek(days) - 1) * kMicrosPerDay;
      return true;
    case DateField::kMonth:
      break;
    case DateField::kQuarter:
      date.month = (date.month - 1) / 3 * 3 + 1;
      break;
    case DateField::kYear:
      date.month = 1;
      break;
    case DateField::kDecade:
    case DateField::kCentury:
    case DateField::kMillennium:
      date.year = SpanStart(field, date.year);
      date.month = 1;
      break;
    default:  // extract has fields that aren't lengths of time.
      return false;
  }
  date.day = 1;
  return !__builtin_mul_overflow(DaysFromCivil(date), kMicrosPerDay, out);
}

bool ExtractField(DateField field, int64_t micros, Int128* millionths) {
  const int64_t of_day = MicrosOfDay(micros);
  switch (field) {
    case DateField::kMicroseconds:
      *millionths = Int128{of_day % (60 * kMillion)} * kMillion;
      return true;
    case DateField::kMilliseconds:
      *millionths = Int128{of_day % (60 * kMillion)} * 1000;
      return true;
    case DateField::kSecond:
      *millionths = of_day % (60 * kMillion);
      return true;
    case DateField::kMinute:
      *millionths = of_day / (60 * kMillion) % 60 * kMillion;
      return true;
    case DateField::kHour:
      *millionths = of_day / (3600 * kMillion) * kMillion;
      return true;
    case DateField::kEpoch:
      *millionths = micros;
      return true;
    case DateField::kJulian:
      // The fraction is the time of day, rounded to a millionth of a day.
      *millionths = (FloorDays(micros) + kJulianOfEpoch) * kMillion + (of_day * 2 / 86'400 + 1) / 2;
      return true;
    default: {  // The fields of a calendar.
      int64_t whole = 0;
      if (!CalendarField(field, FloorDays(micros), &whole)) return false;
      *millionths = Int128{whole} * kMillion;
      return true;
    }
  }
}

bool ExtractDateField(DateField field, int64_t days, Int128* millionths) {
  if (field == DateField::kEpoch) {
    *millionths = Int128{days} * kMicrosPerDay;
    return true;
  }
  int64_t whole = 0;
  if (!CalendarField(field, days, &whole)) return false;
  *millionths = Int128{whole} * kMillion;
  return true;
}

std::string FieldError(DateField field, std::string_view name, const char* type) {
  return "unit \"" + Lowered(name) + "\" not " +
         (field == DateField::kUnknown ? "recognized" : "supported") + " for type " + type;
}

}  // namespace weir::expr
