#include "operators/window/owner_state.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/io_pool.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/status_macros.h"
#include "operators/window/aggregate_messages.h"
#include "operators/window/pane_entries.h"
#include "state/keyed/file_merge_policy.h"

namespace weir {
namespace {

// Less than this isn't worth a file, however short memory is; of small budgets, this share.
constexpr int64_t kEvictionBytesMin = 1 << 20;
constexpr int64_t kEvictionShareMin = 16;
// Stored state is loaded if it needs no more of the budget than this, and no more than a task loads
// in about half a second, for which its job stands still; else it stays in files.
constexpr double kLoadedShareMax = 0.25;
constexpr int64_t kLoadedBytesMax = 64 << 20;
// Evictions begin when so much of the budget is used: rows go on beside them.
constexpr double kCrowdedShare = 0.75;

// Panes on their way out, and their part of the budget.
struct Eviction {
  explicit Eviction(MemoryBudget* budget) : memory(budget) {}
  std::vector<EvictedPane> panes;
  MemoryShare memory;
};

// A delta on its way to disk, its part of the budget, and the list with it.
struct HeldDelta {
  explicit HeldDelta(MemoryBudget* budget) : memory(budget) {}
  StateDelta delta;
  MemoryShare memory;
  std::vector<StateFile> files;
};

}  // namespace

OwnerState::OwnerState(const AggregateSpec& spec, std::shared_ptr<const AggregateStates> states,
                       const WindowGrid* grid, PaneTables* panes, FiredWatermarks* fired)
    : spec_(spec),
      states_(std::move(states)),
      grid_(grid),
      panes_(panes),
      fired_(fired),
      key_types_(KeyTypes(spec)) {}

absl::Status OwnerState::Open(const OperatorContext& context, const TaskRestore& restore) {
  context_ = context;
  key_groups_ = restore.key_groups;
  memory_.emplace(context_.state_memory);
  KeyedStateOptions options;
  options.job = context_.job;
  options.state_id = spec_.state_id;
  options.schema = StateSchema(spec_);
  options.generation = context_.generation.value;
  options.key_groups = key_groups_;
  options.directory = context_.state_directory;
  options.blobs = context_.blobs;
  options.random = context_.random;
  options.io = context_.io;
  keyed_ = MakeKeyedState(std::move(options));

  std::vector<OperatorState> states;
  for (const OperatorState& state : restore.states) {
    if (state.state_id == spec_.state_id) states.push_back(state);
  }
  const int64_t began_us = context_.clock->MonotonicMicros();
  WEIR_ASSIGN_OR_RETURN(const KeyedState::Found found, keyed_->Restore(states));
  const int64_t local_us = context_.clock->MonotonicMicros();
  WEIR_RETURN_IF_ERROR(RestoreFired(states));
  WEIR_ASSIGN_OR_RETURN(const bool loaded, RestorePanes(found));
  if (found.entries == 0) return absl::OkStatus();
  const KeyedState::Size size = keyed_->size();
  WEIR_LOG(kInfo, loaded ? "state restored" : "state restored, large: it stays in files",
           {"job", context_.job}, {"task", context_.task.index}, {"files", size.files},
           {"bytes", size.bytes}, {"entries", found.entries},
           {"fetch_ms", (local_us - began_us) / 1000},
           {"load_ms", (context_.clock->MonotonicMicros() - local_us) / 1000});
  return absl::OkStatus();
}

absl::Status OwnerState::RestoreFired(const std::vector<OperatorState>& states) {
  for (const OperatorState& state : states) {
    fired_->Set({std::max(state.key_groups.begin, key_groups_.begin),
                 std::min(state.key_groups.end, key_groups_.end)},
                state.watermark);
  }
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<StateCursor> cursor, keyed_->Read({kUndyingTime}));
  for (; cursor->Valid(); cursor->Next()) {
    WEIR_ASSIGN_OR_RETURN(const PaneEntry entry, ParsePaneEntry(cursor->entry(), key_types_));
    if (!entry.fired) continue;
    fired_->Set({entry.key_group, entry.key_group + 1}, *entry.fired);
    stored_fired_ = true;
  }
  WEIR_RETURN_IF_ERROR(cursor->status());
  fired_->FinishRestore(key_groups_);
  return absl::OkStatus();
}

// False: they stay in files.
absl::StatusOr<bool> OwnerState::RestorePanes(const KeyedState::Found& found) {
  // Files may hold panes that have expired since they were written.
  int64_t dead_up_to = kUndyingTime;
  std::vector<int64_t> alive;
  for (int64_t end : found.times) {
    WEIR_RETURN_IF_ERROR(CheckPane(end));
    if (grid_->LastWindowEnd(end) <= fired_->lowest().micros) {
      dead_up_to = end;
    } else {
      alive.push_back(end);
    }
  }
  WEIR_ASSIGN_OR_RETURN(const bool loaded, LoadPanes(found, dead_up_to));
  if (loaded) return true;
  for (int64_t end : alive) panes_->RestoreSpilled(end, found.last_run + 1);
  memory_->Take(panes_->bytes());
  return false;
}

