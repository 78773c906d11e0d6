// How a worker's `--memory` is divided, and what each part holds of it.
//
// Shares are fixed for the life of the process: a part that borrowed another's would have to be
// able to give it back at once, and none but keyed state can. Every part but state answers a full
// share with back-pressure or by getting rid of something early; state spills.
#ifndef WEIR_OPERATORS_WORKER_MEMORY_H_
#define WEIR_OPERATORS_WORKER_MEMORY_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/memory_budget.h"

namespace weir {

// Bytes. The parts add up to the total.
struct MemoryPlan {
  int64_t total = 0;
  // Binary, threads, gRPC, the batch that each slot has at hand, and what allocators keep: not
  // counted while running, but measured (docs/memory.md) and set aside.
  int64_t process = 0;
  int64_t state = 0;     // tables of keyed state, and copies of them on their way to disk
  int64_t store = 0;     // RocksDB: block cache with memtables, index and filter blocks in it
  int64_t partials = 0;  // tables of partial aggregates at the source side
  int64_t source = 0;    // records fetched ahead, by librdkafka
  int64_t exchange = 0;  // rows in channels between tasks, sent and not yet taken in
  int64_t sink = 0;      // rows queued for files, and open row groups
  // No part: about what a source task reads at once, so that batches fit the memory.
  int64_t batch = 0;
};

// What is set aside for the process and the least that each part can work with, by slots.
// INVALID_ARGUMENT naming the least --memory when `memory_bytes` is below.
absl::StatusOr<MemoryPlan> PlanMemory(int64_t memory_bytes, int slots);

// The budgets of one worker process. Outlives everything that reserves from it.
struct WorkerMemory {
  explicit WorkerMemory(const MemoryPlan& memory_plan)
      : plan(memory_plan),
        state(plan.state),
        store(plan.store),
        partials(plan.partials),
        source(plan.source),
        exchange(plan.exchange),
        sink(plan.sink) {}

  const MemoryPlan plan;
  MemoryBudget state;
  MemoryBudget store;  // limit() is the capacity of the shared cache; used is reported by its owner
  MemoryBudget partials;
  MemoryBudget source;
  MemoryBudget exchange;
  MemoryBudget sink;

  // Part name, as metrics say it, and its budget.
  std::vector<std::pair<std::string_view, const MemoryBudget*>> parts() const {
    return {{"state", &state},   {"store", &store},       {"partials", &partials},
            {"source", &source}, {"exchange", &exchange}, {"sink", &sink}};
  }
};

}  // namespace weir

#endif  // WEIR_OPERATORS_WORKER_MEMORY_H_
