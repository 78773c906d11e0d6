#include "coordinator/event_loop.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"

namespace weir {

EventLoop::EventLoop(Clock* clock) : clock_(clock), thread_([this] { Loop(); }) {}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Post(std::function<void()> work) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  queue_.push_back(std::move(work));
  changed_.Signal();
}

void EventLoop::PostAt(int64_t at_us, std::function<void()> work) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  timers_.emplace(at_us, std::move(work));
  changed_.Signal();
}

void EventLoop::Run(const std::function<void()>& work) {
  if (std::this_thread::get_id() == thread_.get_id()) return work();
  absl::Notification done;
  Post([&] {
    work();
    done.Notify();
  });
  done.WaitForNotification();
}

void EventLoop::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  absl::MutexLock lock(&mutex_);
  queue_.clear();
  timers_.clear();
}

std::deque<std::function<void()>> EventLoop::Take() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    if (stopped_) return {};
    const int64_t now_us = clock_->MonotonicMicros();
    while (!timers_.empty() && timers_.begin()->first <= now_us) {
      queue_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    if (!queue_.empty()) return std::exchange(queue_, {});
    if (timers_.empty()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitWithTimeout(&mutex_, absl::Microseconds(timers_.begin()->first - now_us));
    }
  }
}

void EventLoop::Loop() {
  SetThreadName("coordinator");
  while (true) {
    std::deque<std::function<void()>> work = Take();
    if (work.empty()) return;
    for (const auto& piece : work) piece();
  }
}

}  // namespace weir
