#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "worker/exchange.h"

namespace weir {
namespace {

constexpr char kPayload[] = "weir/peer_lost";

}  // namespace

absl::Status PeerLostError(const std::string& address) {
  absl::Status status =
      absl::UnavailableError(absl::StrCat("the exchange stream to worker ", address, " broke"));
  status.SetPayload(kPayload, absl::Cord("1"));
  return status;
}

bool IsPeerLost(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

}  // namespace weir
