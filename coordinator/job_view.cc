#include "coordinator/job_view.h"

#include <algorithm>
#include <map>
#include <set>

#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

// Rows read per source vertex: every INSERT counts each row of its source once.
int64_t RecordsIn(const Plan& plan, const std::map<int, InsertCounters>& counters) {
  std::map<int, int64_t> by_vertex;
  for (const auto& [insert, counted] : counters) {
    if (insert < 0 || static_cast<size_t>(insert) >= plan.inserts.size()) continue;
    int64_t& read = by_vertex[plan.inserts[static_cast<size_t>(insert)].source_vertex];
    read = std::max(read, counted.read);
  }
  int64_t total = 0;
  for (const auto& [vertex, read] : by_vertex) total += read;
  return total;
}

void AddSinks(const JobLogState& log, const CommitSchedule* commits, JobView* view) {
  const std::vector<SinkSpec>& sinks = log.spec->plan.sinks;
  for (size_t i = 0; i < sinks.size(); ++i) {
    SinkView sink{sinks[i].id, sinks[i].path, sinks[i].role};
    if (commits != nullptr) {
      const CommitSchedule::Sink& known = commits->sinks()[i];
      sink.table_version = known.table_version;
      sink.committed_epoch = known.committed.value;
      sink.rows_committed = known.rows_committed;
    } else if (const auto it = log.committed.find(sinks[i].id); it != log.committed.end()) {
      sink.table_version = it->second.table_version;
      sink.committed_epoch = it->second.epoch.value;
    }
    view->sinks.push_back(std::move(sink));
  }
}

void AddCounters(const JobLogState& log, JobView* view) {
  const Plan& plan = log.spec->plan;
  const Manifest* manifest = log.checkpoints.empty() ? nullptr : &log.checkpoints.back().manifest;
  for (size_t i = 0; i < plan.inserts.size(); ++i) {
    const InsertSpec& spec = plan.inserts[i];
    InsertView insert{spec.name, plan.sinks[static_cast<size_t>(spec.sink)].id, {}};
    if (manifest != nullptr) {
      const auto it = manifest->counters.find(static_cast<int>(i));
      if (it != manifest->counters.end()) insert.counters = it->second;
    }
    view->totals.Add(insert.counters);
    view->inserts.push_back(std::move(insert));
  }
  if (manifest == nullptr) return;
  view->epoch = log.checkpoints.back().epoch.value;
  view->records_in = RecordsIn(plan, manifest->counters);
  view->watermark = manifest->watermark;
  view->last_checkpoint_ms = manifest->created_ms;
}

}  // namespace

JobView ViewOfLog(const JobId& id, const JobLogState& log, const CommitSchedule* commits) {
  JobView view;
  view.id = id;
  view.name = log.spec->name;
  view.generation = log.generation.value;
  view.lineage = log.spec->lineage;
  view.submitted_ms = log.spec->submitted_ms;
  view.parallelism = log.parallelism;
  view.script = log.spec->script;
  if (log.spec->origin != nullptr) {
    view.from_job = log.spec->origin->job;
    view.from_epoch = log.spec->origin->epoch.value;
  }
  AddSinks(log, commits, &view);
  AddCounters(log, &view);
  for (const auto& [n, start] : log.starts) {
    // The first STARTED record follows the submission at once: not a restart.
    if (n > 2) view.restarts.push_back({n, start.at_ms, start.reason});
  }
  return view;
}

void AddLive(const Plan& plan, const std::map<int, InsertCounters>& base,
             const std::vector<TaskLive>& tasks, JobView* view) {
  std::map<int, InsertCounters> counters = base;
  EventTime lowest = kMaxEventTime;
  bool any = false;
  std::set<std::string> warnings;
  for (const TaskLive& task : tasks) {
    for (const auto& [insert, counted] : task.counters) counters[insert].Add(counted);
    view->lag_records += task.lag_records;
    view->state_bytes += task.state_bytes;
    view->state_keys += task.state_keys;
    warnings.insert(task.waiting_for.begin(), task.waiting_for.end());
    if (task.watermark == kMinEventTime) continue;
    any = true;
    lowest = std::min(lowest, task.watermark);
  }
  view->live_records_in = std::max(view->records_in, RecordsIn(plan, counters));
  view->live_watermark = any ? lowest : view->watermark;
  view->warnings.insert(view->warnings.end(), warnings.begin(), warnings.end());
}

CheckpointView ViewOfCheckpoint(const JobLogState::PublishedCheckpoint& published,
                                const CommitSchedule* commits, const JobLogState& log) {
  CheckpointView view;
  view.epoch = published.epoch.value;
  view.generation = published.manifest.generation.value;
  view.published_ms = published.manifest.created_ms;
  for (const OperatorState& state : published.manifest.states) {
    for (const StateFile& file : state.files) {
      view.state_bytes += file.size;
      ++view.state_files;
    }
  }
  for (const StagedFile& file : published.manifest.staged) view.bytes_written += file.size;
  view.savepoint = published.manifest.savepoint;
  view.committed = !AwaitsCommit(published.epoch, published.manifest, log.committed);
  if (commits != nullptr && !view.committed) {
    std::map<std::string, CommittedRecord> known;
    for (size_t i = 0; i < commits->sinks().size(); ++i) {
      const std::string& id = log.spec->plan.sinks[i].id;
      known[id] = {id, commits->sinks()[i].committed, -1};
    }
    view.committed = !AwaitsCommit(published.epoch, published.manifest, known);
  }
  return view;
}

}  // namespace weir
