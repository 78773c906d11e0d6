#include "coordinator/submitter.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "coordinator/api_error.h"
#include "coordinator/event_loop.h"
#include "coordinator/origin_import.h"
#include "lake/table_store.h"
#include "state/checkpoint/recovery.h"

namespace weir {
namespace {

constexpr int64_t kDescribeDeadlineUs = 5'000'000;
constexpr size_t kNameBytesMax = 63;

absl::Status TableError(const SinkSpec& sink, const absl::Status& status) {
  const std::string message = absl::StrCat("table ", sink.path, ": ", status.message());
  if (absl::IsUnavailable(status) || absl::IsUnknown(status)) {
    return ApiError(absl::StatusCode::kUnavailable, kReasonStorage, message);
  }
  return ApiError(absl::StatusCode::kFailedPrecondition, kReasonTable, message);
}

// How often a record of unknown outcome is appended; each time the log tries on its own, too.
constexpr int kRecordAttempts = 5;

// Another lineage's transactions of a sink of this name: an earlier job wrote the table, and this
// one would write the same rows again.
absl::Status CheckLineage(const SinkSpec& sink, const TableState& table) {
  for (const std::string& app_id : table.app_ids) {
    if (!absl::EndsWith(app_id, absl::StrCat("/", sink.id))) continue;
    return ApiError(absl::StatusCode::kAlreadyExists, kReasonTableLineage,
                    absl::StrCat("table ", sink.path, " holds rows of another job's ", sink.id,
                                 " (lineage ", app_id.substr(0, app_id.find('/')),
                                 "): submit with --append to add to them, or choose another path"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckJobName(const std::string& name) {
  bool fine = !name.empty() && name.size() <= kNameBytesMax && absl::ascii_isalnum(name[0]);
  for (const char c : name) fine = fine && (absl::ascii_isalnum(c) || c == '-' || c == '_');
  if (fine) return absl::OkStatus();
  return ApiError(absl::StatusCode::kInvalidArgument, kReasonName,
                  absl::StrCat("'", name, "' can't name a job: a name has up to ", kNameBytesMax,
                               " letters, digits, '-' and '_', and begins with a letter or digit"),
                  "name");
}

struct Submitter::Request {
  SubmitArgs args;
  absl::Mutex mutex;
  // Several when a request was repeated while under way.
  std::vector<Caller> callers ABSL_GUARDED_BY(mutex);
  std::string script;
  Plan plan;
  int describing = 0;
  absl::Status describe_error;
  bool reserved_name = false;
  std::vector<std::string> reserved_tables;
  Submitted result;
  std::optional<OriginJob> from;
  JobOrigin origin;    // with `from`
  std::string holder;  // of the checkpoint of `from`
  JobId replaced;      // empty = none

  // CANCELLED when all callers have gone.
  absl::Status CheckWanted();

  // The steps on the pool.
  absl::Status Compile(const CompileJob& compile);
  absl::Status CheckTables(const Deps& deps, const std::string& lineage);
  absl::Status MakeTables(const Deps& deps, const std::string& lineage);
  absl::Status CheckAndRecord(const Deps& deps);
  absl::Status Record(const Deps& deps, const LogRecord& record);
};

absl::Status Submitter::Request::CheckWanted() {
  absl::MutexLock lock(&mutex);
  for (const Caller& caller : callers) {
    if (caller.gone == nullptr || !caller.gone()) return absl::OkStatus();
  }
  return absl::CancelledError("the caller went away before the job was recorded: nothing was made");
}

absl::Status Submitter::Request::Compile(const CompileJob& compile) {
  absl::StatusOr<CompiledJob> compiled = compile(args.script, args.variables);
  if (!compiled.ok()) {
    return ApiError(compiled.status().code(), kReasonScript, StdView(compiled.status().message()),
                    "script");
  }
  if (compiled->explain_only) {
    return ApiError(
        absl::StatusCode::kInvalidArgument, kReasonScript,
        "the script only asks for its plan: see it with `weir job explain FILE.sql`, or "
        "remove EXPLAIN to run it",
        "script");
  }
  result.warnings = std::move(compiled->warnings);
  plan = std::move(compiled->plan);
  script = std::move(compiled->script);
  result.script = script;
  return absl::OkStatus();
}

absl::Status Submitter::Request::CheckTables(const Deps& deps, const std::string& lineage) {
  if (from) {
    WEIR_RETURN_IF_ERROR(
        CheckOriginTables(*from, plan, lineage, deps.make_committer, args.append, &origin));
  }
  for (const SinkSpec& sink : plan.sinks) {
    const auto committer = deps.make_committer(sink.path);
    // No app id of ours exists yet; a fresh lineage has none in any table.
    const absl::StatusOr<TableState> table =
        committer->Prepare(sink.schema, CommitAppId("new", sink.id), /*create=*/false);
    const bool absent = absl::IsNotFound(table.status());
    if (!table.ok() && !absent) return TableError(sink, table.status());
    if (const absl::Status writable = CheckTablePathWritable(sink.path, deps.table_roots);
        !writable.ok())
      return TableError(sink, writable);
    if (absent) continue;
    if (!args.append && !from) WEIR_RETURN_IF_ERROR(CheckLineage(sink, *table));
  }
  return absl::OkStatus();
}

absl::Status Submitter::Request::MakeTables(const Deps& deps, const std::string& lineage) {
  for (SinkSpec& sink : plan.sinks) {
    const auto committer = deps.make_committer(sink.path);
    absl::StatusOr<TableState> table =
        committer->Prepare(sink.schema, CommitAppId(lineage, sink.id), /*create=*/true);
    if (!table.ok()) return TableError(sink, table.status());
    // Readers find columns by exact name, so data files are written as the table spells them.
    if (!table->schema.columns.empty()) sink.schema = table->schema;
  }
  return absl::OkStatus();
}

absl::Status Submitter::Request::CheckAndRecord(const Deps& deps) {
  const std::string lineage = MakeUuid(*deps.random);
  WEIR_RETURN_IF_ERROR(CheckTables(deps, lineage));
  if (args.validate_only) {
    result.validated_only = true;
    return absl::OkStatus();
  }
  JobSpec spec;
  spec.name = args.name;
  spec.script = script;
  spec.lineage = lineage;
  spec.submitted_ms = deps.clock->WallMicros() / 1000;
  spec.request_id = args.request_id;
  spec.append_to_existing = args.append;
  if (from) spec.origin = std::make_shared<const JobOrigin>(origin);
  WEIR_RETURN_IF_ERROR(CheckWanted());
  WEIR_RETURN_IF_ERROR(MakeTables(deps, spec.lineage));
  spec.plan = plan;
  LogRecord record;
  record.id = RandomHex(*deps.random, 32);
  record.written_ms = spec.submitted_ms;
  record.body = std::move(spec);
  // A record that no coordinator could read again would lose the job at the next start.
  if (const auto readable = DecodeLogRecord(EncodeLogRecord(record)); !readable.ok()) {
    return ApiError(absl::StatusCode::kInternal, kReasonScript,
                    absl::StrCat("the plan of this script can't be stored, which is a mistake of "
                                 "weir's: ",
                                 readable.status().message()));
  }
  result.id = absl::StrCat(args.name, "-", RandomHex(*deps.random, 8));
  return Record(deps, record);
}

// An append that fails may have stored the record all the same. The job would come alive at the
// coordinator's next start, beside the one that its user submitted instead, and both would write
// the tables. So the same record is appended again until it is known to stand.
absl::Status Submitter::Request::Record(const Deps& deps, const LogRecord& record) {
  absl::Status appended;
  for (int attempt = 0; attempt < kRecordAttempts; ++attempt) {
    appended = Failpoint("coordinator.before_submitted");
    // An attempt that was made can't be taken back.
    if (attempt == 0) WEIR_RETURN_IF_ERROR(CheckWanted());
    if (appended.ok() && result.log.tail == 0) {
      appended = JobLog(deps.blobs, result.id).Append(record, &result.log).status();
    }
    if (appended.ok()) appended = Failpoint("coordinator.after_submitted");
    if (appended.ok()) return absl::OkStatus();
  }
  return ApiError(absl::StatusCode::kUnavailable, kReasonStorage,
                  absl::StrCat("the job could not be recorded, or not surely: ", appended.message(),
                               "; if it was, it runs once the coordinator is started again: "
                               "look for ",
                               result.id, " before you submit it again"));
}

Submitter::Submitter(Deps deps) : deps_(std::move(deps)) {}

void Submitter::Submit(SubmitArgs args, Caller caller) {
  if (!args.request_id.empty()) {
    const auto it = by_request_id_.find(args.request_id);
    if (it != by_request_id_.end()) {
      absl::MutexLock lock(&it->second->mutex);
      it->second->callers.push_back(std::move(caller));
      return;
    }
  }
  const auto request = std::make_shared<Request>();
  request->args = std::move(args);
  {
    absl::MutexLock lock(&request->mutex);
    request->callers.push_back(std::move(caller));
  }
  if (!request->args.request_id.empty()) by_request_id_[request->args.request_id] = request;
  if (absl::Status named = CheckJobName(request->args.name); !named.ok()) {
    return Finish(request, std::move(named));
  }
  deps_.pool->Run([this, request] {
    absl::Status status = request->CheckWanted();
    if (status.ok()) status = request->Compile(deps_.compile);
    Continue(request, std::move(status), &Submitter::CheckConflicts);
  });
}

void Submitter::Continue(const RequestPtr& request, absl::Status status,
                         void (Submitter::*next)(const RequestPtr&)) {
  deps_.loop->Post([this, request, status = std::move(status), next] {
    if (!status.ok()) return Finish(request, status);
    (this->*next)(request);
  });
}

void Submitter::CheckConflicts(const RequestPtr& request) {
  const std::string& name = request->args.name;
  JobId holder = deps_.job_of_name(name);
  if (!request->args.replaces.empty()) {
    const absl::StatusOr<OriginJob> replaced = deps_.find_origin(request->args.replaces);
    if (!replaced.ok()) return Finish(request, replaced.status());
    request->replaced = replaced->id;
    if (holder == replaced->id) holder.clear();
  }
  if (!holder.empty() || names_.contains(name)) {
    return Finish(request, ApiError(absl::StatusCode::kAlreadyExists, kReasonNameTaken,
                                    absl::StrCat("job ", holder.empty() ? name : holder,
                                                 " has the name '", name,
                                                 "' and has not ended: stop it first, or submit "
                                                 "with another --name"),
                                    "name"));
  }
  names_.insert(name);
  request->reserved_name = true;
  for (const SinkSpec& sink : request->plan.sinks) {
    JobId writer = deps_.job_of_table(sink.path);
    if (!writer.empty() && writer == request->replaced) writer.clear();
    if (!writer.empty() || !tables_.insert(sink.path).second) {
      return Finish(request,
                    ApiError(absl::StatusCode::kAlreadyExists, kReasonTableTaken,
                             absl::StrCat("table ", sink.path, " is written by ",
                                          writer.empty() ? "another sink of a job being submitted"
                                                         : absl::StrCat("job ", writer),
                                          ": a table has one writing sink at a time")));
    }
    request->reserved_tables.push_back(sink.path);
  }
  if (!request->args.from_job.empty()) return FindOrigin(request);
  DescribeSources(request);
}

void Submitter::FindOrigin(const RequestPtr& request) {
  absl::StatusOr<OriginJob> from = deps_.find_origin(request->args.from_job);
  if (!from.ok()) return Finish(request, from.status());
  request->from = *std::move(from);
  request->from->stopping = request->from->id == request->replaced;
  const OriginJob& job = *request->from;
  const auto refuse = [&](const absl::Status& status) {
    Finish(request, ApiError(status.code(), kReasonFrom, StdView(status.message()), "from_job"));
  };
  const auto chosen = ChooseCheckpoint(job, request->args.from_epoch);
  if (!chosen.ok()) return refuse(chosen.status());
  const Manifest& manifest = (*chosen)->manifest;
  const Plan& before = job.log.spec->plan;
  absl::StatusOr<CarryOver> carried =
      FitCheckpoint(before, manifest, request->plan, request->args.drop_states);
  if (!carried.ok()) return refuse(carried.status());
  request->result.carried = std::move(carried->states);
  JobOrigin& origin = request->origin;
  origin.job = job.id;
  origin.lineage = job.log.spec->lineage;
  origin.epoch = (*chosen)->epoch;
  origin.manifest = std::move(carried->manifest);
  origin.restore_tables = request->args.restore_tables;
  request->holder = absl::StrCat("submit ", ++holders_);
  deps_.hold(job.id, request->holder, origin.epoch, [this, request](bool kept) {
    if (kept) return DescribeSources(request);
    Finish(request, ApiError(absl::StatusCode::kFailedPrecondition, kReasonFrom,
                             absl::StrCat("epoch ", request->origin.epoch.value, " of job ",
                                          request->origin.job,
                                          " is no longer kept: take a savepoint of it first"),
                             "from_job"));
  });
}

void Submitter::DescribeSources(const RequestPtr& request) {
  const int64_t deadline_us = deps_.clock->MonotonicMicros() + kDescribeDeadlineUs;
  // Without a worker nobody can look; the job will wait for one and look then.
  std::vector<PlanSource> sources;
  if (deps_.has_workers()) sources = SourcesOf(request->plan);
  request->describing = static_cast<int>(sources.size()) + 1;
  for (const PlanSource& source : sources) {
    deps_.queries->Ask({0, source.op->kafka, false}, deadline_us,
                       [this, request, kafka = source.op->kafka](SourceDescribedEvent answer) {
                         OnDescribed(request, answer, kafka);
                       });
  }
  OnDescribed(request, {}, {});
}

void Submitter::OnDescribed(const RequestPtr& request, const SourceDescribedEvent& answer,
                            const KafkaSpec& kafka) {
  if (!answer.status.ok() && request->describe_error.ok()) {
    const std::string message(answer.status.message());
    request->describe_error =
        absl::IsNotFound(answer.status)
            ? ApiError(absl::StatusCode::kNotFound, kReasonTopicNotFound, message, "script")
            : ApiError(absl::StatusCode::kFailedPrecondition, kReasonBrokers,
                       absl::StrCat("topic ", kafka.topic, ": ", message), "script");
  }
  if (--request->describing > 0) return;
  if (!request->describe_error.ok()) return Finish(request, request->describe_error);
  deps_.pool->Run(
      [this, request] { Continue(request, request->CheckAndRecord(deps_), &Submitter::Complete); });
}

void Submitter::Finish(const RequestPtr& request, absl::Status status) {
  if (request->reserved_name) names_.erase(request->args.name);
  for (const std::string& path : request->reserved_tables) tables_.erase(path);
  by_request_id_.erase(request->args.request_id);
  std::vector<Caller> callers;
  {
    absl::MutexLock lock(&request->mutex);
    callers.swap(request->callers);
  }
  for (Caller& caller : callers) {
    const bool came_late = absl::IsCancelled(status) && !(caller.gone && caller.gone());
    if (status.ok()) {
      caller.done(request->result);
    } else if (came_late) {
      Submit(request->args, std::move(caller));  // after the others had gone: begin again
    } else {
      caller.done(status);
    }
  }
  // The job itself holds it by now.
  if (!request->holder.empty()) deps_.release(request->origin.job, request->holder);
}

}  // namespace weir
