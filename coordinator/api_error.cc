#include "coordinator/api_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr char kReasonUrl[] = "weir/reason";
constexpr char kFieldUrl[] = "weir/field";
constexpr char kLeaderUrl[] = "weir/leader";

std::string Payload(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : "";
}

}  // namespace

absl::Status ApiError(absl::StatusCode code, std::string_view reason, std::string_view message,
                      std::string_view field) {
  absl::Status status(code, AbslView(message));
  status.SetPayload(kReasonUrl, absl::Cord(AbslView(reason)));
  if (!field.empty()) status.SetPayload(kFieldUrl, absl::Cord(AbslView(field)));
  return status;
}

absl::Status ShuttingDownError() {
  return ApiError(absl::StatusCode::kUnavailable, kReasonShuttingDown,
                  "the coordinator is shutting down");
}

absl::Status JobEndedError(const std::string& job) {
  return ApiError(absl::StatusCode::kFailedPrecondition, kReasonJobEnded,
                  absl::StrCat("job ", job, " has ended already"));
}

absl::Status NotLeaderError(const std::string& leader) {
  absl::Status status = ApiError(
      absl::StatusCode::kUnavailable, kReasonNotLeader,
      leader.empty() ? "no coordinator leads at the moment; ask again in a few seconds"
                     : absl::StrCat("this coordinator stands by; the leader is at ", leader));
  if (!leader.empty()) status.SetPayload(kLeaderUrl, absl::Cord(leader));
  return status;
}

std::string ApiReason(const absl::Status& status) { return Payload(status, kReasonUrl); }
std::string ApiField(const absl::Status& status) { return Payload(status, kFieldUrl); }
std::string ApiLeader(const absl::Status& status) { return Payload(status, kLeaderUrl); }

}  // namespace weir
