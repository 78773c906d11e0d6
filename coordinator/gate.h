// Decides who may make which call of the API, and keeps the record of it.
//
// With TLS a caller shows a certificate for weir-client. With tokens (token_table.h) it also sends
// `authorization: Bearer TOKEN`, and has the role of that token. Without tokens a caller may do
// everything.
#ifndef WEIR_COORDINATOR_GATE_H_
#define WEIR_COORDINATOR_GATE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/transport.h"
#include "coordinator/token_table.h"

namespace grpc {
class ServerContextBase;
}

namespace weir {

class Clock;

// One call that changes something, for the log: who, what, to which job, with which outcome.
struct AuditEntry {
  Caller caller;
  std::string peer;     // "ipv4:10.0.0.7:51234"
  std::string call;     // "Submit"
  std::string subject;  // job or worker, as the caller named it
  // One line, of fixed text and fields.
  void Write(const absl::Status& outcome, const std::string& job_id = "") const;
};

// Thread-safe.
class Gate {
 public:
  // `tokens` may be null. `clock` outlives it.
  Gate(SharedTransport transport, std::unique_ptr<TokenFile> tokens, Clock* clock)
      : transport_(std::move(transport)), tokens_(std::move(tokens)), clock_(clock) {}

  // Who calls. UNAUTHENTICATED when it isn't known, PERMISSION_DENIED when it may not make a call
  // that needs `role`; both with a stable reason, and in the log, at most 10 a second.
  absl::StatusOr<Caller> Admit(const grpc::ServerContextBase& context, const char* call, Role role);
  // The same for a call that changes something.
  absl::StatusOr<AuditEntry> AdmitChange(const grpc::ServerContextBase& context, const char* call,
                                         Role role, const std::string& subject);
  // By a token as HTTP and gRPC carry it: "Bearer TOKEN". UNAUTHENTICATED.
  absl::StatusOr<Caller> Identify(std::string_view authorization);

  bool has_tokens() const { return tokens_ != nullptr; }

 private:
  absl::StatusOr<Caller> Decide(const grpc::ServerContextBase& context, const char* call,
                                Role role);
  void LogRefusal(const grpc::ServerContextBase& context, const char* call,
                  const absl::Status& why);

  const SharedTransport transport_;
  const std::unique_ptr<TokenFile> tokens_;
  Clock* const clock_;
  absl::Mutex mutex_;
  int64_t second_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t refused_in_second_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_GATE_H_
