#include "worker/worker_metrics.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "operators/worker_memory.h"

namespace weir {
namespace {

MetricLabels LabelsOf(const JobId& job, const TaskId& task) {
  return {{"job", job}, {"vertex", absl::StrCat(task.vertex)}, {"task", absl::StrCat(task.index)}};
}

}  // namespace

WorkerMetrics::WorkerMetrics(Metrics* metrics, Clock* clock, std::string version,
                             const WorkerMemory* memory)
    : metrics_(metrics), clock_(clock), memory_(memory) {
  metrics_
      ->GetGauge("weir_build_info", "1, labelled with the version of this process",
                 {{"version", std::move(version)}})
      ->Set(1);
  metrics_->GetGauge("weir_memory_limit_bytes", "What --memory allows this worker", {})
      ->Set(static_cast<double>(memory->plan.total));
  auto budget = [this](std::string_view part, int64_t bytes) {
    metrics_
        ->GetGauge("weir_memory_budget_bytes", "What --memory leaves to this part of the worker",
                   {{"part", std::string(part)}})
        ->Set(static_cast<double>(bytes));
  };
  budget("process", memory->plan.process);
  for (const auto& [part, share] : memory->parts()) budget(part, share->limit());
}

void WorkerMetrics::Update(const std::vector<JobStats>& jobs, const Exchange::Traffic& traffic,
                           int64_t resident_bytes, bool registered) {
  std::map<JobId, Known> now;
  for (const JobStats& job : jobs) {
    Known& known = now[job.job];
    known.generation = job.generation;
    if (const auto before = jobs_.find(job.job); before != jobs_.end()) {
      known.tasks = before->second.tasks;
      if (before->second.generation != job.generation) {
        for (const TaskId& task : known.tasks) metrics_->RemoveGauges(LabelsOf(job.job, task));
      }
    }
    for (const TaskStats& task : job.tasks) {
      if (!absl::c_linear_search(known.tasks, task.task)) known.tasks.push_back(task.task);
      UpdateTask(job, task);
    }
  }
  for (const auto& [job, known] : jobs_) {
    if (!now.contains(job)) Forget(job, known);
  }
  jobs_ = std::move(now);

  metrics_->GetCounter("weir_exchange_sent_bytes_total", "Row bytes sent to other workers", {})
      ->Add(static_cast<double>(traffic.bytes_sent - last_traffic_.bytes_sent));
  metrics_
      ->GetCounter("weir_exchange_received_bytes_total", "Row bytes received from other workers",
                   {})
      ->Add(static_cast<double>(traffic.bytes_received - last_traffic_.bytes_received));
  last_traffic_ = traffic;
  metrics_->GetGauge("weir_memory_used_bytes", "Resident set of this process", {})
      ->Set(static_cast<double>(resident_bytes));
  metrics_->GetGauge("weir_process_resident_bytes", "Resident set of this process", {})
      ->Set(static_cast<double>(resident_bytes));
  metrics_->GetGauge("weir_state_memory_used_bytes", "Memory reserved for keyed state", {})
      ->Set(static_cast<double>(memory_->state.used()));
  for (const auto& [part, share] : memory_->parts()) {
    metrics_
        ->GetGauge("weir_memory_bytes", "What this part of the worker holds of its budget",
                   {{"part", std::string(part)}})
        ->Set(static_cast<double>(share->used()));
  }
  metrics_->GetGauge("weir_worker_registered", "1 while a coordinator knows this worker", {})
      ->Set(registered ? 1 : 0);
}

// By task, since a coordinator in the same process has series of the job as well.
void WorkerMetrics::Forget(const JobId& job, const Known& known) {
  for (const TaskId& task : known.tasks) metrics_->RemoveSeries(LabelsOf(job, task));
  const std::string label = absl::StrCat("job=", job, ",");
  std::erase_if(last_,
                [&](const auto& entry) { return entry.first.find(label) != std::string::npos; });
}

void WorkerMetrics::UpdateTask(const JobStats& job, const TaskStats& stats) {
  const MetricLabels task = LabelsOf(job.job, stats.task);
  Advance(job, "weir_task_busy_seconds_total", "Time the task spent working", task,
          stats.busy_us / 1e6);
  Advance(job, "weir_task_idle_seconds_total", "Time the task had nothing to do", task,
          stats.idle_us / 1e6);
  Advance(job, "weir_task_blocked_seconds_total",
          "Time the task waited for room behind it or for its slot", task, stats.blocked_us / 1e6);
  metrics_->GetGauge("weir_state_bytes", "Keyed state held by the task", task)
      ->Set(static_cast<double>(stats.state.bytes));
  metrics_->GetGauge("weir_state_keys", "Keys of state held by the task", task)
      ->Set(static_cast<double>(stats.state.keys));
  metrics_->GetGauge("weir_state_files", "State files that the task's next checkpoint names", task)
      ->Set(static_cast<double>(stats.state.files));
  metrics_->GetGauge("weir_state_file_bytes", "Bytes of these files", task)
      ->Set(static_cast<double>(stats.state.file_bytes));
  Advance(job, "weir_state_spilled_bytes_total",
          "State written to disk because it exceeded its memory", task,
          static_cast<double>(stats.state.spilled_bytes));
  Advance(job, "weir_state_rewritten_bytes_total",
          "State written again to keep the number of its files small", task,
          static_cast<double>(stats.state.rewritten_bytes));
  metrics_->GetGauge("weir_queue_bytes", "Row bytes waiting in the task's input channels", task)
      ->Set(static_cast<double>(stats.queued_bytes));
  Advance(job, "weir_exchange_rows_sent_total", "Rows the task sent over edges", task,
          static_cast<double>(stats.rows_sent));
  Advance(job, "weir_exchange_rows_received_total", "Rows the task received over edges", task,
          static_cast<double>(stats.rows_received));
  Advance(job, "weir_exchange_remote_bytes_total", "Row bytes the task sent to other workers", task,
          static_cast<double>(stats.remote_bytes));
  // Without a watermark yet there is nothing to be behind of.
  if (stats.watermark > kMinEventTime && stats.watermark < kMaxEventTime) {
    metrics_
        ->GetGauge("weir_watermark_lag_seconds", "How far the task's watermark is behind the clock",
                   task)
        ->Set((clock_->WallMicros() - stats.watermark.micros) / 1e6);
  }
  for (const auto& [insert, counters] : stats.counters) {
    auto labels = task;
    labels["insert"] = absl::StrCat(insert);
    Advance(job, "weir_used_rows_total", "Source rows that count in results", labels,
            static_cast<double>(counters.used));
    Advance(job, "weir_late_rows_total", "Source rows behind every window they belong to", labels,
            static_cast<double>(counters.late));
    Advance(job, "weir_filtered_rows_total", "Source rows that WHERE or a tombstone left out",
            labels, static_cast<double>(counters.filtered));
    for (const auto& [reason, count] : counters.bad) {
      auto with_reason = labels;
      with_reason["reason"] = reason;
      Advance(job, "weir_bad_rows_total", "Source rows that could not be used, by reason",
              with_reason, static_cast<double>(count));
    }
  }
  if (!stats.has_source) return;
  Advance(job, "weir_source_records_total", "Records read from Kafka", task,
          static_cast<double>(stats.source.records));
  Advance(job, "weir_source_bytes_total", "Payload bytes read from Kafka", task,
          static_cast<double>(stats.source.bytes));
  for (const auto& [partition, lag] : stats.source.lag_by_partition) {
    auto labels = task;
    labels["partition"] = absl::StrCat(partition);
    metrics_
        ->GetGauge("weir_source_lag_records", "Records of the partition that are still to be read",
                   labels)
        ->Set(static_cast<double>(lag));
  }
}

void WorkerMetrics::Advance(const JobStats& job, const char* name, const char* help,
                            std::map<std::string, std::string> labels, double total) {
  std::string key = name;
  for (const auto& [label, value] : labels) absl::StrAppend(&key, ",", label, "=", value, ",");
  std::pair<Generation, double>& last = last_[key];
  if (last.first != job.generation) last = {job.generation, 0};
  Counter* counter = metrics_->GetCounter(name, help, labels);
  if (total > last.second) counter->Add(total - last.second);
  last.second = std::max(last.second, total);
}

}  // namespace weir
