// How the process ends, for scripts; part of the stable interface.
#ifndef WEIR_CLI_EXIT_CODE_H_
#define WEIR_CLI_EXIT_CODE_H_

#include <string_view>

#include "absl/status/status.h"

namespace weir {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitAuth = 3,      // UNAUTHENTICATED, PERMISSION_DENIED
  kExitNotFound = 4,  // NOT_FOUND
  kExitConflict = 5,  // ALREADY_EXISTS, ABORTED, most of FAILED_PRECONDITION
  kExitTimeout = 6,   // DEADLINE_EXCEEDED
  kExitJobEnded = 7,  // the job failed or was cancelled
};

// By the status's code and, where that is too coarse, by the API's reason.
inline ExitCode ExitCodeOf(absl::StatusCode code, std::string_view reason) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitAuth;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kFailedPrecondition:
      // Something outside of Weir isn't as it should be; nothing conflicts.
      if (reason == "BROKERS_UNREACHABLE" || reason == "TABLE_REFUSED") return kExitFailure;
      return kExitConflict;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    default:  // Codes of other libraries and later versions are plain failures.
      return kExitFailure;
  }
}

}  // namespace weir

#endif  // WEIR_CLI_EXIT_CODE_H_
