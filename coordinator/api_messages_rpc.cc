#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/api_messages.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

void SetMillis(int64_t millis, google::protobuf::Timestamp* out) {
  out->set_seconds(millis / 1000);
  out->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
}

// The end of time, for a bounded source that was read to its end, is the largest that a Timestamp
// can hold.
void SetEventTime(EventTime time, google::protobuf::Timestamp* out) {
  constexpr int64_t kMaxSeconds = 253'402'300'799;
  int64_t seconds = time.micros / 1'000'000;
  int64_t micros = time.micros % 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --seconds;
  }
  out->set_seconds(std::min(seconds, kMaxSeconds));
  out->set_nanos(static_cast<int32_t>(micros) * 1000);
}

v1::JobState StateOf(JobState state) {
  switch (state) {
    case JobState::kCreated:
      return v1::CREATED;
    case JobState::kWaiting:
      return v1::WAITING;
    case JobState::kRunning:
      return v1::RUNNING;
    case JobState::kStopping:
      return v1::STOPPING;
    case JobState::kStopped:
      return v1::STOPPED;
    case JobState::kCancelled:
      return v1::CANCELLED;
    case JobState::kFinished:
      return v1::FINISHED;
    case JobState::kFailed:
      return v1::FAILED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

const char* LevelOf(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarning:
      return "warning";
    case Finding::Level::kProblem:
      return "problem";
  }
  return "";
}

const char* RoleOf(SinkRole role) {
  switch (role) {
    case SinkRole::kMain:
      return "main";
    case SinkRole::kLate:
      return "late";
    case SinkRole::kDeadLetter:
      return "dead_letter";
  }
  return "";
}

void FillParts(const JobView& view, v1::Job* out) {
  for (const SinkView& sink : view.sinks) {
    v1::Sink* to = out->add_sinks();
    to->set_id(sink.id);
    to->set_path(sink.path);
    to->set_table_version(sink.table_version);
    to->set_committed_epoch(sink.committed_epoch);
    to->set_role(RoleOf(sink.role));
    to->set_rows_committed(sink.rows_committed);
  }
  for (const InsertView& insert : view.inserts) {
    v1::Insert* to = out->add_inserts();
    to->set_name(insert.name);
    to->set_sink(insert.sink);
    to->set_records_in(insert.counters.read);
    to->set_records_used(insert.counters.used);
    to->set_bad_rows(insert.counters.bad_total());
    to->set_late_rows(insert.counters.late);
    to->set_filtered_rows(insert.counters.filtered);
    for (const auto& [reason, rows] : insert.counters.bad) {
      (*to->mutable_bad_by_reason())[reason] = rows;
    }
  }
  for (const RestartView& restart : view.restarts) {
    v1::Restart* to = out->add_restarts();
    to->set_generation(restart.generation);
    SetMillis(restart.at_ms, to->mutable_at());
    to->set_reason(restart.reason);
  }
  for (const std::string& warning : view.warnings) out->add_warnings(warning);
}

const char* KindOf(CarriedState::Kind kind) {
  switch (kind) {
    case CarriedState::Kind::kPositions:
      return "positions";
    case CarriedState::Kind::kWindows:
      return "windows";
    case CarriedState::Kind::kCounters:
      return "counters";
  }
  return "";
}

const char* FateOf(CarriedState::Fate fate) {
  switch (fate) {
    case CarriedState::Fate::kKept:
      return "kept";
    case CarriedState::Fate::kDropped:
      return "dropped";
    case CarriedState::Fate::kEmpty:
      return "empty";
  }
  return "";
}

v1::TableHealth::Status StatusOf(TableStatus status) {
  switch (status) {
    case TableStatus::kStarting:
      return v1::TableHealth::STARTING;
    case TableStatus::kFresh:
      return v1::TableHealth::FRESH;
    case TableStatus::kStale:
      return v1::TableHealth::STALE;
    case TableStatus::kEnded:
      return v1::TableHealth::ENDED;
  }
  return v1::TableHealth::STATUS_UNSPECIFIED;
}

const char* KindOf(Suspect::Kind kind) {
  switch (kind) {
    case Suspect::Kind::kJob:
      return "job";
    case Suspect::Kind::kSource:
      return "source";
    case Suspect::Kind::kPartition:
      return "partition";
    case Suspect::Kind::kTask:
      return "task";
    case Suspect::Kind::kCheckpoint:
      return "checkpoint";
    case Suspect::Kind::kCommit:
      return "commit";
  }
  return "";
}

void FillTable(const TableHealth& health, v1::TableHealth* out) {
  out->set_sink(health.sink);
  out->set_path(health.path);
  out->set_role(RoleOf(health.role));
  out->set_status(StatusOf(health.status));
  out->set_summary(PrintableText(health.summary));
  out->set_age_ms(health.age_ms);
  out->set_limit_ms(health.limit_ms);
  for (const Suspect& suspect : health.suspects) {
    v1::Suspect* to = out->add_suspects();
    to->set_kind(KindOf(suspect.kind));
    to->set_name(suspect.name);
    to->set_message(PrintableText(suspect.message));
  }
}

v1::WorkerState StateOf(WorkerState state) {
  switch (state) {
    case WorkerState::kActive:
      return v1::ACTIVE;
    case WorkerState::kDraining:
      return v1::DRAINING;
    case WorkerState::kDrained:
      return v1::DRAINED;
    case WorkerState::kLost:
      return v1::LOST;
  }
  return v1::WORKER_STATE_UNSPECIFIED;
}

v1::JobEvent::Kind KindOf(HappeningKind kind) {
  switch (kind) {
    case HappeningKind::kSubmitted:
      return v1::JobEvent::SUBMITTED;
    case HappeningKind::kStarted:
      return v1::JobEvent::STARTED;
    case HappeningKind::kState:
      return v1::JobEvent::STATE;
    case HappeningKind::kRestart:
      return v1::JobEvent::RESTART;
    case HappeningKind::kMove:
      return v1::JobEvent::MOVE;
    case HappeningKind::kRecovered:
      return v1::JobEvent::RECOVERED;
    case HappeningKind::kCheckpointFailed:
      return v1::JobEvent::CHECKPOINT_FAILED;
    case HappeningKind::kCommitFailed:
      return v1::JobEvent::COMMIT_FAILED;
    case HappeningKind::kFenced:
      return v1::JobEvent::FENCED;
    case HappeningKind::kEnded:
      return v1::JobEvent::ENDED;
  }
  return v1::JobEvent::KIND_UNSPECIFIED;
}

const char* StatusText(ChannelStatus status) {
  switch (status) {
    case ChannelStatus::kActive:
      return "active";
    case ChannelStatus::kIdle:
      return "idle";
    case ChannelStatus::kFinished:
      return "finished";
  }
  return "";
}

void FillTask(const Plan& plan, const TaskView& view, v1::Task* out) {
  out->set_name(NameOf(plan, view.id));
  out->set_worker(view.worker);
  out->set_reported(view.reported);
  out->set_busy(view.pace.busy);
  out->set_idle(view.pace.idle);
  out->set_blocked(view.pace.blocked);
  out->set_records_per_second(view.pace.source_records);
  out->set_rows_received_per_second(view.pace.rows_received);
  out->set_rows_sent_per_second(view.pace.rows_sent);
  const TaskLive& live = view.live;
  if (live.watermark != kMinEventTime) SetEventTime(live.watermark, out->mutable_watermark());
  out->set_lag_records(live.lag_records);
  out->set_queued_bytes(live.queued_bytes);
  out->set_state_bytes(live.state_bytes);
  out->set_state_keys(live.state_keys);
  for (const std::string& why : live.waiting_for) out->add_waiting_for(PrintableText(why));
  for (size_t i = 0; i < live.partitions.size(); ++i) {
    const PartitionLive& partition = live.partitions[i];
    v1::Partition* to = out->add_partitions();
    to->set_partition(partition.partition);
    to->set_next_offset(partition.next_offset);
    to->set_end_offset(partition.end_offset);
    to->set_lag_records(partition.lag_records);
    to->set_records_per_second(view.partitions[i].records);
    if (partition.watermark != kMinEventTime) {
      SetEventTime(partition.watermark, to->mutable_watermark());
    }
    to->set_status(StatusText(partition.status));
    to->set_quiet_ms(view.partitions[i].quiet_us / 1000);
  }
}

void FillGraph(const JobDetails& details, v1::JobDetails* out) {
  const Plan& plan = details.plan;
  for (size_t i = 0; i < plan.vertices.size(); ++i) {
    v1::Vertex* vertex = out->add_vertices();
    vertex->set_number(static_cast<int32_t>(i));
    vertex->set_name(plan.vertices[i].name);
    for (const OperatorSpec& op : plan.vertices[i].operators) {
      vertex->add_operators(op.name);
      if (const auto* source = std::get_if<SourceOp>(&op.op)) vertex->add_sources(source->table);
      if (const auto* sink = std::get_if<SinkOp>(&op.op)) {
        vertex->add_sinks(plan.sinks[static_cast<size_t>(sink->sink)].id);
      }
    }
    for (const TaskView& task : details.tasks) {
      if (task.id.vertex == static_cast<int>(i)) FillTask(plan, task, vertex->add_tasks());
    }
  }
  std::set<std::pair<int, int>> drawn;  // several edges between two vertices are one line
  for (const EdgeSpec& edge : plan.edges) {
    if (!drawn.insert({edge.from_vertex, edge.to_vertex}).second) continue;
    v1::Edge* to = out->add_edges();
    to->set_from_vertex(edge.from_vertex);
    to->set_to_vertex(edge.to_vertex);
  }
}

// -1 stays.
double Millis(int64_t micros) { return micros < 0 ? -1 : static_cast<double>(micros) / 1e3; }

v1::CheckpointAttempt::Outcome OutcomeOf(CheckpointAttempt::Outcome outcome) {
  switch (outcome) {
    case CheckpointAttempt::Outcome::kUnderWay:
      return v1::CheckpointAttempt::UNDER_WAY;
    case CheckpointAttempt::Outcome::kPublished:
      return v1::CheckpointAttempt::PUBLISHED;
    case CheckpointAttempt::Outcome::kFailed:
      return v1::CheckpointAttempt::FAILED;
    case CheckpointAttempt::Outcome::kAbandoned:
      return v1::CheckpointAttempt::ABANDONED;
  }
  return v1::CheckpointAttempt::OUTCOME_UNSPECIFIED;
}

void FillAttempt(const Plan& plan, const CheckpointAttempt& attempt, v1::CheckpointAttempt* out) {
  out->set_id(attempt.id.value);
  out->set_generation(attempt.generation.value);
  out->set_epoch(attempt.epoch.value);
  SetMillis(attempt.triggered_ms, out->mutable_triggered_at());
  out->set_captured_ms(Millis(attempt.captured_us));
  out->set_durable_ms(Millis(attempt.durable_us));
  out->set_published_ms(Millis(attempt.published_us));
  out->set_committed_ms(Millis(attempt.committed_us));
  out->set_outcome(OutcomeOf(attempt.outcome));
  out->set_reason(PrintableText(attempt.reason));
  out->set_tasks(attempt.tasks);
  out->set_captured_tasks(attempt.captured);
  out->set_durable_tasks(attempt.durable);
  if (attempt.captured_us >= 0) out->set_last_captured(NameOf(plan, attempt.last_captured));
  if (attempt.durable_us >= 0) out->set_last_durable(NameOf(plan, attempt.last_durable));
  out->set_savepoint(attempt.savepoint);
}

void FillCommit(const CommitAttempt& commit, v1::Commit* out) {
  out->set_sink(commit.sink);
  out->set_epoch(commit.epoch.value);
  SetMillis(commit.at_ms, out->mutable_at());
  out->set_duration_ms(Millis(commit.duration_us));
  out->set_table_version(commit.table_version);
  out->set_rows(commit.rows);
  out->set_files(commit.files);
  out->set_bytes(commit.bytes);
  out->set_conflicts(commit.conflicts);
  if (commit.watermark != kMinEventTime) SetEventTime(commit.watermark, out->mutable_watermark());
  for (const SourceOffset& offset : commit.offsets) {
    v1::SourceOffset* to = out->add_offsets();
    to->set_source(offset.source);
    to->set_partition(offset.partition);
    to->set_next_offset(offset.next_offset);
  }
  out->set_partitions(commit.partitions);
  out->set_error(PrintableText(commit.error));
}

void FillSample(const RowSample& sample, v1::RowSample* out) {
  out->set_reason(PrintableText(sample.reason));
  out->set_message(PrintableText(sample.message));
  out->set_payload(PrintableText(sample.payload));
  out->set_partition(sample.partition);
  out->set_offset(sample.offset);
  SetMillis(sample.at_ms, out->mutable_at());
}

// Length of the UTF-8 character that `bytes` begins with; 0 = it begins with none, or with a
// control character. Overlong forms and surrogates are none.
size_t CharacterAt(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  size_t length = 0;
  uint32_t code = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
    code = first & 0x1F;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    code = first & 0x0F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    code = first & 0x07;
  } else {
    return 0;
  }
  if (bytes.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3F);
  }
  const bool control = code >= 0x80 && code < 0xA0;
  // Marks that turn the direction of writing make a text read as another one.
  const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool outside = code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
  return control || turns || overlong || outside ? 0 : length;
}

}  // namespace

