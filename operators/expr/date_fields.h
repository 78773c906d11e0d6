// The named parts of a time: date_trunc's units and extract's fields.
#ifndef WEIR_OPERATORS_EXPR_DATE_FIELDS_H_
#define WEIR_OPERATORS_EXPR_DATE_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "operators/expr/numeric.h"

namespace weir::expr {

enum class DateField {
  kUnknown,
  kMicroseconds,
  kMilliseconds,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kDecade,
  kCentury,
  kMillennium,
  kJulian,
  kIsoYear,
  kEpoch,
  kDow,
  kIsoDow,
  kDoy,
  kTimezone,
  kTimezoneHour,
  kTimezoneMinute,
};

// Names in any case, with PostgreSQL's plurals and abbreviations.
DateField FindDateField(std::string_view name);

// False when the field can't be truncated to. `*out` may leave the range of timestamps.
bool TruncateTime(DateField field, int64_t micros, int64_t* out);

// extract in millionths. False for what only some types have: zones, and on a date the clock.
bool ExtractField(DateField field, int64_t micros, Int128* millionths);
// Of a date, in days since 1970; it may be outside the range of timestamps.
bool ExtractDateField(DateField field, int64_t days, Int128* millionths);

// The message for a field that a type doesn't have: unit "dow" not supported for type date.
std::string FieldError(DateField field, std::string_view name, const char* type);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_DATE_FIELDS_H_
