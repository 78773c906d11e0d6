#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/byte_size.h"
#include "base/duration.h"
#include "cli/api_json.h"
#include "cli/job_text.h"
#include "cli/text_table.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

std::string TimeText(bool is_set, const google::protobuf::Timestamp& time) {
  return is_set ? ToRfc3339(time) : "-";
}

std::string StateName(const v1::Job& job) { return v1::JobState_Name(job.state()); }

// 0 stands for "none yet" in generations and epochs.
std::string NumberOrDash(int64_t number) { return number == 0 ? "-" : absl::StrCat(number); }

std::string VersionText(int64_t version) { return version < 0 ? "-" : absl::StrCat(version); }

// The version of the main table; "-" before the first commit.
std::string MainTableVersion(const v1::Job& job) {
  for (const v1::Sink& sink : job.sinks())
    if (sink.role() == "main" || sink.role().empty()) return VersionText(sink.table_version());
  return "-";
}

// "last checkpoint 3m12s ago: one waits for the barrier of activity/1"; empty when all is well.
std::string CheckpointProblem(const v1::Job& job) {
  if (job.checkpoint_problem().empty()) return "";
  const int64_t seconds = job.checkpoint_age_ms() / 1000;
  return absl::StrCat("last checkpoint ", FormatDuration(seconds * 1'000'000),
                      " ago: ", job.checkpoint_problem());
}

std::string WatermarkText(const v1::Job& job) {
  if (job.has_live_watermark()) return ToRfc3339(job.live_watermark());
  return TimeText(job.has_watermark(), job.watermark());
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void PrintPairs(const Pairs& pairs, std::ostream& out) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) width = std::max(width, key.size());
  for (const auto& [key, value] : pairs)
    out << key << std::string(width - key.size() + 2, ' ') << value << "\n";
}

void PrintSinks(const v1::Job& job, std::ostream& out) {
  if (job.sinks().empty()) return;
  out << "\n";
  TextTable table({"SINK", "ROLE", ">VERSION", ">EPOCH", "PATH"});
  for (const v1::Sink& sink : job.sinks())
    table.AddRow({sink.id(), sink.role(), VersionText(sink.table_version()),
                  NumberOrDash(sink.committed_epoch()), sink.path()});
  table.Print(out);
}

// Whether each table is fresh, and who is to blame if not.
void PrintHealth(const v1::Job& job, std::ostream& out) {
  if (job.tables().empty()) return;
  out << "\n";
  TextTable table({"TABLE", "STATUS", "WHY"});
  for (const v1::TableHealth& health : job.tables()) {
    table.AddRow({health.sink(), v1::TableHealth::Status_Name(health.status()), health.summary()});
    for (int i = 1; i < health.suspects_size(); ++i) {
      const v1::Suspect& suspect = health.suspects(i);
      table.AddRow(
          {"", "",
           absl::StrCat("also ", suspect.kind(), " ", suspect.name(), ": ", suspect.message())});
    }
  }
  table.Print(out);
}

void PrintInserts(const v1::Job& job, std::ostream& out) {
  if (job.inserts().empty()) return;
  out << "\n";
  TextTable table({"INSERT", ">READ", ">USED", ">LATE", ">BAD", ">FILTERED", "BAD ROWS BY REASON"});
  for (const v1::Insert& insert : job.inserts()) {
    std::vector<std::string> reasons;
    for (const auto& [reason, rows] : insert.bad_by_reason())
      reasons.push_back(absl::StrCat(reason, "=", rows));
    std::sort(reasons.begin(), reasons.end());
    std::string by_reason;
    for (const std::string& reason : reasons)
      absl::StrAppend(&by_reason, by_reason.empty() ? "" : " ", reason);
    table.AddRow({insert.name(), absl::StrCat(insert.records_in()),
                  absl::StrCat(insert.records_used()), absl::StrCat(insert.late_rows()),
                  absl::StrCat(insert.bad_rows()), absl::StrCat(insert.filtered_rows()),
                  by_reason});
  }
  table.Print(out);
}

