#include "sql/large_stack.h"

#include <pthread.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// libpg_query takes about 2 KB of stack a level when it writes its tree; kStatementTokensMax levels
// fit many times, with a sanitizer's larger frames too.
constexpr size_t kStackBytes = size_t{256} << 20;

void* Run(void* work) {
  (*static_cast<absl::FunctionRef<void()>*>(work))();
  return nullptr;
}

}  // namespace

absl::Status RunOnLargeStack(absl::FunctionRef<void()> work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  if (error == 0) error = pthread_create(&thread, &attributes, Run, &work);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread to parse the script on: ", std::strerror(error)));
  }
  pthread_join(thread, nullptr);
  return absl::OkStatus();
}

}  // namespace weir