std::string PrintableText(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    if (const size_t length = CharacterAt(bytes); length > 0) {
      text.append(bytes.substr(0, length));
      bytes.remove_prefix(length);
    } else {
      absl::StrAppendFormat(&text, "\\x%02X", static_cast<unsigned char>(bytes[0]));
      bytes.remove_prefix(1);
    }
  }
  return text;
}

void Fill(const JobView& view, bool with_script, v1::Job* out) {
  out->set_name(view.name);
  out->set_id(view.id);
  out->set_state(StateOf(view.state));
  out->set_reason(view.reason);
  out->set_generation(view.generation);
  out->set_epoch(view.epoch);
  out->set_lineage(view.lineage);
  if (view.submitted_ms > 0) SetMillis(view.submitted_ms, out->mutable_submitted_at());
  out->set_parallelism(view.parallelism);
  out->set_records_in(view.records_in);
  out->set_records_used(view.totals.used);
  out->set_bad_rows(view.totals.bad_total());
  out->set_late_rows(view.totals.late);
  out->set_filtered_rows(view.totals.filtered);
  if (view.watermark != kMinEventTime) SetEventTime(view.watermark, out->mutable_watermark());
  out->set_lag_records(view.lag_records);
  out->set_live_records_in(view.live_records_in);
  out->set_state_bytes(view.state_bytes);
  out->set_state_keys(view.state_keys);
  if (view.live_watermark != kMinEventTime) {
    SetEventTime(view.live_watermark, out->mutable_live_watermark());
  }
  if (view.last_checkpoint_ms > 0) {
    SetMillis(view.last_checkpoint_ms, out->mutable_last_checkpoint_at());
  }
  out->set_checkpoint_problem(view.checkpoint_problem);
  out->set_checkpoint_age_ms(view.checkpoint_age_ms);
  out->set_checkpoint_failures(view.checkpoint_failures);
  FillParts(view, out);
  for (const TableHealth& table : view.tables) FillTable(table, out->add_tables());
  if (with_script) out->set_script(view.script);
  out->set_from_job(view.from_job);
  out->set_from_epoch(view.from_epoch);
  for (const CarriedState& carried : view.carried) {
    v1::CarriedState* to = out->add_carried();
    to->set_kind(KindOf(carried.kind));
    to->set_name(carried.name);
    to->set_fate(FateOf(carried.fate));
    to->set_bytes(carried.bytes);
    to->set_partitions(carried.partitions);
  }
}

