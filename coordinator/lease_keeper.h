// Performs what a Lease decides, on a thread of its own: nothing that blocks the job logs may keep
// the leader from saying that it is there.
#ifndef WEIR_COORDINATOR_LEASE_KEEPER_H_
#define WEIR_COORDINATOR_LEASE_KEEPER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/lease.h"

namespace weir {

class BlobStore;
class Clock;

// Hears of the process's role, on the keeper's thread; doesn't block.
class LeaseListener {
 public:
  virtual ~LeaseListener() = default;
  virtual void OnLead(int64_t term) = 0;
  // `address` of the leader; empty = not known.
  virtual void OnFollow(const std::string& address) = 0;
};

// Thread-safe.
class LeaseKeeper {
 public:
  // All outlive the keeper.
  LeaseKeeper(BlobStore* blobs, Clock* clock, LeaseRecord self, LeaseOptions options,
              LeaseListener* listener);
  // Once; the listener hears from then on.
  void Start();
  // Doesn't release: whoever comes next waits for the lease, unless Release() came before.
  ~LeaseKeeper();

  // Lets the next coordinator take over at once; returns when that is written, or can't be.
  void Release();
  // Reads the record now; `done`, on the keeper's thread, hears whether this process held the lease
  // at some moment after this call. Never called when the keeper ends first.
  void Confirm(std::function<void(bool leads)> done);
  // The record could be read or written the last time.
  bool knows() const;

 private:
  void Run();
  // Handles the event and all that follows from it.
  void Handle(LeaseEvent event) ABSL_LOCKS_EXCLUDED(mutex_);
  LeaseEvent Perform(const LeaseReadAction& action);
  LeaseEvent Perform(const LeaseWriteAction& action);
  LeaseEvent Perform(const LeaseProbeAction& action);

  BlobStore* const blobs_;
  Clock* const clock_;
  LeaseListener* const listener_;
  Lease lease_;  // the thread's

  mutable absl::Mutex mutex_;
  bool knows_ ABSL_GUARDED_BY(mutex_) = false;
  bool release_ ABSL_GUARDED_BY(mutex_) = false;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void(bool)>> confirms_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses the above
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_LEASE_KEEPER_H_