// False: there is too much of it.
absl::StatusOr<bool> OwnerState::LoadPanes(const KeyedState::Found& found, int64_t dead_up_to) {
  const bool bounded = context_.state_memory != nullptr;
  const int64_t most =
      bounded ? std::min(static_cast<int64_t>(context_.state_memory->limit() * kLoadedShareMax),
                         kLoadedBytesMax)
              : 0;
  constexpr int64_t kSlotBytes = 16;
  const int64_t wanted =
      found.bytes +
      found.entries * static_cast<int64_t>(sizeof(GroupRow) + states_->width() + kSlotBytes);
  if (bounded && (wanted > most || !memory_->Resize(wanted))) return false;
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<StateCursor> cursor, keyed_->ReadAll(dead_up_to));
  for (; cursor->Valid(); cursor->Next()) {
    WEIR_ASSIGN_OR_RETURN(const PaneEntry entry, ParsePaneEntry(cursor->entry(), key_types_));
    if (entry.kind == PaneEntry::Kind::kFired) continue;
    WEIR_RETURN_IF_ERROR(panes_->Restore(entry, found.last_run + 1));
    // Sets: more than the entries told.
    if (bounded && panes_->bytes() > 2 * most) return false;
  }
  WEIR_RETURN_IF_ERROR(cursor->status());
  memory_->Take(panes_->bytes());
  return true;
}

absl::Status OwnerState::CheckPane(int64_t pane_end) const {
  if (grid_->IsPaneEnd(pane_end)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "stored state ", spec_.state_id, " names a pane that can't be, ending at ", pane_end, " us"));
}

absl::Status OwnerState::Settle() {
  WEIR_RETURN_IF_ERROR(work_->status());
  const bool granted = memory_->Resize(panes_->bytes());
  short_of_memory_ = !granted;
  if (!granted) memory_->Take(panes_->bytes());
  if (progress_->evictions.load(std::memory_order_acquire) > 0) return absl::OkStatus();
  MemoryBudget* const budget = context_.state_memory;
  if (budget == nullptr) return absl::OkStatus();
  const bool crowded = budget->used() > static_cast<int64_t>(budget->limit() * kCrowdedShare) &&
                       panes_->bytes() > memory_->fair() / 2;
  if (!crowded && (granted || panes_->bytes() < EvictionBytesMin())) return absl::OkStatus();
  LogFirstSpill();
  Evict(panes_->Coldest(panes_->bytes() / 2));
  work_->Start(context_.io);
  return work_->status();
}

int64_t OwnerState::EvictionBytesMin() const {
  return std::min(kEvictionBytesMin, context_.state_memory->limit() / kEvictionShareMin);
}

bool OwnerState::Blocked() const {
  if (short_of_memory_ && progress_->evictions.load(std::memory_order_acquire) > 0) return true;
  return progress_->files.load(std::memory_order_relaxed) > 2 * kStateFilesMax;
}

void OwnerState::LogFirstSpill() {
  if (std::exchange(spilled_before_, true)) return;
  constexpr int64_t kMiB = 1 << 20;
  WEIR_LOG(kInfo, "state exceeds its memory: the coldest panes go to disk", {"job", context_.job},
           {"task", context_.task.index}, {"groups", panes_->groups()},
           {"state_mib", panes_->bytes() / kMiB},
           {"used_mib", context_.state_memory->used() / kMiB},
           {"limit_mib", context_.state_memory->limit() / kMiB});
}

void OwnerState::Evict(const std::vector<int64_t>& ends) {
  // Shared, because std::function wants a copyable owner.
  auto eviction = std::make_shared<Eviction>(context_.state_memory);
  const int64_t before = panes_->bytes();
  eviction->panes = panes_->Evict(ends);
  if (eviction->panes.empty()) return;
  const int64_t bytes = before - panes_->bytes();
  uint32_t last_run = 0;
  for (const EvictedPane& pane : eviction->panes) last_run = std::max(last_run, pane.run);
  // The bytes change hands.
  eviction->memory.Take(bytes);
  memory_->Take(panes_->bytes());
  progress_->evictions.fetch_add(1, std::memory_order_release);
  work_->Add([eviction, last_run, keyed = keyed_, states = states_, progress = progress_,
              merge = MergeLater(), wake = context_.wake]() mutable -> absl::Status {
    absl::StatusOr<int64_t> written = keyed->Append(
        last_run, [&](PutStateEntry put) { return WriteEvicted(*states, eviction->panes, put); });
    eviction.reset();  // the memory is free before anybody hears of it
    if (written.ok()) progress->spilled_bytes.fetch_add(*written, std::memory_order_relaxed);
    progress->files.store(keyed->size().files, std::memory_order_relaxed);
    progress->evictions.fetch_sub(1, std::memory_order_release);
    if (wake) wake();
    merge();
    return written.status();
  });
}

