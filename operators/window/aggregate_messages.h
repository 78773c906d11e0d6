// Texts that name a window and a group. Private to operators/window.
#ifndef WEIR_OPERATORS_WINDOW_AGGREGATE_MESSAGES_H_
#define WEIR_OPERATORS_WINDOW_AGGREGATE_MESSAGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "model/plan.h"

namespace weir {

// "2024-05-01T12:00:00Z"
std::string TimeForPeople(int64_t micros);
// Adds to an aggregate's error which rows it is about: those of [begin, end) and the group. An
// overflow is fatal: computing it again can't help. Other errors keep their code.
absl::Status InGroup(const absl::Status& error, const AggregateSpec& spec, int64_t begin,
                     int64_t end, std::string_view key);
// What is wrong with a plan's aggregation, if anything: INVALID_ARGUMENT.
absl::Status CheckSpec(const AggregateSpec& spec);
std::vector<DataType> KeyTypes(const AggregateSpec& spec);

}  // namespace weir

#endif  // WEIR_OPERATORS_WINDOW_AGGREGATE_MESSAGES_H_
