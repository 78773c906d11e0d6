#include "coordinator/checkpoint_tracker.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace weir {

CheckpointTracker::CheckpointTracker(std::set<TaskId> tasks) : tasks_(std::move(tasks)) {}

bool CheckpointTracker::CanTrigger() const {
  return pending_.empty() || pending_.rbegin()->second.captured.size() == tasks_.size();
}

CheckpointId CheckpointTracker::Trigger(bool last, int64_t now_us) {
  newest_ = CheckpointId(newest_.value + 1);
  Pending& pending = pending_[newest_];
  pending.id = newest_;
  pending.last = last;
  pending.triggered_us = now_us;
  return newest_;
}

void CheckpointTracker::OnCaptured(CheckpointId id, TaskId task) {
  const auto it = pending_.find(id);
  if (it != pending_.end() && tasks_.contains(task)) it->second.captured.insert(task);
}

void CheckpointTracker::OnDurable(CheckpointId id, TaskSnapshot snapshot) {
  const TaskId task = snapshot.task;
  if (!tasks_.contains(task) || id > newest_ || id <= published_) return;
  if (!reported_[id].insert(task).second) return;
  for (StagedFile& file : snapshot.staged) {
    file.closed_by = id;
    staged_.push_back(file);
  }
  const auto it = pending_.find(id);
  if (it == pending_.end()) return;
  it->second.captured.insert(task);
  it->second.durable.emplace(task, std::move(snapshot));
}

const CheckpointTracker::Pending* CheckpointTracker::NewestDurable() const {
  const auto it = std::find_if(pending_.rbegin(), pending_.rend(), [&](const auto& entry) {
    return entry.second.durable.size() == tasks_.size();
  });
  return it == pending_.rend() ? nullptr : &it->second;
}

std::vector<StagedFile> CheckpointTracker::StagedUpTo(CheckpointId id) const {
  std::vector<StagedFile> files;
  std::copy_if(staged_.begin(), staged_.end(), std::back_inserter(files),
               [&](const StagedFile& file) {
                 return Mutant("lose_carried_files") ? file.closed_by == id : file.closed_by <= id;
               });
  return files;
}

void CheckpointTracker::OnPublished(CheckpointId id) {
  published_ = std::max(published_, id);
  pending_.erase(pending_.begin(), pending_.upper_bound(id));
  reported_.erase(reported_.begin(), reported_.upper_bound(id));
  std::erase_if(staged_, [&](const StagedFile& file) { return file.closed_by <= id; });
}

std::vector<CheckpointId> CheckpointTracker::Expire(int64_t before_us) {
  std::vector<CheckpointId> expired;
  for (const auto& [id, pending] : pending_) {
    if (pending.triggered_us < before_us) expired.push_back(id);
  }
  for (const CheckpointId id : expired) pending_.erase(id);
  return expired;
}

}  // namespace weir
