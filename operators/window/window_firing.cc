#include "operators/window/window_firing.h"

#include <algorithm>

#include "base/log.h"
#include "base/status_macros.h"
#include "model/batch.h"
#include "operators/window/aggregate_messages.h"

namespace weir {

void WindowFiring::Begin(EventTime time) {
  WEIR_CHECK(!active_, "windows fire already, up_to=", up_to_.micros);
  active_ = true;
  up_to_ = time;
  if (panes_->empty()) return;
  const int64_t fired = fired_->lowest().micros;
  int64_t window_end = grid_->FirstWindowEnd(panes_->first_end());
  if (window_end <= fired) {
    // Panes of open windows that earlier windows, already fired, held too.
    window_end += ((fired - window_end) / grid_->slide() + 1) * grid_->slide();
  }
  OpenWindow(window_end);
}

WindowFiring::~WindowFiring() {
  if (window_ && window_->files != nullptr) window_->files->Cancel();
}

bool WindowFiring::waiting() const {
  return window_ && window_->files != nullptr && !window_->chunk && window_->files->waiting();
}

absl::Status WindowFiring::Continue(Output& out) {
  budget_ = kBatchRows;
  while (window_ && budget_ > 0) {
    Window& window = *window_;
    if (window.files != nullptr) {
      if (waiting()) return absl::OkStatus();
      WEIR_RETURN_IF_ERROR(EmitFromFiles(window, out));
      continue;
    }
    if (window.merged && window.pane < window.panes.size()) {
      WEIR_RETURN_IF_ERROR(Merge(window));
      continue;
    }
    WEIR_RETURN_IF_ERROR(
        EmitSome(window, window.merged ? *window.merged : *window.panes[0].table, out));
  }
  if (window_) return absl::OkStatus();
  active_ = false;
  return rows_->Flush(out);
}

// The window that ends at `window_end`, or the next one that holds any pane.
void WindowFiring::OpenWindow(int64_t window_end) {
  window_.reset();
  while (window_end <= up_to_.micros) {
    Window window;
    window.start = window_end - grid_->size();
    window.end = window_end;
    window.panes = panes_->Between(window.start + grid_->pane(), window_end);
    if (!window.panes.empty()) {
      if (std::any_of(window.panes.begin(), window.panes.end(),
                      [](const PaneTables::Open& pane) { return pane.spilled; })) {
        window.files = owner_->Read(window.start, window.end, window.panes);
      } else if (window.panes.size() > 1) {
        window.merged.emplace(states_->width());
      }
      window_ = std::move(window);
      return;
    }
    int64_t pane_end = 0;
    if (!panes_->NextEnd(window.start, &pane_end)) return;
    window_end = std::max(window_end + grid_->slide(), grid_->FirstWindowEnd(pane_end));
  }
}

absl::Status WindowFiring::Merge(Window& window) {
  GroupTable& from = *window.panes[window.pane].table;
  GroupRow* failed = nullptr;
  const int64_t count = std::min(kMergeBlock, from.size() - window.row);
  absl::Status status = MergeRows(*states_, from, window.row, count, *window.merged, &failed);
  if (!status.ok()) return InGroup(status, *spec_, window.start, window.end, failed->key());
  budget_ -= count;
  window.row += count;
  if (window.row < from.size()) return status;
  ++window.pane;
  window.row = 0;
  return status;
}

absl::Status WindowFiring::EmitSome(Window& window, GroupTable& table, Output& out) {
  for (; window.next_group < table.size() && budget_ > 0; ++window.next_group, --budget_) {
    GroupRow* group = table.row(window.next_group);
    WEIR_RETURN_IF_ERROR(Emit(window, group->key_group, group->key(), group->states(), out));
  }
  if (window.next_group == table.size()) OpenWindow(window.end + grid_->slide());
  return absl::OkStatus();
}

absl::Status WindowFiring::EmitFromFiles(Window& window, Output& out) {
  if (!window.chunk) {
    WEIR_ASSIGN_OR_RETURN(window.chunk, window.files->Take());
    window.next_group = 0;
  }
  const GroupChunk& chunk = *window.chunk;
  const auto size = static_cast<int64_t>(chunk.size());
  const auto* states = reinterpret_cast<const uint8_t*>(chunk.states.data());
  for (; window.next_group < size && budget_ > 0; ++window.next_group, --budget_) {
    const int64_t i = window.next_group;
    WEIR_RETURN_IF_ERROR(
        Emit(window, chunk.key_group[i], chunk.key(i), states + i * states_->width(), out));
  }
  if (window.next_group < size) return absl::OkStatus();
  const bool last = chunk.last;
  window.chunk.reset();
  if (last) OpenWindow(window.end + grid_->slide());
  return absl::OkStatus();
}

absl::Status WindowFiring::Emit(const Window& window, int key_group, std::string_view key,
                                const uint8_t* states, Output& out) {
  if (fired_->Of(key_group).micros >= window.end) return absl::OkStatus();
  absl::Status status = rows_->Add(window.start, window.end, key, states, out);
  return status.ok() ? status : InGroup(status, *spec_, window.start, window.end, key);
}

}  // namespace weir
