// The record in the blob store that says which coordinator leads.
//
// Text, for people who look at it: a first line "weir leader 1", then one "key value" a line;
// unknown keys are passed over.
#ifndef WEIR_COORDINATOR_LEASE_RECORD_H_
#define WEIR_COORDINATOR_LEASE_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// Where it stands in the cluster's blob store.
inline constexpr char kLeaseName[] = "leader";

struct LeaseRecord {
  std::string holder;   // random per process
  std::string address;  // of its API, as others reach it
  // Machine and port that it serves at. Whoever serves at the same place now knows that the process
  // before it is gone.
  std::string place;
  int64_t term = 0;      // one more with every change of holder
  int64_t sequence = 0;  // one more with every write
  // Differs between any two writes of one process, so that no two writes have equal bytes: the
  // store's compare-and-swap is by content.
  int64_t nonce = 0;
  bool released = false;  // the holder left: anyone may take over at once
  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

std::string EncodeLease(const LeaseRecord& record);
// DATA_LOSS when the bytes are no such record.
absl::StatusOr<LeaseRecord> DecodeLease(std::string_view bytes);

}  // namespace weir

#endif  // WEIR_COORDINATOR_LEASE_RECORD_H_
