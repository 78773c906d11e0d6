// How fast the tasks of a job go, and since when a partition stands still: what their reports say
// when several are compared. Pure: times come by argument.
#ifndef WEIR_COORDINATOR_JOB_PROGRESS_H_
#define WEIR_COORDINATOR_JOB_PROGRESS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "coordinator/control_messages.h"
#include "model/event_time.h"
#include "model/ids.h"

namespace weir {

class JobProgress {
 public:
  // Figures are of about the last ten seconds, from looks a second apart.
  static constexpr int64_t kWindowUs = 10'000'000;
  static constexpr int64_t kSpacingUs = 1'000'000;

  // Shares of time add up to 1; all three are -1 until two looks have been taken.
  struct TaskPace {
    double busy = -1, idle = -1, blocked = -1;
    double source_records = 0;  // a second, as the next two
    double rows_received = 0;
    double rows_sent = 0;
  };
  struct PartitionPace {
    double records = 0;    // a second
    int64_t quiet_us = 0;  // since its position moved, or since the first look
    int64_t stuck_us = 0;  // since its watermark moved, likewise
  };

  // Takes a look, unless the last one was less than a second ago. Another generation counts from
  // its beginning.
  void Observe(int64_t now_us, Generation generation, const std::vector<TaskLive>& tasks);

  TaskPace Of(TaskId task) const;
  PartitionPace Of(TaskId task, int32_t partition) const;

 private:
  struct Totals {
    int64_t busy_us = 0, idle_us = 0, blocked_us = 0;
    int64_t source_records = 0, rows_received = 0, rows_sent = 0;
  };
  struct Look {
    int64_t at_us = 0;
    std::map<TaskId, Totals> tasks;
    std::map<std::pair<TaskId, int32_t>, int64_t> offsets;
  };
  struct Moved {
    int64_t offset = -1;
    EventTime watermark = kMinEventTime;
    int64_t offset_at_us = 0;
    int64_t watermark_at_us = 0;
  };

  Generation generation_;
  std::deque<Look> looks_;  // oldest first
  std::map<std::pair<TaskId, int32_t>, Moved> moved_;
};

}  // namespace weir

#endif  // WEIR_COORDINATOR_JOB_PROGRESS_H_