// Brings the list into shape, beside whatever else goes on.
std::function<void()> OwnerState::MergeLater() const {
  return
      [keyed = keyed_, work = work_, progress = progress_, io = context_.io, wake = context_.wake] {
        auto merge = [keyed, work, progress, wake] {
          while (true) {
            const absl::StatusOr<bool> merged = keyed->MergeFiles();
            if (!merged.ok()) return work->Fail(merged.status());
            progress->files.store(keyed->size().files, std::memory_order_relaxed);
            if (!*merged) break;
          }
          if (wake) wake();
        };
        if (io != nullptr) {
          io->Run(merge);
        } else {
          merge();
        }
      };
}

PendingState OwnerState::Capture(const Barrier& barrier) {
  auto held = std::make_shared<HeldDelta>(context_.state_memory);
  bool evicted = false;
  // A copy that there is no room for isn't made: the panes go as they are.
  for (int64_t end : panes_->Dirtiest()) {
    if (held->memory.Resize(panes_->DirtyBytes())) break;
    if (panes_->DirtyBytes(end) < EvictionBytesMin()) break;
    LogFirstSpill();
    Evict({end});
    evicted = true;
  }
  panes_->Capture(&held->delta);
  CaptureFired(&held->delta);
  // It exists already; counted, it holds others back.
  held->memory.Take(held->delta.bytes());

  OperatorState state;
  state.state_id = spec_.state_id;
  state.schema = StateSchema(spec_);
  state.key_groups = key_groups_;
  state.watermark = fired_->highest();
  const uint32_t last_run = panes_->last_run();
  work_->Add([held, last_run, keyed = keyed_, id = barrier.id,
              dead_up_to = panes_->expired_up_to()]() -> absl::Status {
    const auto written =
        keyed->Append(last_run, [&](PutStateEntry put) { return held->delta.WriteSorted(put); });
    WEIR_RETURN_IF_ERROR(written.status());
    held->delta = StateDelta();
    held->memory.Take(0);
    WEIR_ASSIGN_OR_RETURN(held->files, keyed->Checkpoint(id, dead_up_to));
    return absl::OkStatus();
  });
  // Rows may wait for the memory: not for checkpoints before this one as well.
  if (evicted) work_->Start(context_.io);
  PendingState pending;
  pending.finish = [held, work = work_, merge = MergeLater(),
                    state = std::move(state)]() mutable -> absl::StatusOr<CapturedState> {
    WEIR_RETURN_IF_ERROR(work->Finish());
    state.files = std::move(held->files);
    CapturedState captured;
    captured.states.push_back(std::move(state));
    merge();
    return captured;
  };
  return pending;
}

// OperatorState::watermark is the highest; groups that lag behind it have entries of their own.
void OwnerState::CaptureFired(StateDelta* delta) {
  if (fired_->even() && !stored_fired_) return;
  for (int g = key_groups_.begin; g < key_groups_.end; ++g) {
    const bool lags = fired_->Of(g) != fired_->highest();
    if (!lags && !stored_fired_) continue;
    delta->AddFired(static_cast<uint16_t>(g), lags ? std::optional(fired_->Of(g)) : std::nullopt);
  }
  stored_fired_ = !fired_->even();
}

std::shared_ptr<SpilledWindow> OwnerState::Read(int64_t window_start, int64_t window_end,
                                                const std::vector<PaneTables::Open>& panes) {
  std::vector<int64_t> ends;
  for (const PaneTables::Open& pane : panes) ends.push_back(pane.end);
  Evict(ends);
  auto spec = std::make_shared<const AggregateSpec>(spec_);
  struct Kept {
    std::shared_ptr<const AggregateSpec> spec;
    std::shared_ptr<const AggregateStates> states;
  };
  auto kept = std::make_shared<const Kept>(Kept{spec, states_});
  auto window = std::make_shared<SpilledWindow>(context_.io, context_.wake, kept);
  work_->Add([=, keyed = keyed_]() -> absl::Status {
    absl::StatusOr<std::unique_ptr<StateCursor>> cursor = keyed->Read(ends);
    if (!cursor.ok()) {
      window->Begin(cursor.status());
      return cursor.status();
    }
    window->Begin(std::make_unique<WindowReader>(kept->spec.get(), kept->states.get(), window_start,
                                                 window_end, *std::move(cursor)));
    return absl::OkStatus();
  });
  work_->Start(context_.io);
  return window;
}

OwnerState::Figures OwnerState::figures() const {
  Figures figures;
  figures.spilled_bytes = progress_->spilled_bytes.load(std::memory_order_relaxed);
  if (keyed_ != nullptr) figures.files = keyed_->size();
  return figures;
}

}  // namespace weir
