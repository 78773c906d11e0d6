#include "coordinator/lease.h"

#include <utility>

namespace weir {

Lease::Lease(LeaseRecord self, LeaseOptions options) : self_(std::move(self)), options_(options) {}

std::vector<LeaseAction> Lease::Handle(const LeaseEvent& event, int64_t now_us) {
  now_us_ = now_us;
  actions_.clear();
  std::visit([this](const auto& e) { On(e); }, event);
  Advance();
  return std::move(actions_);
}

void Lease::Do(LeaseAction action) { actions_.push_back(std::move(action)); }

void Lease::Advance() {
  wake_us_ = next_us_;
  if (busy_) return;
  if (releasing_ && !leads_) return;
  if (must_read_) {
    must_read_ = false;
    busy_ = true;
    return Do(LeaseReadAction());
  }
  if (now_us_ < next_us_ && !(releasing_ && !seen_.released)) return;
  if (leads_) return Renew();
  busy_ = true;
  Do(LeaseReadAction());
}

// ---- Reading

void Lease::On(const LeaseReadEvent& event) {
  busy_ = false;
  // A leader's next write stays due when it is: reads on behalf of callers must not put it off.
  if (!leads_) next_us_ = now_us_ + options_.look_us;
  knows_ = event.status.ok() || absl::IsNotFound(event.status);
  if (event.status.ok()) return OnRecord(event.record, event.version);
  if (!knows_) return;
  // Nobody has led yet, or somebody took the record away: then its holder puts it back.
  version_.clear();
  if (leads_) return Renew();
  if (!releasing_) Take();
}

void Lease::OnRecord(const LeaseRecord& record, const std::string& version) {
  if (version != version_) {
    seen_ = record;
    version_ = version;
    changed_us_ = now_us_;
  }
  const bool mine = record.holder == self_.holder;
  if (mine && record.released) {
    StopLeading();  // the answer to the release was lost
  } else if (mine) {
    // Also when the answer to the write that took over was lost, or it arrived late.
    if (!leads_ && !releasing_) LeadNow(record.term);
  } else {
    StopLeading();
    Follow(record.released || WasHere() ? "" : record.address);
    if (!releasing_) Consider();
  }
}

// The holder is the process that was at this place before. Believed once only: two processes that
// wrongly name one place would chase each other for ever.
bool Lease::WasHere() const { return !led_ && !self_.place.empty() && seen_.place == self_.place; }

void Lease::Consider() {
  const int64_t unchanged_us = now_us_ - changed_us_;
  if (seen_.released || WasHere() || unchanged_us >= options_.lease_us) return Take();
  if (unchanged_us < options_.silence_us || seen_.address.empty()) return;
  busy_ = true;
  Do(LeaseProbeAction{seen_.address});
}

void Lease::On(const LeaseProbedEvent& event) {
  busy_ = false;
  // A holder that lives has written since, whatever its address answers.
  if (event.refused && !leads_ && !releasing_) Take();
}

// ---- Writing

void Lease::Take() {
  LeaseRecord record = self_;
  record.term = seen_.term + 1;
  record.sequence = seen_.sequence + 1;
  Write(std::move(record));
}

void Lease::Renew() {
  LeaseRecord record = seen_;
  record.sequence = seen_.sequence + 1;
  record.released = releasing_;
  Write(std::move(record));
}

void Lease::Write(LeaseRecord record) {
  record.nonce = ++last_nonce_;
  writing_ = record;
  busy_ = true;
  Do(LeaseWriteAction{std::move(record), version_});
}

void Lease::On(const LeaseWrittenEvent& event) {
  busy_ = false;
  if (event.status.ok()) {
    knows_ = true;
    seen_ = writing_;
    version_ = event.version;
    changed_us_ = now_us_;
    next_us_ = now_us_ + options_.renew_us;
    if (seen_.released) {
      leads_ = false;
    } else if (!leads_) {
      LeadNow(seen_.term);
    }
    return;
  }
  next_us_ = now_us_ + options_.look_us;
  const bool nothing_happened = !absl::IsAborted(event.status) &&
                                !absl::IsAlreadyExists(event.status) &&
                                !absl::IsUnknown(event.status);
  knows_ = false;
  if (!nothing_happened) must_read_ = true;
  // One try: who comes next doesn't depend on it.
  if (releasing_) leads_ = false;
}

void Lease::On(const LeaseReleaseEvent&) {
  releasing_ = true;
  must_read_ = false;
}

// ---- Roles

void Lease::LeadNow(int64_t term) {
  leads_ = true;
  led_ = true;
  followed_.reset();
  next_us_ = now_us_ + options_.renew_us;
  // A process that is about to end won't lead any more: it gives back what it got.
  if (!releasing_) Do(LeadNote{term});
}

void Lease::StopLeading() {
  if (std::exchange(leads_, false)) next_us_ = now_us_ + options_.look_us;
}

void Lease::Follow(const std::string& address) {
  if (followed_ == address) return;
  followed_ = address;
  Do(FollowNote{address});
}

}  // namespace weir