void PrintRestarts(const v1::Job& job, std::ostream& out) {
  if (job.restarts().empty()) return;
  out << "\n";
  TextTable table({">GENERATION", "AT", "REASON"});
  for (const v1::Restart& restart : job.restarts())
    table.AddRow({absl::StrCat(restart.generation()), TimeText(restart.has_at(), restart.at()),
                  restart.reason()});
  table.Print(out);
}

}  // namespace

void PrintJobs(const v1::ListJobsResponse& jobs, std::ostream& out) {
  TextTable table({"NAME", "ID", "STATE", ">EPOCH", ">IN", ">USED", ">LATE", ">BAD", ">FILTERED",
                   ">LAG", "WATERMARK", "PROBLEM"});
  for (const v1::Job& job : jobs.jobs()) {
    table.AddRow({job.name(), job.id(), StateName(job), NumberOrDash(job.epoch()),
                  absl::StrCat(job.records_in()), absl::StrCat(job.records_used()),
                  absl::StrCat(job.late_rows()), absl::StrCat(job.bad_rows()),
                  absl::StrCat(job.filtered_rows()), absl::StrCat(job.lag_records()),
                  TimeText(job.has_watermark(), job.watermark()), CheckpointProblem(job)});
  }
  table.Print(out);
}

void PrintJob(const v1::Job& job, std::ostream& out) {
  Pairs pairs = {{"name", job.name()}, {"id", job.id()}, {"state", StateName(job)}};
  if (!job.reason().empty()) pairs.emplace_back("reason", job.reason());
  for (const auto& [key, value] : Pairs{
           {"generation", NumberOrDash(job.generation())},
           {"epoch", NumberOrDash(job.epoch())},
           {"parallelism", absl::StrCat(job.parallelism())},
           {"submitted", TimeText(job.has_submitted_at(), job.submitted_at())},
           {"checkpoint", TimeText(job.has_last_checkpoint_at(), job.last_checkpoint_at())},
           {"watermark", TimeText(job.has_watermark(), job.watermark())},
           {"records in", absl::StrCat(job.records_in())},
           {"  used", absl::StrCat(job.records_used())},
           {"  late", absl::StrCat(job.late_rows())},
           {"  bad", absl::StrCat(job.bad_rows())},
           {"  filtered", absl::StrCat(job.filtered_rows())},
           {"lag", absl::StrCat(job.lag_records(), " records")},
           {"state size",
            absl::StrCat(FormatByteSize(job.state_bytes()), " in ", job.state_keys(), " keys")},
       })
    pairs.emplace_back(key, value);
  if (const std::string problem = CheckpointProblem(job); !problem.empty()) {
    pairs.emplace_back("problem", problem);
  }
  for (const std::string& warning : job.warnings()) pairs.emplace_back("warning", warning);
  PrintPairs(pairs, out);
  PrintHealth(job, out);
  PrintSinks(job, out);
  PrintInserts(job, out);
  PrintRestarts(job, out);
}

void PrintCheckpoints(const v1::ListCheckpointsResponse& checkpoints, std::ostream& out) {
  TextTable table({">EPOCH", ">GENERATION", "PUBLISHED", ">TOOK", ">STATE", ">FILES", ">WRITTEN",
                   "COMMITTED", "SAVEPOINT"});
  for (const v1::Checkpoint& checkpoint : checkpoints.checkpoints()) {
    table.AddRow({absl::StrCat(checkpoint.epoch()), absl::StrCat(checkpoint.generation()),
                  TimeText(checkpoint.has_published_at(), checkpoint.published_at()),
                  FormatDuration(checkpoint.duration_ms() * 1000),
                  FormatByteSize(checkpoint.state_bytes()), absl::StrCat(checkpoint.state_files()),
                  FormatByteSize(checkpoint.bytes_written()), checkpoint.committed() ? "yes" : "no",
                  checkpoint.savepoint() ? "yes" : "no"});
  }
  table.Print(out);
}

