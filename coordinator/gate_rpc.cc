#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "coordinator/api_error.h"
#include "coordinator/gate.h"
#include "grpcpp/grpcpp.h"

namespace weir {
namespace {

constexpr char kScheme[] = "Bearer ";
// A name as long as a message may be doesn't belong in the log.
constexpr size_t kSubjectBytesMax = 128;
constexpr int64_t kRefusalsLoggedMax = 10;  // a second

absl::Status NotAuthenticated(const std::string& why) {
  return ApiError(absl::StatusCode::kUnauthenticated, kReasonNotAuthenticated,
                  absl::StrCat(why, "; give yours with --token-file or WEIR_TOKEN"));
}

}  // namespace

void AuditEntry::Write(const absl::Status& outcome, const std::string& job_id) const {
  WEIR_LOG(kInfo, "audit", {"who", caller.name}, {"role", AbslView(NameOf(caller.role))},
           {"peer", peer}, {"call", call}, {"subject", subject}, {"job", job_id},
           {"outcome", absl::StatusCodeToString(outcome.code())}, {"reason", ApiReason(outcome)});
}

absl::StatusOr<Caller> Gate::Identify(std::string_view authorization) {
  if (authorization.empty()) return NotAuthenticated("this cluster asks for a token");
  absl::string_view token = AbslView(authorization);
  if (!absl::ConsumePrefix(&token, kScheme) || token.empty() || token.size() > kTokenBytesMax) {
    return NotAuthenticated(absl::StrCat(
        "the authorization isn't `Bearer TOKEN` with a token of 1 to ", kTokenBytesMax, " bytes"));
  }
  const std::shared_ptr<const TokenTable> table = tokens_->table();
  const Caller* caller = table->Find(StdView(token));
  if (caller == nullptr) return NotAuthenticated("this token is not (or no longer) known here");
  return *caller;
}

absl::StatusOr<Caller> Gate::Decide(const grpc::ServerContextBase& context, const char* call,
                                    Role role) {
  if (const absl::Status peer = transport_->CheckPeer(context, Identity::kClient); !peer.ok()) {
    return ApiError(absl::StatusCode::kPermissionDenied, kReasonNotPermitted,
                    StdView(peer.message()));
  }
  if (tokens_ == nullptr) {
    return Caller{transport_->tls() ? std::string(NameOf(Identity::kClient)) : "anonymous",
                  Role::kAdmin};
  }
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range("authorization");
  std::string_view authorization;
  if (first != last) authorization = {first->second.data(), first->second.size()};
  WEIR_ASSIGN_OR_RETURN(Caller caller, Identify(authorization));
  if (caller.role < role) {
    return ApiError(
        absl::StatusCode::kPermissionDenied, kReasonNotPermitted,
        absl::StrCat(caller.name, " has the role ", AbslView(NameOf(caller.role)), "; ", call,
                     " needs ", AbslView(NameOf(role)), "; ask for a token with that role"));
  }
  return caller;
}

absl::StatusOr<Caller> Gate::Admit(const grpc::ServerContextBase& context, const char* call,
                                   Role role) {
  absl::StatusOr<Caller> caller = Decide(context, call, role);
  if (!caller.ok()) LogRefusal(context, call, caller.status());
  return caller;
}

absl::StatusOr<AuditEntry> Gate::AdmitChange(const grpc::ServerContextBase& context,
                                             const char* call, Role role,
                                             const std::string& subject) {
  WEIR_ASSIGN_OR_RETURN(Caller caller, Admit(context, call, role));
  return AuditEntry{std::move(caller), context.peer(), call, subject.substr(0, kSubjectBytesMax)};
}

void Gate::LogRefusal(const grpc::ServerContextBase& context, const char* call,
                      const absl::Status& why) {
  {
    absl::MutexLock lock(&mutex_);
    const int64_t second = clock_->MonotonicMicros() / 1'000'000;
    if (second != second_) refused_in_second_ = 0;
    second_ = second;
    if (++refused_in_second_ > kRefusalsLoggedMax) return;
  }
  WEIR_LOG(kWarning, "call refused", {"peer", context.peer()}, {"call", call},
           {"why", why.message()});
}

}  // namespace weir
