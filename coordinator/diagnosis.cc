#include "coordinator/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/duration.h"

namespace weir {
namespace {

using Kind = Suspect::Kind;

// Shorter silence than this proves nothing, whatever the interval.
constexpr int64_t kStallUs = 10'000'000;
// A commit may be late by a slow store without anybody's fault.
constexpr int64_t kSlackUs = 10'000'000;
// A restart takes less: no reason to call anybody.
constexpr int64_t kRestartUs = 5'000'000;
constexpr double kBusy = 0.8;
constexpr double kBlocked = 0.5;

std::string TimeText(EventTime time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixMicros(time.micros),
                          absl::UTCTimeZone());
}

// "40s": no finer than people care.
std::string SecondsText(int64_t micros) {
  const int64_t second = 1'000'000;
  return FormatDuration(micros < second ? second : micros / second * second);
}

std::string Percent(double share) { return absl::StrCat(std::lround(share * 100), " %"); }

std::string Count(int64_t n, const char* what) {
  return absl::StrCat(n, " ", what, n == 1 ? "" : "s");
}

bool Held(const PartitionFacts& partition) {
  return partition.status == ChannelStatus::kActive && partition.watermark != kMaxEventTime;
}

int64_t StallUs(const JobHealthFacts& facts) {
  return std::max(kStallUs, 2 * facts.checkpoint_interval_us);
}

// What all source tasks of a job say together.
struct Reading {
  int64_t lag = 0;
  double rate = 0;               // records a second
  int64_t quiet_us = INT64_MAX;  // since any partition moved
  bool any = false;
};

Reading ReadingOf(const JobHealthFacts& facts) {
  Reading reading;
  for (const TaskFacts& task : facts.tasks) {
    reading.rate += task.pace.source_records;
    for (const PartitionFacts& partition : task.partitions) {
      reading.any = true;
      reading.lag += partition.lag_records;
      reading.quiet_us = std::min(reading.quiet_us, partition.pace.quiet_us);
    }
  }
  return reading;
}

std::string PartitionName(const TaskFacts& task, int32_t partition) {
  return absl::StrCat(task.source, "/", partition);
}

// ---- Suspects

void SuspectJob(const JobHealthFacts& facts, std::vector<Suspect>* out) {
  const bool down = facts.down_us >= kRestartUs;
  const std::string why = facts.reason.empty() ? "" : absl::StrCat(": ", facts.reason);
  switch (facts.state) {
    case JobState::kFailed:
      out->push_back({Kind::kJob, "job", absl::StrCat("the job failed", why)});
      return;
    case JobState::kWaiting:
      if (down) out->push_back({Kind::kJob, "job", absl::StrCat("the job waits", why)});
      return;
    case JobState::kCreated:
    case JobState::kRunning:
      if (!down) return;
      out->push_back(
          {Kind::kJob, "job",
           absl::StrCat("its tasks have not run for ", SecondsText(facts.down_us), why)});
      return;
    case JobState::kStopping:
    case JobState::kStopped:
    case JobState::kCancelled:
    case JobState::kFinished:
      return;
  }
}

void SuspectWaitingSources(const JobHealthFacts& facts, std::vector<Suspect>* out) {
  std::set<std::pair<std::string, std::string>> said;
  for (const TaskFacts& task : facts.tasks) {
    for (const std::string& why : task.waiting_for) {
      if (!said.insert({task.source, why}).second) continue;
      out->push_back({Kind::kSource, task.source.empty() ? task.name : task.source, why});
    }
  }
}

void SuspectSilentTasks(const JobHealthFacts& facts, std::vector<Suspect>* out) {
  for (const TaskFacts& task : facts.tasks) {
    if (task.reported) continue;
    out->push_back({Kind::kTask, task.name,
                    absl::StrCat("has not reported; its worker is ",
                                 task.worker.empty() ? "not known" : task.worker)});
  }
}

// One partition keeps windows from closing while others bring rows.
void SuspectHeldWatermark(const JobHealthFacts& facts, const Reading& reading,
                          std::vector<Suspect>* out) {
  if (reading.rate <= 0) return;
  EventTime lowest = kMaxEventTime;
  EventTime highest = kMinEventTime;
  for (const TaskFacts& task : facts.tasks) {
    if (!task.event_time) continue;
    for (const PartitionFacts& partition : task.partitions) {
      if (!Held(partition)) continue;
      lowest = std::min(lowest, partition.watermark);
      highest = std::max(highest, partition.watermark);
    }
  }
  if (lowest == highest) return;
  for (const TaskFacts& task : facts.tasks) {
    if (!task.event_time) continue;
    for (const PartitionFacts& partition : task.partitions) {
      const bool stuck = partition.pace.stuck_us >= StallUs(facts);
      if (!Held(partition) || partition.watermark != lowest || !stuck) continue;
      const bool quiet = partition.pace.quiet_us >= StallUs(facts);
      const std::string holds = lowest == kMinEventTime
                                    ? std::string("no window can close before it has one")
                                    : absl::StrCat("it holds the watermark at ", TimeText(lowest));
      if (quiet && partition.lag_records == 0) {
        out->push_back({Kind::kPartition, PartitionName(task, partition.partition),
                        absl::StrCat("has had no rows for ", SecondsText(partition.pace.quiet_us),
                                     "; ", holds, " until rows come or it goes idle after ",
                                     FormatDuration(task.idle_timeout_us))});
      } else if (!quiet) {
        out->push_back({Kind::kPartition, PartitionName(task, partition.partition),
                        absl::StrCat("brings rows, but for ", SecondsText(partition.pace.stuck_us),
                                     " none with a newer event time; ", holds)});
      }
    }
  }
}

// There is something to read, and nobody reads it.
void SuspectUnread(const JobHealthFacts& facts, std::vector<Suspect>* out) {
  for (const TaskFacts& task : facts.tasks) {
    if (!task.waiting_for.empty()) continue;  // said already
    for (const PartitionFacts& partition : task.partitions) {
      if (partition.lag_records == 0 || partition.pace.quiet_us < StallUs(facts)) continue;
      out->push_back(
          {Kind::kPartition, PartitionName(task, partition.partition),
           absl::StrCat("has ", Count(partition.lag_records, "record"),
                        " to read, and none was read for ", SecondsText(partition.pace.quiet_us))});
    }
  }
}

// Who is too slow: a task that works all the time. Those that wait for it are no suspects.
void SuspectBusyTasks(const JobHealthFacts& facts, std::vector<Suspect>* out) {
  std::vector<const TaskFacts*> busy;
  for (const TaskFacts& task : facts.tasks) {
    if (task.pace.busy >= kBusy) busy.push_back(&task);
  }
  std::sort(busy.begin(), busy.end(), [](const TaskFacts* a, const TaskFacts* b) {
    return a->pace.busy != b->pace.busy ? a->pace.busy > b->pace.busy : a->name < b->name;
  });
  for (const TaskFacts* task : busy) {
    out->push_back({Kind::kTask, task->name,
                    absl::StrCat("is busy ", Percent(task->pace.busy), " of the time on ",
                                 task->worker, "; more parallelism or another worker helps")});
  }
  if (!busy.empty()) return;
  for (const TaskFacts& task : facts.tasks) {
    if (task.pace.blocked < kBlocked) continue;
    out->push_back(
        {Kind::kTask, task.name,
         absl::StrCat("waits ", Percent(task.pace.blocked), " of the time on ", task.worker,
                      ": for its slot, for the tasks behind it, or for "
                      "writes to the store")});
  }
}

void SuspectSkew(const JobHealthFacts& facts, const Reading& reading, std::vector<Suspect>* out) {
  size_t partitions = 0;
  for (const TaskFacts& task : facts.tasks) partitions += task.partitions.size();
  if (partitions < 2) return;
  for (const TaskFacts& task : facts.tasks) {
    for (const PartitionFacts& partition : task.partitions) {
      if (partition.lag_records * 2 <= reading.lag) continue;
      out->push_back({Kind::kPartition, PartitionName(task, partition.partition),
                      absl::StrCat("holds ", partition.lag_records, " of the ", reading.lag,
                                   " records that are still to be read")});
    }
  }
}

int64_t CatchUpUs(const Reading& reading) {
  return static_cast<int64_t>(
      std::min(static_cast<double>(reading.lag) / reading.rate * 1e6, 1e15));
}

bool Behind(const JobHealthFacts& facts, const Reading& reading) {
  return reading.lag > 0 && reading.rate > 0 && CatchUpUs(reading) > StallUs(facts);
}

void SuspectSlowReading(const JobHealthFacts& facts, const Reading& reading,
                        std::vector<Suspect>* out) {
  if (!Behind(facts, reading)) return;
  const size_t before = out->size();
  SuspectSkew(facts, reading, out);
  SuspectBusyTasks(facts, out);
  if (out->size() > before) return;
  out->push_back({Kind::kSource, facts.tasks.empty() ? "source" : facts.tasks.front().source,
                  absl::StrCat(Count(reading.lag, "record"), " are still to be read, at ",
                               std::lround(reading.rate), " a second for another ",
                               SecondsText(CatchUpUs(reading)))});
}

// ---- Tables

std::string FreshText(const TableFacts& table, const Reading& reading) {
  std::string text =
      absl::StrCat("committed ", SecondsText(table.age_us), " ago as version ", table.version);
  if (!reading.any) return text;
  if (reading.lag > 0) {
    return absl::StrCat(text, "; ", std::lround(reading.rate), " records/s, ", reading.lag,
                        " still to be read");
  }
  if (reading.quiet_us >= kStallUs) {
    return absl::StrCat(text, "; no new records for ", SecondsText(reading.quiet_us));
  }
  return absl::StrCat(text, "; all that the sources hold has been read");
}

std::string StaleText(const TableFacts& table, const std::vector<Suspect>& suspects) {
  const std::string age = table.committed
                              ? absl::StrCat("last commit ", SecondsText(table.age_us), " ago")
                              : "never committed";
  if (suspects.empty()) return absl::StrCat(age, ", and nothing says why");
  const Suspect& first = suspects.front();
  const char* what = "";
  switch (first.kind) {
    case Kind::kJob:
    case Kind::kCheckpoint:
    case Kind::kCommit:
      return absl::StrCat(age, ": ", first.message);
    case Kind::kSource:
      what = "source ";
      break;
    case Kind::kPartition:
      what = "partition ";
      break;
    case Kind::kTask:
      what = "task ";
      break;
  }
  const char* link = first.kind == Kind::kSource ? ": " : " ";
  return absl::StrCat(age, ": ", what, first.name, link, first.message);
}

TableHealth DiagnoseTable(const JobHealthFacts& facts, const TableFacts& table,
                          const Reading& reading) {
  TableHealth health;
  health.sink = table.sink;
  health.path = table.path;
  health.role = table.role;
  const int64_t limit_us = 2 * table.interval_us + kSlackUs;
  health.limit_ms = limit_us / 1000;
  if (table.committed) health.age_ms = table.age_us / 1000;
  const bool old = table.age_us > limit_us;
  const bool ended = facts.state == JobState::kStopped || facts.state == JobState::kCancelled ||
                     facts.state == JobState::kFinished;
  if (ended) {
    health.status = TableStatus::kEnded;
    health.summary = table.version < 0
                         ? "the job has ended; it committed nothing"
                         : absl::StrCat("the job has ended; it left version ", table.version);
    return health;
  }
  std::vector<Suspect>& suspects = health.suspects;
  SuspectJob(facts, &suspects);
  SuspectWaitingSources(facts, &suspects);
  if (!facts.checkpoint_problem.empty()) {
    suspects.push_back({Kind::kCheckpoint, "checkpoints", facts.checkpoint_problem});
  }
  if (!table.trouble.empty() && (old || !table.committed)) {
    suspects.push_back({Kind::kCommit, table.sink, absl::StrCat("commits fail: ", table.trouble)});
  }
  // Late and bad rows come when they come: only the tables of results wait for reading.
  if (table.role == SinkRole::kMain) {
    SuspectHeldWatermark(facts, reading, &suspects);
    SuspectUnread(facts, &suspects);
    SuspectSlowReading(facts, reading, &suspects);
  }
  if (!suspects.empty() || old) {
    SuspectSilentTasks(facts, &suspects);
    if (suspects.size() > kSuspectsMax) suspects.resize(kSuspectsMax);
    health.status = TableStatus::kStale;
    health.summary = StaleText(table, suspects);
  } else if (!table.committed) {
    health.status = TableStatus::kStarting;
    health.summary = "not committed yet; the job has just begun";
  } else {
    health.status = TableStatus::kFresh;
    health.summary = FreshText(table, reading);
  }
  return health;
}

}  // namespace

std::vector<TableHealth> Diagnose(const JobHealthFacts& facts) {
  const Reading reading = ReadingOf(facts);
  std::vector<TableHealth> tables;
  for (const TableFacts& table : facts.tables) {
    tables.push_back(DiagnoseTable(facts, table, reading));
  }
  return tables;
}

}  // namespace weir
