#include "coordinator/lease_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/tcp_probe.h"

namespace weir {
namespace {

constexpr int kProbeTimeoutMs = 300;
// A process that ends doesn't wait longer for a store that doesn't answer.
constexpr absl::Duration kReleaseMax = absl::Seconds(3);

}  // namespace

LeaseKeeper::LeaseKeeper(BlobStore* blobs, Clock* clock, LeaseRecord self, LeaseOptions options,
                         LeaseListener* listener)
    : blobs_(blobs), clock_(clock), listener_(listener), lease_(std::move(self), options) {}

void LeaseKeeper::Start() {
  thread_ = std::thread([this] {
    SetThreadName("lease");
    Run();
  });
}

LeaseKeeper::~LeaseKeeper() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void LeaseKeeper::Release() {
  absl::MutexLock lock(&mutex_);
  release_ = true;
  mutex_.AwaitWithTimeout(absl::Condition(&released_), kReleaseMax);
}

void LeaseKeeper::Confirm(std::function<void(bool)> done) {
  absl::MutexLock lock(&mutex_);
  confirms_.push_back(std::move(done));
}

bool LeaseKeeper::knows() const {
  absl::MutexLock lock(&mutex_);
  return knows_;
}

void LeaseKeeper::Run() {
  Handle(LeaseTick());
  while (true) {
    std::vector<std::function<void(bool)>> confirms;
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return ending_ || (release_ && !released_) || !confirms_.empty();
      };
      const int64_t wait_us = std::max<int64_t>(0, lease_.wake_us() - clock_->MonotonicMicros());
      mutex_.AwaitWithTimeout(absl::Condition(&due), absl::Microseconds(wait_us));
      if (ending_) return;
      confirms.swap(confirms_);
      release = release_ && !released_;
    }
    if (!confirms.empty()) {
      Handle(LeaseDoubtedEvent());
      for (const auto& confirm : confirms) confirm(lease_.leads() && lease_.knows());
    }
    Handle(release ? LeaseEvent(LeaseReleaseEvent()) : LeaseEvent(LeaseTick()));
  }
}

void LeaseKeeper::Handle(LeaseEvent event) {
  std::optional<LeaseEvent> next = std::move(event);
  while (next) {
    const std::vector<LeaseAction> actions = lease_.Handle(*next, clock_->MonotonicMicros());
    next.reset();
    for (const LeaseAction& action : actions) {
      if (const auto* lead = std::get_if<LeadNote>(&action)) {
        listener_->OnLead(lead->term);
      } else if (const auto* follow = std::get_if<FollowNote>(&action)) {
        listener_->OnFollow(follow->address);
      } else if (const auto* read = std::get_if<LeaseReadAction>(&action)) {
        next = Perform(*read);
      } else if (const auto* write = std::get_if<LeaseWriteAction>(&action)) {
        next = Perform(*write);
      } else {
        next = Perform(std::get<LeaseProbeAction>(action));
      }
    }
  }
  absl::MutexLock lock(&mutex_);
  knows_ = lease_.knows();
  released_ = lease_.released();
}

LeaseEvent LeaseKeeper::Perform(const LeaseReadAction&) {
  absl::StatusOr<BlobStore::Versioned> read = blobs_->GetVersioned(kLeaseName);
  LeaseReadEvent event;
  event.status = read.status();
  if (!read.ok()) {
    if (!absl::IsNotFound(read.status())) {
      WEIR_LOG(kWarning, "the leader record can't be read", {"error", read.status().message()});
    }
    return event;
  }
  event.version = std::move(read->version);
  absl::StatusOr<LeaseRecord> record = DecodeLease(read->bytes);
  if (record.ok()) {
    event.record = *std::move(record);
  } else {
    WEIR_LOG(kWarning, "the leader record says nothing", {"error", record.status().message()});
  }
  return event;
}

LeaseEvent LeaseKeeper::Perform(const LeaseWriteAction& action) {
  const std::string bytes = EncodeLease(action.record);
  LeaseWrittenEvent event;
  if (action.version.empty()) {
    event.status = blobs_->PutIfAbsent(kLeaseName, bytes);
    // Its version comes with a read, as after an unknown outcome.
    if (event.status.ok()) event.status = absl::UnknownError("created; its version isn't known");
  } else {
    absl::StatusOr<std::string> version = blobs_->PutIfVersion(kLeaseName, bytes, action.version);
    event.status = version.status();
    if (version.ok()) event.version = *std::move(version);
  }
  if (!event.status.ok() && !action.version.empty()) {
    WEIR_LOG(kWarning, "the leader record wasn't written", {"term", action.record.term},
             {"error", event.status.message()});
  }
  return event;
}

LeaseEvent LeaseKeeper::Perform(const LeaseProbeAction& action) {
  const bool refused = ProbeTcp(action.address, kProbeTimeoutMs) == ProbeResult::kRefused;
  if (refused) {
    WEIR_LOG(kInfo, "nobody listens where the leader was", {"address", action.address});
  }
  return LeaseProbedEvent{refused};
}

}  // namespace weir
