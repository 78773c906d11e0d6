#include "base/io_pool.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"

namespace weir {
namespace {

constexpr size_t kHelpersMax = 8;

// What RunForEach shares with its helpers, some of which may begin after it has returned.
struct Shared {
  absl::Mutex mutex;
  size_t next ABSL_GUARDED_BY(mutex) = 0;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  absl::Status status ABSL_GUARDED_BY(mutex);

  // `work` is only touched while RunForEach waits for `running`.
  void Work(size_t count, const std::function<absl::Status(size_t)>* work) {
    absl::MutexLock lock(&mutex);
    while (next < count && status.ok()) {
      const size_t mine = next++;
      ++running;
      mutex.Unlock();
      absl::Status done = (*work)(mine);
      mutex.Lock();
      --running;
      status.Update(done);
    }
  }
};

class ThreadPool : public IoPool {
 public:
  ThreadPool(const std::string& role, int threads) {
    WEIR_CHECK(threads > 0, "role=", role, " threads=", threads);
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, name = absl::StrCat(role, "/", i)] {
        SetThreadName(name);
        Loop();
      });
    }
  }

  ~ThreadPool() override {
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

  void Run(std::function<void()> work) override {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(work));
  }

 private:
  // Work that runs while the pool closes may queue more: the thread that ran it comes back here
  // and finds it, so nothing is left behind.
  void Loop() {
    while (true) {
      std::function<void()> work;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &ThreadPool::HasWorkOrCloses));
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  bool HasWorkOrCloses() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || closing_;
  }

  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

class InlinePool : public IoPool {
 public:
  void Run(std::function<void()> work) override { work(); }
};

// A strand gives its thread back to the pool after this many pieces, so that a busy strand doesn't
// starve the others.
constexpr int kPiecesPerTurn = 16;

}  // namespace

std::unique_ptr<IoPool> MakeIoPool(const std::string& role, int threads) {
  return std::make_unique<ThreadPool>(role, threads);
}

std::unique_ptr<IoPool> MakeInlineIoPool() { return std::make_unique<InlinePool>(); }

struct Strand::State {
  explicit State(IoPool* p) : pool(p) {}
  IoPool* const pool;
  absl::Mutex mutex;
  std::deque<std::function<void()>> queue ABSL_GUARDED_BY(mutex);
  bool scheduled ABSL_GUARDED_BY(mutex) = false;  // a turn is queued on the pool or running

  // The next piece, or an empty function, which also ends the turn.
  std::function<void()> Take() {
    absl::MutexLock lock(&mutex);
    if (queue.empty()) {
      scheduled = false;
      return nullptr;
    }
    std::function<void()> work = std::move(queue.front());
    queue.pop_front();
    return work;
  }

  static void Turn(const std::shared_ptr<State>& state) {
    for (int i = 0; i < kPiecesPerTurn; ++i) {
      std::function<void()> work = state->Take();
      if (work == nullptr) return;
      work();
    }
    state->pool->Run([state] { Turn(state); });
  }
};

Strand::Strand(IoPool* pool) : state_(std::make_shared<State>(pool)) {}

Strand::~Strand() = default;

void Strand::Run(std::function<void()> work) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->queue.push_back(std::move(work));
    if (state_->scheduled) return;
    state_->scheduled = true;
  }
  state_->pool->Run([state = state_] { State::Turn(state); });
}

absl::Status RunForEach(IoPool* io, size_t count, const std::function<absl::Status(size_t)>& work) {
  auto shared = std::make_shared<Shared>();  // with helpers that come too late
  if (io != nullptr) {
    for (size_t i = 1; i < std::min(count, kHelpersMax); ++i) {
      io->Run([shared, count, work = &work] { shared->Work(count, work); });
    }
  }
  shared->Work(count, &work);
  absl::MutexLock lock(&shared->mutex);
  auto idle = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared->mutex) { return shared->running == 0; };
  shared->mutex.Await(absl::Condition(&idle));
  shared->next = count;  // after an error nothing begins any more
  return shared->status;
}

}  // namespace weir