void Fill(const CheckpointView& view, v1::Checkpoint* out) {
  out->set_epoch(view.epoch);
  out->set_generation(view.generation);
  SetMillis(view.published_ms, out->mutable_published_at());
  out->set_duration_ms(view.duration_ms);
  out->set_state_bytes(view.state_bytes);
  out->set_state_files(view.state_files);
  out->set_bytes_written(view.bytes_written);
  out->set_committed(view.committed);
  out->set_savepoint(view.savepoint);
}

void Fill(const WorkerSummary& worker, v1::Worker* out) {
  out->set_id(worker.id);
  out->set_address(worker.registration.address);
  out->set_slots(worker.registration.slots);
  out->set_slots_used(worker.slots_used);
  out->set_memory_bytes(worker.registration.memory_bytes);
  out->set_memory_used_bytes(worker.memory_used_bytes);
  out->set_version(worker.registration.version);
  SetMillis(worker.registered_ms, out->mutable_registered_at());
  out->set_state(StateOf(worker.state));
}

void Fill(const DoctorReport& report, const std::string& version, v1::Diagnosis* out) {
  SetMillis(report.now_us / 1000, out->mutable_now());
  out->set_version(version);
  for (const Finding& finding : report.findings) {
    v1::Finding* to = out->add_findings();
    to->set_level(LevelOf(finding.level));
    to->set_check(finding.check);
    to->set_subject(finding.subject);
    to->set_message(finding.message);
    to->set_fix(finding.fix);
  }
}

