#include "worker/inbox.h"

#include <algorithm>
#include <utility>

#include "base/memory_budget.h"

namespace weir {

Inbox::Inbox(std::function<void()> on_push, std::function<void(int64_t)> on_drained,
             MemoryBudget* memory)
    : on_push_(std::move(on_push)), on_drained_(std::move(on_drained)), memory_(memory) {
  if (memory_ != nullptr) memory_->AddOwners(1);
}

Inbox::~Inbox() {
  if (memory_ == nullptr) return;
  memory_->Take(-bytes());
  memory_->AddOwners(-1);
}

int64_t Inbox::capacity() const {
  if (memory_ == nullptr) return kChannelBytesMax;
  return std::clamp(memory_->fair_share() / 2, kChannelBytesMin, kChannelBytesMax);
}

void Inbox::Push(Element element, int64_t bytes) {
  {
    absl::MutexLock lock(&mutex_);
    items_.push_back({std::move(element), bytes});
    bytes_ += bytes;
    if (memory_ != nullptr) memory_->Take(bytes);
  }
  on_push_();
}

std::optional<Element> Inbox::Pop() {
  std::optional<Item> item;
  {
    absl::MutexLock lock(&mutex_);
    if (items_.empty()) return std::nullopt;
    item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item->bytes;
    if (memory_ != nullptr) memory_->Take(-item->bytes);
  }
  if (item->bytes > 0) on_drained_(item->bytes);
  return std::move(item->element);
}

bool Inbox::Empty() const {
  absl::MutexLock lock(&mutex_);
  return items_.empty();
}

int64_t Inbox::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace weir
