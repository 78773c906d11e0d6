// Errors of the API: a status whose payloads become google.rpc.ErrorInfo and BadRequest.
#ifndef WEIR_COORDINATOR_API_ERROR_H_
#define WEIR_COORDINATOR_API_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// Stable reasons, for scripts.
inline constexpr char kReasonScript[] = "SCRIPT_INVALID";
inline constexpr char kReasonName[] = "NAME_INVALID";
inline constexpr char kReasonNameTaken[] = "NAME_TAKEN";
inline constexpr char kReasonJobNotFound[] = "JOB_NOT_FOUND";
inline constexpr char kReasonJobEnded[] = "JOB_ENDED";
inline constexpr char kReasonJobNotRunning[] = "JOB_NOT_RUNNING";
inline constexpr char kReasonRescaling[] = "RESCALE_UNDER_WAY";
inline constexpr char kReasonWorkerNotFound[] = "WORKER_NOT_FOUND";
inline constexpr char kReasonWorkerLost[] = "WORKER_LOST";
inline constexpr char kReasonSlots[] = "NOT_ENOUGH_SLOTS";
inline constexpr char kReasonTopicNotFound[] = "TOPIC_NOT_FOUND";
inline constexpr char kReasonBrokers[] = "BROKERS_UNREACHABLE";
inline constexpr char kReasonTable[] = "TABLE_REFUSED";
inline constexpr char kReasonTableTaken[] = "TABLE_TAKEN";
inline constexpr char kReasonTableLineage[] = "TABLE_OF_ANOTHER_JOB";
inline constexpr char kReasonSavepointNotFound[] = "SAVEPOINT_NOT_FOUND";
inline constexpr char kReasonTableAhead[] = "TABLE_AHEAD";
inline constexpr char kReasonFrom[] = "FROM_REFUSED";
inline constexpr char kReasonRequest[] = "REQUEST_INVALID";
inline constexpr char kReasonTooMany[] = "TOO_MANY";
inline constexpr char kReasonStorage[] = "STORAGE_UNAVAILABLE";
inline constexpr char kReasonLater[] = "NOT_YET_SUPPORTED";
inline constexpr char kReasonShuttingDown[] = "SHUTTING_DOWN";
inline constexpr char kReasonNotLeader[] = "NOT_LEADER";
inline constexpr char kReasonNotAuthenticated[] = "NOT_AUTHENTICATED";
inline constexpr char kReasonNotPermitted[] = "NOT_PERMITTED";

// `field` of the request that is wrong; empty = none.
absl::Status ApiError(absl::StatusCode code, std::string_view reason, std::string_view message,
                      std::string_view field = "");
// UNAVAILABLE.
absl::Status ShuttingDownError();
// FAILED_PRECONDITION.
absl::Status JobEndedError(const std::string& job);
// UNAVAILABLE: this coordinator doesn't lead. `leader` is its address, empty = not known.
absl::Status NotLeaderError(const std::string& leader);
// Empty when the status has none, as in the next two.
std::string ApiReason(const absl::Status& status);
std::string ApiField(const absl::Status& status);
std::string ApiLeader(const absl::Status& status);

}  // namespace weir

#endif  // WEIR_COORDINATOR_API_ERROR_H_