void PrintEvents(const v1::ListEventsResponse& events, std::ostream& out) {
  TextTable table({"AT", "KIND", ">GENERATION", ">EPOCH", ">TIMES", "WHAT"});
  for (const v1::JobEvent& event : events.events()) {
    table.AddRow({TimeText(event.has_at(), event.at()), v1::JobEvent::Kind_Name(event.kind()),
                  NumberOrDash(event.generation()), NumberOrDash(event.epoch()),
                  absl::StrCat(event.count()), event.message()});
  }
  table.Print(out);
}

void PrintWorkers(const v1::ListWorkersResponse& workers, std::ostream& out) {
  TextTable table({"ADDRESS", "ID", "STATE", ">SLOTS", ">USED", ">MEMORY", ">MEMORY USED",
                   "VERSION", "REGISTERED"});
  for (const v1::Worker& worker : workers.workers()) {
    table.AddRow({worker.address(), worker.id(), v1::WorkerState_Name(worker.state()),
                  absl::StrCat(worker.slots()), absl::StrCat(worker.slots_used()),
                  FormatByteSize(worker.memory_bytes()), FormatByteSize(worker.memory_used_bytes()),
                  worker.version(), TimeText(worker.has_registered_at(), worker.registered_at())});
  }
  table.Print(out);
}

void PrintCluster(const v1::ClusterStatus& status, std::ostream& out) {
  PrintPairs(
      {{"version", status.version()},
       {"leader",
        status.leader().empty() ? "-" : absl::StrCat(status.leader(), ", term ", status.term())},
       {"data", status.data_uri()},
       {"workers", absl::StrCat(status.workers())},
       {"slots", absl::StrCat(status.slots(), ", ", status.slots_used(), " used")},
       {"jobs", absl::StrCat(status.jobs_total(), ", ", status.jobs_running(), " running")},
       {"metrics", status.http_address().empty()
                       ? "-"
                       : absl::StrCat("http://", status.http_address(), "/metrics")}},
      out);
}

bool IsFinal(const v1::Job& job) {
  return job.state() == v1::STOPPED || job.state() == v1::FINISHED || EndedBadly(job);
}

bool EndedBadly(const v1::Job& job) {
  return job.state() == v1::FAILED || job.state() == v1::CANCELLED;
}

std::string Outcome(const v1::Job& job) {
  return absl::StrCat("job ", job.name(), " (", job.id(), ") is ", StateName(job),
                      job.reason().empty() ? "" : ": ", job.reason());
}

// A line comes about every second.
constexpr int64_t kRateTimeUs = 800'000;

std::string WatchLine::Next(const v1::Job& job, int64_t now_us) {
  const Sample sample{now_us, job.generation(), job.live_records_in()};
  // A restart counts from its checkpoint again: no rate across it. Lines that follow each other
  // closely (a change of state) show the last rate: a few milliseconds make no rate.
  if (!since_ || since_->generation != sample.generation || sample.rows < since_->rows) {
    since_ = sample;
    rate_.clear();
  } else if (const int64_t elapsed_us = now_us - since_->time_us; elapsed_us >= kRateTimeUs) {
    rate_ = absl::StrFormat("%.0f", static_cast<double>(sample.rows - since_->rows) * 1e6 /
                                        static_cast<double>(elapsed_us));
    since_ = sample;
  }
  return absl::StrCat(job.name(), " ", StateName(job), "  rows/s ", rate_.empty() ? "-" : rate_,
                      "  lag ", job.lag_records(), "  watermark ", WatermarkText(job), "  epoch ",
                      NumberOrDash(job.epoch()), "  version ", MainTableVersion(job), "  late ",
                      job.late_rows(), "  bad ", job.bad_rows(),
                      job.state() == v1::WAITING && !job.reason().empty() ? "  " : "",
                      job.state() == v1::WAITING ? job.reason() : "",
                      job.checkpoint_problem().empty() ? "" : "  ", CheckpointProblem(job));
}

}  // namespace weir
