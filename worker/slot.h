// An execution thread: steps its tasks in turn and sleeps when none has work.
#ifndef WEIR_WORKER_SLOT_H_
#define WEIR_WORKER_SLOT_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/task.h"

namespace weir {

// Any thread, except as noted.
class Slot {
 public:
  // Starts the thread `slot/<number>`.
  explicit Slot(int number);
  // Ends the thread; tasks still here are destroyed on it.
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // The task is stepped from now on.
  void Add(std::shared_ptr<Task> task);
  // Stops stepping the task; `done` runs on the slot thread after it has been let go.
  void Remove(std::shared_ptr<Task> task, std::function<void()> done);
  // A channel, Kafka or a mailbox has something. Cheap when the slot is awake.
  void Wake();

 private:
  void Run();
  void TakeOrders() ABSL_LOCKS_EXCLUDED(mutex_);
  // Steps every task once; whether any was busy.
  bool StepAll();

  absl::Mutex mutex_;
  std::vector<std::function<void()>> orders_ ABSL_GUARDED_BY(mutex_);
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::shared_ptr<Task>> tasks_;  // slot thread; shared with the deployment's mail
  std::thread thread_;                        // last: starts when all else is made
};

}  // namespace weir

#endif  // WEIR_WORKER_SLOT_H_
