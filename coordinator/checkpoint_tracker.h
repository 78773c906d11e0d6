// The checkpoints of one generation on their way from triggered to published. Pure.
#ifndef WEIR_COORDINATOR_CHECKPOINT_TRACKER_H_
#define WEIR_COORDINATOR_CHECKPOINT_TRACKER_H_

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "model/ids.h"
#include "model/snapshot.h"

namespace weir {

class CheckpointTracker {
 public:
  struct Pending {
    CheckpointId id;
    bool last = false;
    int64_t triggered_us = 0;
    std::set<TaskId> captured;
    std::map<TaskId, TaskSnapshot> durable;
  };

  explicit CheckpointTracker(std::set<TaskId> tasks);

  // Whether every task has captured the newest one: barriers don't pile up behind a slow task.
  bool CanTrigger() const;
  CheckpointId Trigger(bool last, int64_t now_us);

  // Reports of checkpoints given up, and of unknown tasks, are ignored, except that the files they
  // staged are kept: they hold rows that no later checkpoint will hold again.
  void OnCaptured(CheckpointId id, TaskId task);
  void OnDurable(CheckpointId id, TaskSnapshot snapshot);

  // The newest checkpoint whose tasks are all durable; nullptr = none.
  const Pending* NewestDurable() const;
  // Files staged by checkpoints up to `id` and not yet published.
  std::vector<StagedFile> StagedUpTo(CheckpointId id) const;
  // Forgets `id`, those before it, and the files they published.
  void OnPublished(CheckpointId id);
  // Gives up those triggered before `before_us`.
  std::vector<CheckpointId> Expire(int64_t before_us);

  const std::map<CheckpointId, Pending>& pending() const { return pending_; }
  const std::set<TaskId>& tasks() const { return tasks_; }

 private:
  std::set<TaskId> tasks_;
  CheckpointId newest_;     // triggered
  CheckpointId published_;  // its files are in a manifest
  std::map<CheckpointId, Pending> pending_;
  std::vector<StagedFile> staged_;
  // Durable reports seen, so that a repeated one doesn't stage its files twice.
  std::map<CheckpointId, std::set<TaskId>> reported_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_CHECKPOINT_TRACKER_H_
