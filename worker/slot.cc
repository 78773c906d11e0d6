#include "worker/slot.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"

namespace weir {
namespace {

// A sleeping slot looks around this often even if nobody wakes it: idle timeouts and statistics go
// on without rows.
constexpr absl::Duration kNap = absl::Milliseconds(20);

}  // namespace

Slot::Slot(int number)
    : thread_([this, number] {
        SetThreadName(absl::StrCat("slot/", number));
        Run();
      }) {}

Slot::~Slot() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  thread_.join();
}

void Slot::Add(std::shared_ptr<Task> task) {
  absl::MutexLock lock(&mutex_);
  orders_.push_back([this, task = std::move(task)] { tasks_.push_back(task); });
  awake_ = true;
}

void Slot::Remove(std::shared_ptr<Task> task, std::function<void()> done) {
  absl::MutexLock lock(&mutex_);
  orders_.push_back([this, task = std::move(task), done = std::move(done)]() mutable {
    std::erase(tasks_, task);
    task.reset();
    done();
  });
  awake_ = true;
}

void Slot::Wake() {
  absl::MutexLock lock(&mutex_);
  awake_ = true;
}

void Slot::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (ending_) break;
      awake_ = false;
    }
    TakeOrders();
    if (StepAll()) continue;
    absl::MutexLock lock(&mutex_);
    auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return awake_ || ending_; };
    mutex_.AwaitWithTimeout(absl::Condition(&due), kNap);
  }
  tasks_.clear();
}

void Slot::TakeOrders() {
  std::vector<std::function<void()>> orders;
  {
    absl::MutexLock lock(&mutex_);
    orders.swap(orders_);
  }
  for (const std::function<void()>& order : orders) order();
}

bool Slot::StepAll() {
  bool busy = false;
  for (const std::shared_ptr<Task>& task : tasks_) {
    if (task->Step() == Task::StepResult::kBusy) busy = true;
  }
  return busy;
}

}  // namespace weir
