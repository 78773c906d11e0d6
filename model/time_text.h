// Dates and times as text, and the calendar behind them (proleptic Gregorian, no leap seconds).
// Shared by JSON decoding, SQL literals and casts, so that one spelling means one instant
// everywhere.
#ifndef WEIR_MODEL_TIME_TEXT_H_
#define WEIR_MODEL_TIME_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// PostgreSQL's range of dates, in days since 1970: 4714-11-24 BC to 5874897-12-31.
inline constexpr int64_t kMinDate = -2440588;
inline constexpr int64_t kMaxDate = 2145042905;
// Of timestamps, in microseconds since 1970: from the same day on; the end is that of int64
// (PostgreSQL counts from 2000 and gets 30 years further).
inline constexpr int64_t kMinTimestamp = kMinDate * kMicrosPerDay;

struct CivilDate {
  int64_t year = 1970;  // astronomical: 0 is 1 BC
  int month = 1;        // 1..12
  int day = 1;          // 1..31
};

// Days since 1970-01-01. Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
int64_t DaysFromCivil(const CivilDate& date);
CivilDate CivilFromDays(int64_t days);
int DaysInMonth(int64_t year, int month);

// Whole days of a time in microseconds, rounding down; the rest is 0..kMicrosPerDay-1.
constexpr int64_t FloorDays(int64_t micros) {
  return micros / kMicrosPerDay - (micros % kMicrosPerDay < 0 ? 1 : 0);
}

// kSyntax: not a date or time; kRange: a field that the calendar doesn't have, or beyond the type.
enum class TimeParse { kOk, kSyntax, kRange };

// Accepted, spaces around allowed:  date[(T| )time[zone]][ BC| AD]  or  epoch
//   date   YYYY-MM-DD, year of 4 digits or more; month and day of 1 or 2; or YYYYMMDD
//   time   hh:mm[:ss[.fraction]] (or hhmm[ss[.fraction]] behind T); rounded to microseconds
//   zone   Z, UTC, GMT, ±hh, ±hhmm, ±hh:mm, ±hh:mm:ss
// A time without zone is UTC.
TimeParse ParseTimestamptz(std::string_view text, int64_t* micros);
// As PostgreSQL: of a timestamp without time zone, a zone is checked and ignored; of a date, the
// time as well.
TimeParse ParseTimestamp(std::string_view text, int64_t* micros);
TimeParse ParseDate(std::string_view text, int32_t* days);

// As PostgreSQL prints with DateStyle ISO in UTC: "2024-02-29", "2024-02-29 07:08:09.5",
// "2024-02-29 07:08:09.5+00", "0044-03-15 BC".
std::string FormatDate(int64_t days);
std::string FormatTimestamp(int64_t micros);
std::string FormatTimestamptz(int64_t micros);

}  // namespace weir

#endif  // WEIR_MODEL_TIME_TEXT_H_
