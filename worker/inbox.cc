#include "worker/inbox.h"

#include <utility>

namespace weir {

Inbox::Inbox(std::function<void()> on_push, std::function<void(int64_t)> on_drained)
    : on_push_(std::move(on_push)), on_drained_(std::move(on_drained)) {}

void Inbox::Push(Element element, int64_t bytes) {
  {
    absl::MutexLock lock(&mutex_);
    items_.push_back({std::move(element), bytes});
    bytes_ += bytes;
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
