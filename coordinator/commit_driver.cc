#include "coordinator/commit_driver.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/status_macros.h"
#include "model/json_text.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

// Watermark of a partition: largest event time seen less the bound.
EventTime PartitionWatermark(const SourceOp& source, const PartitionPosition& position) {
  if (source.event_time_column < 0 || position.max_event_time == kMinEventTime) {
    return kMinEventTime;
  }
  return SaturatingSubtract(position.max_event_time, source.watermark_bound_us);
}

std::string SourceJson(const PlanSource& source, const Manifest& manifest) {
  JsonObject partitions;
  EventTime lowest = kMaxEventTime;
  std::map<int32_t, const PartitionPosition*> positions;
  for (const PartitionPosition& position : manifest.positions) {
    if (position.source == source.id) positions[position.partition] = &position;
  }
  for (const auto& [partition, position] : positions) {
    const EventTime watermark = PartitionWatermark(*source.op, *position);
    if (!position->idle) lowest = std::min(lowest, watermark);
    partitions.AddRaw(absl::StrCat(partition), JsonObject()
                                                   .Add("next_offset", position->next_offset)
                                                   .AddRaw("watermark", JsonTime(watermark))
                                                   .str());
  }
  return JsonObject()
      .Add("topic", source.op->kafka.topic)
      .AddRaw("watermark", JsonTime(lowest == kMaxEventTime ? kMinEventTime : lowest))
      .AddRaw("partitions", partitions.str())
      .str();
}

std::string SourcesJson(const Plan& plan, const Manifest& manifest) {
  JsonObject sources;
  std::set<std::string> names;
  for (const PlanSource& source : SourcesOf(plan)) {
    const std::string& table = source.op->table;
    const std::string name =
        names.insert(table).second ? table : absl::StrCat(table, "#", source.id);
    sources.AddRaw(name, SourceJson(source, manifest));
  }
  return sources.str();
}

// Whether rows of the INSERT end up in the sink: as results, as late rows, or as unreadable ones of
// its source. Sink ids are "<table>", "<table>#late" and "<source table>#dead_letter".
bool Feeds(const Plan& plan, const InsertSpec& insert, const SinkSpec& sink) {
  const SinkSpec& main = plan.sinks[static_cast<size_t>(insert.sink)];
  const std::string table = sink.id.substr(0, sink.id.rfind('#'));
  switch (sink.role) {
    case SinkRole::kMain:
      return main.id == sink.id;
    case SinkRole::kLate:
      return main.id == table;
    case SinkRole::kDeadLetter:
      for (const PlanSource& source : SourcesOf(plan)) {
        if (source.vertex == insert.source_vertex && source.op->table == table) return true;
      }
      return false;
  }
  return false;
}

std::string CountersJson(const Plan& plan, const SinkSpec& sink, const Manifest& manifest) {
  InsertCounters sum;
  for (size_t i = 0; i < plan.inserts.size(); ++i) {
    const auto it = manifest.counters.find(static_cast<int>(i));
    if (it != manifest.counters.end() && Feeds(plan, plan.inserts[i], sink)) sum.Add(it->second);
  }
  return JsonObject()
      .Add("read", sum.read)
      .Add("used", sum.used)
      .Add("late", sum.late)
      .Add("bad", sum.bad_total())
      .Add("filtered", sum.filtered)
      .str();
}

}  // namespace

std::string CommitAppId(const std::string& lineage, const std::string& sink) {
  return absl::StrCat(lineage, "/", sink);
}

TableCommit BuildTableCommit(const JobId& job, const JobSpec& spec, int sink, Epoch epoch,
                             const Manifest& manifest) {
  const SinkSpec& table = spec.plan.sinks[static_cast<size_t>(sink)];
  TableCommit commit;
  commit.app_id = CommitAppId(spec.lineage, table.id);
  commit.version = epoch.value;
  for (const StagedFile& file : manifest.staged) {
    if (file.sink != table.id) continue;
    commit.files.push_back(
        {file.path, file.size, file.rows, file.modification_time_ms, file.stats});
  }
  commit.weir_info = JsonObject()
                         .Add("job", job)
                         .Add("name", spec.name)
                         .Add("lineage", spec.lineage)
                         .Add("sink", table.id)
                         .Add("generation", manifest.generation.value)
                         .Add("epoch", epoch.value)
                         .AddRaw("watermark", JsonTime(manifest.watermark))
                         .AddRaw("sources", SourcesJson(spec.plan, manifest))
                         .AddRaw("counters", CountersJson(spec.plan, table, manifest))
                         .str();
  return commit;
}

// One queue per table: two writers of one process would only make each other rebase.
struct CommitDriver::Table {
  Table(IoPool* pool, std::string p) : path(std::move(p)), strand(pool) {}
  const std::string path;
  // By app id; on the strand. A committer is prepared before its first commit.
  std::map<std::string, std::unique_ptr<TableCommitter>> committers;
  Strand strand;
};

namespace {

absl::StatusOr<CommitResult> CommitNow(
    std::map<std::string, std::unique_ptr<TableCommitter>>* committers,
    const CommitDriver::MakeCommitter& make, const SinkSpec& sink, const TableCommit& commit) {
  WEIR_RETURN_IF_ERROR(Failpoint("coordinator.before_commit"));
  std::unique_ptr<TableCommitter>& committer = (*committers)[commit.app_id];
  if (committer == nullptr) {
    std::unique_ptr<TableCommitter> fresh = make(sink.path);
    WEIR_RETURN_IF_ERROR(fresh->Prepare(sink.schema, commit.app_id, /*create=*/false).status());
    committer = std::move(fresh);
  }
  absl::StatusOr<CommitResult> result = committer->Commit(commit);
  if (const absl::Status lost = Failpoint("coordinator.after_commit"); result.ok() && !lost.ok()) {
    return absl::UnknownError(lost.message());
  }
  return result;
}

}  // namespace

CommitDriver::CommitDriver(IoPool* pool, MakeCommitter make, Clock* clock)
    : pool_(pool), make_(std::move(make)), clock_(clock) {}

std::shared_ptr<CommitDriver::Table> CommitDriver::TableAt(const std::string& path) {
  std::shared_ptr<Table>& table = tables_[path];
  if (table == nullptr) table = std::make_shared<Table>(pool_, path);
  return table;
}

void CommitDriver::Commit(const SinkSpec& sink, TableCommit commit, Done done) {
  const std::shared_ptr<Table> table = TableAt(sink.path);
  table->strand.Run([this, table, sink, commit = std::move(commit), done = std::move(done)] {
    const int64_t begin_us = clock_->MonotonicMicros();
    absl::StatusOr<CommitResult> result = CommitNow(&table->committers, make_, sink, commit);
    done(std::move(result), clock_->MonotonicMicros() - begin_us);
  });
}

void CommitDriver::Forget(const std::vector<SinkSpec>& sinks) {
  for (const SinkSpec& sink : sinks) tables_.erase(sink.path);
}

void CommitDriver::ForgetAll() { tables_.clear(); }

}  // namespace weir
