#include "operators/worker_memory.h"

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// Measured: an idle worker holds about 55 MiB, gRPC under load and the allocator's slack the rest.
constexpr int64_t kProcess = 64 * kMiB;
// A slot's batch at hand: raw records, their columns, and what expressions make of them.
constexpr int64_t kProcessPerSlot = 12 * kMiB;
// Of what is left, in per cent: the rest is state's.
constexpr int kStore = 8;
constexpr int kPartials = 10;
constexpr int kSource = 12;
constexpr int kExchange = 10;
constexpr int kSink = 15;
// Below this a worker would do nothing but wait and spill.
constexpr int64_t kLeastLeft = 32 * kMiB;
constexpr int64_t kLeastLeftPerSlot = 8 * kMiB;

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(int64_t memory_bytes, int slots) {
  MemoryPlan plan;
  plan.total = memory_bytes;
  plan.process = kProcess + slots * kProcessPerSlot;
  const int64_t left = memory_bytes - plan.process;
  const int64_t least = kLeastLeft + slots * kLeastLeftPerSlot;
  if (left < least) {
    return absl::InvalidArgumentError(
        absl::StrCat("--memory ", memory_bytes / kMiB, "MiB is too little: a worker with ", slots,
                     slots == 1 ? " slot" : " slots", " needs at least ",
                     (plan.process + least) / kMiB, "MiB; give it that, or fewer --slots"));
  }
  plan.store = left * kStore / 100;
  plan.partials = left * kPartials / 100;
  plan.source = left * kSource / 100;
  plan.exchange = left * kExchange / 100;
  plan.sink = left * kSink / 100;
  plan.state = left - plan.store - plan.partials - plan.source - plan.exchange - plan.sink;
  return plan;
}

}  // namespace weir
