// Who leads, decided: events in, actions out. No I/O, no threads, no clock of its own.
//
// Several coordinators share one record in the blob store and change it by compare-and-swap only.
// The holder writes it again and again; the others read it, and one takes over when
//
//   - the record was released, or there is none, or
//   - its holder served where this process serves now, so that it is gone, or
//   - it hasn't changed for the lease, measured by the reader's own monotonic clock from when it
//     first saw these bytes, or
//   - it hasn't changed for a while and nobody listens at the holder's address.
//
// No machine's clock is compared with another's, and none of this is needed for safety: that is the
// job logs', where a takeover's STARTED record fences whatever an old leader still does (DESIGN
// §8). So a holder that can't write goes on until it reads that somebody else holds the lease: when
// the store is away for everybody, nobody is replaced.
#ifndef WEIR_COORDINATOR_LEASE_H_
#define WEIR_COORDINATOR_LEASE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/lease_record.h"

namespace weir {

// Times in microseconds.
struct LeaseOptions {
  int64_t lease_us = 3'000'000;    // unchanged for that long, the record is anyone's
  int64_t silence_us = 1'250'000;  // likewise, when nobody listens at the holder's address
  int64_t renew_us = 500'000;      // between writes of the holder
  int64_t look_us = 250'000;       // between reads of the others, and before a failed write's retry
};

// ---- Events.

struct LeaseTick {};
struct LeaseReadEvent {
  absl::Status status;  // NOT_FOUND: there is no record. Other errors: nothing is known
  // Without a holder when the bytes are no record; then, too, it is anyone's after the lease.
  LeaseRecord record;
  std::string version;
};
struct LeaseWrittenEvent {
  absl::Status status;  // as BlobStore::PutIfVersion and PutIfAbsent
  std::string version;  // when OK
};
struct LeaseProbedEvent {
  bool refused = false;  // certain: no process listens there
};
// There is a sign that somebody else leads, or somebody wants to be sure: read the record now.
struct LeaseDoubtedEvent {};
// The process ends. Afterwards it takes nothing over.
struct LeaseReleaseEvent {};

using LeaseEvent = std::variant<LeaseTick, LeaseReadEvent, LeaseWrittenEvent, LeaseProbedEvent,
                                LeaseDoubtedEvent, LeaseReleaseEvent>;

// ---- Actions. At most one of the first three is under way; each is answered by its event.

struct LeaseReadAction {};
struct LeaseWriteAction {
  LeaseRecord record;
  std::string version;  // to be replaced; empty = only if there is none
};
struct LeaseProbeAction {
  std::string address;
};
// From now on this process leads.
struct LeadNote {
  int64_t term = 0;
};
// The leader is now another one, or, with an empty address, not known. Also said at first.
struct FollowNote {
  std::string address;
};

using LeaseAction =
    std::variant<LeaseReadAction, LeaseWriteAction, LeaseProbeAction, LeadNote, FollowNote>;

// One thread at a time.
class Lease {
 public:
  // Holder, address and place of `self` count.
  Lease(LeaseRecord self, LeaseOptions options);

  std::vector<LeaseAction> Handle(const LeaseEvent& event, int64_t now_us);
  // When to send a LeaseTick at the latest, while nothing is under way.
  int64_t wake_us() const { return wake_us_; }

  bool leads() const { return leads_; }
  // The record was read, or written, without an error the last time.
  bool knows() const { return knows_; }
  // Nothing is left to do after a release.
  bool released() const { return releasing_ && !busy_ && !leads_; }

 private:
  void On(const LeaseTick&) {}
  void On(const LeaseReadEvent& event);
  void On(const LeaseWrittenEvent& event);
  void On(const LeaseProbedEvent& event);
  void On(const LeaseDoubtedEvent&) { must_read_ = true; }
  void On(const LeaseReleaseEvent&);

  void Advance();
  void OnRecord(const LeaseRecord& record, const std::string& version);
  void Consider();  // whether to take over
  bool WasHere() const;
  void Take();
  void Renew();
  void Write(LeaseRecord record);
  void LeadNow(int64_t term);
  void StopLeading();
  void Follow(const std::string& address);
  void Do(LeaseAction action);

  const LeaseRecord self_;
  const LeaseOptions options_;
  int64_t now_us_ = 0;
  std::vector<LeaseAction> actions_;
  int64_t wake_us_ = 0;

  bool busy_ = false;      // an action is under way
  bool must_read_ = true;  // before anything else
  bool leads_ = false;
  bool led_ = false;  // now or before
  bool knows_ = false;
  bool releasing_ = false;
  int64_t last_nonce_ = 0;
  LeaseRecord writing_;  // while a write is under way
  int64_t next_us_ = 0;  // of the next read or renewal

  LeaseRecord seen_;        // as read or written last
  std::string version_;     // of `seen_`; empty = there is none
  int64_t changed_us_ = 0;  // when that version was first seen
  std::optional<std::string> followed_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_LEASE_H_
