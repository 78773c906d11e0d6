#include "operators/worker_memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// Measured: an idle worker holds about 55 MiB, gRPC under load and the allocator's slack the rest.
constexpr int64_t kProcess = 64 * kMiB;
// A slot's batch at hand: raw records, their columns, and what expressions make of them.
constexpr int64_t kProcessPerSlotBatches = 8;
// Larger batches save nothing, smaller ones cost CPU per row.
constexpr int64_t kBatchMax = 4 * kMiB;
constexpr int64_t kBatchMin = kMiB / 2;
constexpr int64_t kBatchesPerSlotOfAll = 128;
// Of what is left, in per cent: the rest is state's.
constexpr int kStore = 8;
constexpr int kPartials = 10;
constexpr int kSource = 12;
constexpr int kExchange = 10;
constexpr int kSink = 15;
// Below this a worker would do nothing but wait and spill.
constexpr int64_t kLeastLeft = 32 * kMiB;
constexpr int64_t kLeastLeftPerSlot = 8 * kMiB;

int64_t Batch(int64_t memory_bytes, int slots) {
  return std::clamp(memory_bytes / kBatchesPerSlotOfAll / slots, kBatchMin, kBatchMax);
}

int64_t Process(int64_t memory_bytes, int slots) {
  return kProcess + slots * kProcessPerSlotBatches * Batch(memory_bytes, slots);
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(int64_t memory_bytes, int slots) {
  MemoryPlan plan;
  plan.total = memory_bytes;
  plan.batch = Batch(memory_bytes, slots);
  plan.process = Process(memory_bytes, slots);
  const int64_t left = memory_bytes - plan.process;
  const int64_t least = kLeastLeft + slots * kLeastLeftPerSlot;
  if (left < least) {
    int64_t needed = kProcess;  // batches, and with them the process's part, grow with it
    while (needed - Process(needed, slots) < least) needed += kMiB;
    return absl::InvalidArgumentError(
        absl::StrCat("--memory ", memory_bytes / kMiB, "MiB is too little: a worker with ", slots,
                     slots == 1 ? " slot" : " slots", " needs at least ", needed / kMiB,
                     "MiB; give it that, or fewer --slots"));
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