void Fill(const ClusterSummary& summary, const std::string& version, v1::ClusterStatus* out) {
  out->set_version(version);
  out->set_data_uri(summary.data_uri);
  out->set_workers(summary.workers);
  out->set_slots(summary.slots);
  out->set_slots_used(summary.slots_used);
  out->set_jobs_running(summary.jobs_running);
  out->set_jobs_total(summary.jobs_total);
  out->set_http_address(summary.http_address);
  out->set_leader(summary.leader);
  out->set_term(summary.term);
}

void Fill(const Happening& happening, v1::JobEvent* out) {
  SetMillis(happening.at_ms, out->mutable_at());
  out->set_kind(KindOf(happening.kind));
  out->set_generation(happening.generation);
  out->set_epoch(happening.epoch);
  out->set_message(PrintableText(happening.message));
  out->set_count(happening.count);
}

void Fill(const JobDetails& details, const std::string& plan, bool samples, v1::JobDetails* out) {
  Fill(details.job, /*with_script=*/true, out->mutable_job());
  out->set_plan(plan);
  FillGraph(details, out);
  for (const CheckpointAttempt& attempt : details.checkpoints) {
    FillAttempt(details.plan, attempt, out->add_checkpoints());
  }
  for (const CommitAttempt& commit : details.commits) FillCommit(commit, out->add_commits());
  for (const Happening& happening : details.happenings) Fill(happening, out->add_events());
  out->set_samples_hidden(!samples);
  if (samples) {
    for (const RowSample& sample : details.samples) FillSample(sample, out->add_samples());
  }
  SetMillis(details.now_ms, out->mutable_now());
  out->set_checkpoint_interval_ms(details.plan.settings.checkpoint_interval_us / 1000);
}

}  // namespace weir
