// Threads for work that blocks: file writes, uploads, HTTP, RocksDB. Slot threads never block.
#ifndef WEIR_BASE_IO_POOL_H_
#define WEIR_BASE_IO_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace weir {

// Thread-safe.
class IoPool {
 public:
  virtual ~IoPool() = default;
  // Runs `work` on some thread, soon.
  virtual void Run(std::function<void()> work) = 0;
};

// `threads` threads named `<role>/0`, `<role>/1`, ... The destructor finishes queued work.
std::unique_ptr<IoPool> MakeIoPool(const std::string& role, int threads);
// Runs everything at once on the caller's thread, for tests.
std::unique_ptr<IoPool> MakeInlineIoPool();

// Runs work(0) ... work(count - 1), on this thread and on those of `io` that are free; the first
// error ends it. Never waits for a thread that hasn't begun, so it may itself run on `io`. Without
// `io` all runs here.
absl::Status RunForEach(IoPool* io, size_t count, const std::function<absl::Status(size_t)>& work);

// Runs work handed to it one piece after another, in order, on a pool.
// Thread-safe. May be destroyed while work is queued: that work still runs.
class Strand {
 public:
  explicit Strand(IoPool* pool);
  ~Strand();
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;
  void Run(std::function<void()> work);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the pool: queued work outlives the strand
};

}  // namespace weir

#endif  // WEIR_BASE_IO_POOL_H_
