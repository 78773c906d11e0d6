#include "coordinator/job_progress.h"

#include <algorithm>

namespace weir {
namespace {

double PerSecond(int64_t before, int64_t after, int64_t elapsed_us) {
  return static_cast<double>(std::max<int64_t>(0, after - before)) * 1e6 /
         static_cast<double>(elapsed_us);
}

}  // namespace

void JobProgress::Observe(int64_t now_us, Generation generation,
                          const std::vector<TaskLive>& tasks) {
  if (generation != generation_) {
    generation_ = generation;
    looks_.clear();
    moved_.clear();
  }
  if (!looks_.empty() && now_us - looks_.back().at_us < kSpacingUs) return;
  Look look;
  look.at_us = now_us;
  for (const TaskLive& task : tasks) {
    look.tasks[task.task] = {task.busy_us,        task.idle_us,       task.blocked_us,
                             task.source_records, task.rows_received, task.rows_sent};
    for (const PartitionLive& partition : task.partitions) {
      const std::pair<TaskId, int32_t> key{task.task, partition.partition};
      look.offsets[key] = partition.next_offset;
      const auto [it, first] = moved_.try_emplace(key);
      Moved& moved = it->second;
      if (first || moved.offset != partition.next_offset) moved.offset_at_us = now_us;
      if (first || moved.watermark != partition.watermark) moved.watermark_at_us = now_us;
      moved.offset = partition.next_offset;
      moved.watermark = partition.watermark;
    }
  }
  looks_.push_back(std::move(look));
  while (looks_.size() > 2 && looks_[1].at_us <= now_us - kWindowUs) looks_.pop_front();
}

JobProgress::TaskPace JobProgress::Of(TaskId task) const {
  TaskPace pace;
  if (looks_.size() < 2) return pace;
  const auto before = looks_.front().tasks.find(task);
  const auto after = looks_.back().tasks.find(task);
  if (before == looks_.front().tasks.end() || after == looks_.back().tasks.end()) return pace;
  const Totals& a = before->second;
  const Totals& b = after->second;
  const int64_t elapsed_us = looks_.back().at_us - looks_.front().at_us;
  pace.source_records = PerSecond(a.source_records, b.source_records, elapsed_us);
  pace.rows_received = PerSecond(a.rows_received, b.rows_received, elapsed_us);
  pace.rows_sent = PerSecond(a.rows_sent, b.rows_sent, elapsed_us);
  const int64_t busy = std::max<int64_t>(0, b.busy_us - a.busy_us);
  const int64_t idle = std::max<int64_t>(0, b.idle_us - a.idle_us);
  const int64_t blocked = std::max<int64_t>(0, b.blocked_us - a.blocked_us);
  const int64_t all = busy + idle + blocked;
  if (all == 0) return pace;
  pace.busy = static_cast<double>(busy) / static_cast<double>(all);
  pace.idle = static_cast<double>(idle) / static_cast<double>(all);
  pace.blocked = static_cast<double>(blocked) / static_cast<double>(all);
  return pace;
}

JobProgress::PartitionPace JobProgress::Of(TaskId task, int32_t partition) const {
  PartitionPace pace;
  const std::pair<TaskId, int32_t> key{task, partition};
  const auto moved = moved_.find(key);
  if (looks_.empty() || moved == moved_.end()) return pace;
  pace.quiet_us = looks_.back().at_us - moved->second.offset_at_us;
  pace.stuck_us = looks_.back().at_us - moved->second.watermark_at_us;
  const auto before = looks_.front().offsets.find(key);
  const auto after = looks_.back().offsets.find(key);
  if (looks_.size() < 2 || before == looks_.front().offsets.end() ||
      after == looks_.back().offsets.end()) {
    return pace;
  }
  pace.records =
      PerSecond(before->second, after->second, looks_.back().at_us - looks_.front().at_us);
  return pace;
}

}  // namespace weir
