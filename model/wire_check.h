// Checks of numbers that came over the wire, shared by wire*.cc. Errors are INVALID_ARGUMENT with
// the path of the field: "plan.vertices[1].operators[0].sink: 7 is not within 0..2".
#ifndef WEIR_MODEL_WIRE_CHECK_H_
#define WEIR_MODEL_WIRE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weir {

inline absl::Status WireError(const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat(": ", message));
}

// OK when low <= value <= high.
inline absl::Status CheckRange(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(".", field, ": ", value, " is not within ", low, "..", high));
}

// The enumerator with that number; `last` is the largest known one.
template <class Enum>
absl::StatusOr<Enum> EnumFromNumber(const char* field, int number, Enum last) {
  if (number >= 0 && number <= static_cast<int>(last)) return static_cast<Enum>(number);
  return absl::InvalidArgumentError(
      absl::StrCat(".", field, ": ", number, " is unknown to this version of Weir"));
}

// Puts a step of the path before what is known of it.
inline absl::Status InField(const std::string& step, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(step, status.message()));
}

inline std::string Indexed(const char* field, int64_t i) {
  return absl::StrCat(".", field, "[", i, "]");
}

}  // namespace weir

// WEIR_ASSIGN_IN_FIELD(".type", column.type, TypeFromProto(in.type()));
#define WEIR_ASSIGN_IN_FIELD(step, lhs, expr)                            \
  do {                                                                   \
    auto weir_result_ = (expr);                                          \
    if (!weir_result_.ok()) return InField(step, weir_result_.status()); \
    lhs = *std::move(weir_result_);                                      \
  } while (false)
#define WEIR_RETURN_IN_FIELD(step, expr)                        \
  do {                                                          \
    if (absl::Status weir_status_ = (expr); !weir_status_.ok()) \
      return InField(step, weir_status_);                       \
  } while (false)

#endif  // WEIR_MODEL_WIRE_CHECK_H_
