// A thread with a stack for deep recursion: 80 KB of 1+1+... overflow an ordinary one inside
// libpg_query, and kill the process.
#ifndef WEIR_SQL_LARGE_STACK_H_
#define WEIR_SQL_LARGE_STACK_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace weir {

// Runs `work` on a thread of its own and waits for it. Only what is touched of the stack costs
// memory. RESOURCE_EXHAUSTED when the thread can't be made.
absl::Status RunOnLargeStack(absl::FunctionRef<void()> work);

}  // namespace weir

#endif  // WEIR_SQL_LARGE_STACK_H_
