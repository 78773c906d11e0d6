#include "operators/window/aggregate_messages.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "operators/bad_rows.h"
#include "operators/window/window_grid.h"
#include "state/keyed/key_encoding.h"

namespace weir {

std::string TimeForPeople(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

absl::Status InGroup(const absl::Status& error, const AggregateSpec& spec, int64_t begin,
                     int64_t end, std::string_view key) {
  std::string message(error.message());
  absl::StrAppend(&message, " in window [", TimeForPeople(begin), ", ", TimeForPeople(end), ")");
  if (spec.keys.size() > 0) {
    absl::StrAppend(&message, ", group ");
    for (int c = 0; c < spec.keys.size(); ++c) {
      absl::StrAppend(&message, c > 0 ? ", " : "(", spec.keys.columns[c].name);
    }
    absl::StrAppend(&message, ") = ", KeyForPeople(KeyTypes(spec), key));
  }
  if (absl::IsOutOfRange(error)) return FatalError(message);
  return absl::Status(error.code(), message);
}

absl::Status CheckSpec(const AggregateSpec& spec) {
  const WindowSpec& window = spec.window;
  if (window.size_us <= 0 || window.slide_us <= 0 || window.size_us > WindowGrid::kLongest ||
      window.slide_us > WindowGrid::kLongest) {
    return absl::InvalidArgumentError(
        absl::StrCat("window of ", window.size_us, " microseconds every ", window.slide_us,
                     ": both must be positive and at most ", WindowGrid::kLongest));
  }
  if (spec.keys.size() != static_cast<int>(spec.key_columns.size()) ||
      spec.late.size() != static_cast<int>(spec.late_columns.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("aggregation ", spec.state_id, ": ", spec.keys.size(), " names for ",
                     spec.key_columns.size(), " keys, ", spec.late.size(), " names for ",
                     spec.late_columns.size(), " late columns"));
  }
  return absl::OkStatus();
}

std::vector<DataType> KeyTypes(const AggregateSpec& spec) {
  std::vector<DataType> types;
  for (const Column& column : spec.keys.columns) types.push_back(column.type);
  return types;
}

}  // namespace weir
