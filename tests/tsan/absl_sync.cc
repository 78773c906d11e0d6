// Makes the thread sanitizer see Abseil's synchronization.
//
// The distribution's Abseil is built without the sanitizer, so a happens-before edge through
// absl::Mutex, CondVar, Notification or BlockingCounter is invisible to it and everything they
// guard looks like a race. This file defines those functions once more in the executable, where
// they win over the shared library's: each calls the library's own and tells the sanitizer what it
// orders. Linked into the binaries of the tsan preset only.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

#define WEIR_STRING_OF(x) #x
#define WEIR_STRING(x) WEIR_STRING_OF(x)

namespace {

// The library's function with this Itanium-mangled name inside absl's inline namespace.
template <typename Function>
Function Real(const char* name) {
  const std::string inline_namespace = WEIR_STRING(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string symbol =
      "4absl" + std::to_string(inline_namespace.size()) + inline_namespace + name;
  for (const char* prefix : {"_ZN", "_ZNK"}) {
    if (void* found = dlsym(RTLD_NEXT, (prefix + symbol).c_str())) {
      return reinterpret_cast<Function>(found);
    }
  }
  std::fprintf(stderr, "tests/tsan: Abseil has no symbol %s\n", symbol.c_str());
  std::abort();
}

// Where both the inline HasBeenNotified() and the waiting functions look: the flag behind the
// mutex.
void* FlagOf(const absl::Notification* notification) {
  return reinterpret_cast<char*>(const_cast<absl::Notification*>(notification)) +
         sizeof(absl::Mutex);
}

}  // namespace

// A function that returns holding the mutex.
#define WEIR_ACQUIRES(name, mangled)                          \
  void Mutex::name() {                                        \
    static const auto real = Real<void (*)(Mutex*)>(mangled); \
    real(this);                                               \
    __tsan_acquire(this);                                     \
  }

#define WEIR_TRIES(name, mangled)                             \
  bool Mutex::name() {                                        \
    static const auto real = Real<bool (*)(Mutex*)>(mangled); \
    const bool held = real(this);                             \
    if (held) __tsan_acquire(this);                           \
    return held;                                              \
  }

#define WEIR_RELEASES(name, mangled)                          \
  void Mutex::name() {                                        \
    static const auto real = Real<void (*)(Mutex*)>(mangled); \
    __tsan_release(this);                                     \
    real(this);                                               \
  }

// A function that waits for a condition and returns holding the mutex; `before` is what it does to
// the mutex first.
#define WEIR_WAITS(name, mangled, before)                                       \
  void Mutex::name(const Condition& condition) {                                \
    static const auto real = Real<void (*)(Mutex*, const Condition&)>(mangled); \
    before;                                                                     \
    real(this, condition);                                                      \
    __tsan_acquire(this);                                                       \
  }

#define WEIR_WAITS_UNTIL(name, mangled, Limit, before)                                 \
  bool Mutex::name(const Condition& condition, Limit limit) {                          \
    static const auto real = Real<bool (*)(Mutex*, const Condition&, Limit)>(mangled); \
    before;                                                                            \
    const bool met = real(this, condition, limit);                                     \
    __tsan_acquire(this);                                                              \
    return met;                                                                        \
  }

namespace absl {
ABSL_NAMESPACE_BEGIN

WEIR_ACQUIRES(Lock, "5Mutex4LockEv")
WEIR_ACQUIRES(ReaderLock, "5Mutex10ReaderLockEv")
WEIR_TRIES(TryLock, "5Mutex7TryLockEv")
WEIR_TRIES(ReaderTryLock, "5Mutex13ReaderTryLockEv")
WEIR_RELEASES(Unlock, "5Mutex6UnlockEv")
WEIR_RELEASES(ReaderUnlock, "5Mutex12ReaderUnlockEv")
WEIR_WAITS(LockWhen, "5Mutex8LockWhenERKNS0_9ConditionE", )
WEIR_WAITS(ReaderLockWhen, "5Mutex14ReaderLockWhenERKNS0_9ConditionE", )
WEIR_WAITS(Await, "5Mutex5AwaitERKNS0_9ConditionE", __tsan_release(this))
WEIR_WAITS_UNTIL(LockWhenWithTimeout, "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                 Duration, )
WEIR_WAITS_UNTIL(LockWhenWithDeadline, "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE",
                 Time, )
WEIR_WAITS_UNTIL(AwaitWithTimeout, "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                 Duration, __tsan_release(this))
WEIR_WAITS_UNTIL(AwaitWithDeadline, "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", Time,
                 __tsan_release(this))

// A condition runs under the mutex, but in whichever thread releases it, after that thread told the
// sanitizer so.
bool Condition::Eval() const {
  static const auto real = Real<bool (*)(const Condition*)>("9Condition4EvalEv");
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  const bool met = real(this);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool expired = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return expired;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool (*)(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool expired = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return expired;
}

void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>("12Notification6NotifyEv");
  __tsan_release(FlagOf(this));
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      Real<void (*)(const Notification*)>("12Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(FlagOf(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = Real<bool (*)(const Notification*, Duration)>(
      "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  if (notified) __tsan_acquire(FlagOf(this));
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static const auto real = Real<bool (*)(const Notification*, Time)>(
      "12Notification31WaitForNotificationWithDeadlineENS0_4TimeE");
  const bool notified = real(this, deadline);
  if (notified) __tsan_acquire(FlagOf(this));
  return notified;
}

bool BlockingCounter::DecrementCount() {
  static const auto real = Real<bool (*)(BlockingCounter*)>("15BlockingCounter14DecrementCountEv");
  __tsan_release(this);
  return real(this);
}

void BlockingCounter::Wait() {
  static const auto real = Real<void (*)(BlockingCounter*)>("15BlockingCounter4WaitEv");
  real(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
