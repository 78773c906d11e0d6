// Signatures of functions over dates and times. Intervals are literals.
#include "model/function_table.h"

namespace weir {

void AddTimeFunctions(FunctionTable& table) {
  using enum TypeKind;
  constexpr SignatureTraits kFallible{.fallible = true};
  table.Add("add", {kDate, kInteger}, kDate, kFallible);
  table.Add("add", {kInteger, kDate}, kDate, kFallible);
  table.Add("subtract", {kDate, kInteger}, kDate, kFallible);
  table.Add("subtract", {kDate, kDate}, kInteger, kFallible);
  for (TypeKind kind : {kDate, kTimestamp, kTimestamptz}) {
    // A date with an interval is a timestamp, as in PostgreSQL.
    TypeKind result = kind == kDate ? kTimestamp : kind;
    table.Add("add", {kind, kInterval}, result, kFallible);
    table.Add("add", {kInterval, kind}, result, kFallible);
    table.Add("subtract", {kind, kInterval}, result, kFallible);
    // Likewise: date_trunc of a date is an instant, midnight UTC at the earliest.
    table.Add("date_trunc", {kText, kind}, kind == kDate ? kTimestamptz : kind, kFallible);
    table.Add("extract", {kText, kind}, DataType::Numeric(38, 6), kFallible);
    table.Add("date_part", {kText, kind}, kDouble, kFallible);
  }
  table.Add("to_timestamp", {kDouble}, kTimestamptz, kFallible);
  // AT TIME ZONE: the zone comes first.
  table.Add("timezone", {kText, kTimestamptz}, kTimestamp, kFallible);
  table.Add("timezone", {kText, kTimestamp}, kTimestamptz, kFallible);
}

}  // namespace weir
