// Work of one owner on the I/O pool, one piece after another, that a caller can also see done.
//
// Unlike a Strand, Finish does itself what no thread has begun: a thread of the pool may wait for
// the work without needing a second one.
#ifndef WEIR_STATE_KEYED_ORDERED_WORK_H_
#define WEIR_STATE_KEYED_ORDERED_WORK_H_

#include <deque>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/io_pool.h"

namespace weir {

// Thread-safe. Owned by shared pointers: queued work outlives its owner.
class OrderedWork : public std::enable_shared_from_this<OrderedWork> {
 public:
  using Work = std::function<absl::Status()>;

  // Runs behind what was added before, with the next Start or Finish.
  void Add(Work work) {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(work));
  }
  // Has everything added done on `io`, soon; without `io`, now and here.
  void Start(IoPool* io) {
    if (io == nullptr) return Run();
    io->Run([self = shared_from_this()] { self->Run(); });
  }
  // Returns when everything added is done.
  absl::Status Finish() {
    Run();
    return status();
  }
  // The first error. After it nothing runs any more.
  absl::Status status() const {
    absl::MutexLock lock(&mutex_);
    return status_;
  }
  void Fail(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    status_.Update(status);
  }

 private:
  void Run() {
    absl::MutexLock running(&run_mutex_);
    while (true) {
      Work work;
      {
        absl::MutexLock lock(&mutex_);
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
        if (!status_.ok()) continue;
      }
      const absl::Status done = work();
      work = nullptr;  // what it held goes before the next piece begins
      Fail(done);
    }
  }

  absl::Mutex run_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // held by the thread that works
  mutable absl::Mutex mutex_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir

#endif  // WEIR_STATE_KEYED_ORDERED_WORK_H_
