#include "coordinator/api_rpc.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/string_view.h"
#include "coordinator/api_error.h"
#include "coordinator/api_messages.h"
#include "coordinator/gate.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/service_type.h"
#include "weir/v1/job.grpc.pb.h"

namespace weir {
namespace {

// Calls that wait answer a little before the client's deadline, or, without one, after this long.
constexpr int64_t kWaitUs = 60'000'000;
constexpr int64_t kMarginUs = 100'000;
constexpr int64_t kNoDeadlineUs = int64_t{86'400} * 1'000'000;

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  if (const std::string reason = ApiReason(status); !reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(reason);
    info.set_domain("weir");
    if (const std::string leader = ApiLeader(status); !leader.empty()) {
      (*info.mutable_metadata())["leader"] = leader;
    }
    details.add_details()->PackFrom(info);
  }
  if (const std::string field = ApiField(status); !field.empty()) {
    google::rpc::BadRequest bad;
    google::rpc::BadRequest::FieldViolation* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description(std::string(status.message()));
    details.add_details()->PackFrom(bad);
  }
  return grpc::Status(code, std::string(status.message()), details.SerializeAsString());
}

// Scripts that are worked on at once: each is parsed on a stack of its own, and a submit asks
// brokers and stores.
constexpr int kScriptsMax = 32;

// ---- Calls

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

// How many scripts are worked on. Outlives the service: the last answers come behind its end.
class ScriptCount {
 public:
  // Counts one until the last copy of the result goes; null when there are too many.
  static std::shared_ptr<void> Take(const std::shared_ptr<ScriptCount>& count) {
    if (count->taken_.fetch_add(1) < kScriptsMax) {
      return std::shared_ptr<void>(count.get(), [count](void*) { count->taken_.fetch_sub(1); });
    }
    count->taken_.fetch_sub(1);
    return nullptr;
  }

 private:
  std::atomic<int> taken_{0};
};

absl::Status TooManyScripts() {
  return ApiError(absl::StatusCode::kResourceExhausted, kReasonTooMany,
                  absl::StrCat("this coordinator works on ", kScriptsMax,
                               " scripts already, the most at once; try again in a moment"));
}

// `done`, with `held` held until it was called.
template <class T>
Cluster::Done<T> Holding(std::shared_ptr<void> held, Cluster::Done<T> done) {
  return [held = std::move(held), done = std::move(done)](absl::StatusOr<T> answer) {
    done(std::move(answer));
  };
}

// Fills `response` from the cluster's answer and finishes the call.
template <class T, class Response, class FillResponse>
Cluster::Done<T> Finishing(grpc::ServerUnaryReactor* reactor, Response* response,
                           FillResponse fill) {
  return [reactor, response, fill](absl::StatusOr<T> answer) {
    if (answer.ok()) fill(*answer, response);
    reactor->Finish(ToGrpc(answer.status()));
  };
}

Cluster::Done<JobView> FinishingJob(grpc::ServerUnaryReactor* reactor, v1::Job* response,
                                    bool with_script = false) {
  return Finishing<JobView>(reactor, response, [with_script](const JobView& view, v1::Job* out) {
    Fill(view, with_script, out);
  });
}

// Writes the audit line, then `done`.
template <class T>
Cluster::Done<T> Audited(AuditEntry entry, Cluster::Done<T> done) {
  return [entry = std::move(entry), done = std::move(done)](absl::StatusOr<T> answer) {
    if constexpr (std::is_same_v<T, JobView>) {
      entry.Write(answer.status(), answer.ok() ? answer->id : "");
    } else {
      entry.Write(answer.status());
    }
    done(std::move(answer));
  };
}

Cluster::Done<CheckpointView> FinishingCheckpoint(grpc::ServerUnaryReactor* reactor,
                                                  v1::Checkpoint* response) {
  return Finishing<CheckpointView>(
      reactor, response, [](const CheckpointView& view, v1::Checkpoint* out) { Fill(view, out); });
}

// When to answer a call that waits, on the monotonic clock.
int64_t WaitUntil(const grpc::CallbackServerContext& context) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
                        context.deadline() - std::chrono::system_clock::now())
                        .count();
  const int64_t wait_us = left > kNoDeadlineUs ? kWaitUs : std::max<int64_t>(0, left - kMarginUs);
  return SystemClock()->MonotonicMicros() + wait_us;
}

class WatchReactor;

// Between the cluster, which outruns a slow client, and the stream: keeps only the newest view.
class Watch : public JobWatcher {
 public:
  explicit Watch(WatchReactor* reactor) : reactor_(reactor) {}
  void OnJob(const JobView& view, bool final) override;
  void OnError(const absl::Status& status) override;

 private:
  friend class WatchReactor;
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  WatchReactor* reactor_ ABSL_GUARDED_BY(mutex_);  // nullptr once the stream is gone
  v1::Job writing_message_ ABSL_GUARDED_BY(mutex_);
  v1::Job newest_ ABSL_GUARDED_BY(mutex_);
  bool has_newest_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool last_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

class WatchReactor : public grpc::ServerWriteReactor<v1::Job> {
 public:
  WatchReactor(Cluster* cluster, const std::string& job)
      : cluster_(cluster), watch_(std::make_shared<Watch>(this)) {
    cluster_->Watch(job, watch_);
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&watch_->mutex_);
    watch_->writing_ = false;
    if (!ok) watch_->last_ = true;
    watch_->Advance();
  }
  void OnCancel() override {
    absl::MutexLock lock(&watch_->mutex_);
    watch_->last_ = true;
    watch_->has_newest_ = false;
    watch_->Advance();
  }
  void OnDone() override {
    {
      absl::MutexLock lock(&watch_->mutex_);
      watch_->reactor_ = nullptr;
    }
    cluster_->Unwatch(watch_);
    delete this;
  }

 private:
  Cluster* const cluster_;
  const std::shared_ptr<Watch> watch_;  // shared with the cluster
};

void Watch::OnJob(const JobView& view, bool final) {
  absl::MutexLock lock(&mutex_);
  newest_.Clear();
  Fill(view, /*with_script=*/false, &newest_);
  has_newest_ = true;
  last_ = last_ || final;
  Advance();
}

void Watch::OnError(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  status_ = ToGrpc(status);
  last_ = true;
  Advance();
}

void Watch::Advance() {
  if (reactor_ == nullptr || writing_ || finished_) return;
  if (has_newest_) {
    has_newest_ = false;
    writing_ = true;
    writing_message_.Swap(&newest_);
    reactor_->StartWrite(&writing_message_);
  } else if (last_) {
    finished_ = true;
    reactor_->Finish(status_);
  }
}

// A stream that ends before it begins.
class RefusingWatch : public grpc::ServerWriteReactor<v1::Job> {
 public:
  explicit RefusingWatch(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

// ---- The services

class JobServiceImpl : public v1::JobService::CallbackService {
 public:
  JobServiceImpl(Cluster* cluster, IoPool* pool, Gate* gate, CompileJob compile, ExplainJob explain)
      : cluster_(cluster),
        pool_(pool),
        gate_(gate),
        compile_(std::move(compile)),
        explain_(std::move(explain)) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* Submit(Context* context, const v1::SubmitRequest* request, v1::Job* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, request->validate_only() ? "Validate" : "Submit",
                           Role::kOperator, request->name());
    if (!admitted.ok()) return Answer(context, admitted.status());
    SubmitArgs args;
    args.script = request->script();
    args.name = request->name();
    args.variables = {request->variables().begin(), request->variables().end()};
    args.request_id = request->request_id();
    args.validate_only = request->validate_only();
    args.append = request->append();
    args.from_job = request->from_job();
    args.from_epoch = Epoch(request->from_epoch());
    args.restore_tables = request->restore_tables();
    args.drop_states = {request->drop_states().begin(), request->drop_states().end()};
    args.replaces = request->replaces();
    if (args.from_job.empty() &&
        (args.restore_tables || request->from_epoch() != 0 || !args.drop_states.empty())) {
      return Answer(context, ApiError(absl::StatusCode::kInvalidArgument, kReasonRequest,
                                      "from_epoch, restore_tables and drop_states go with from_job",
                                      "from_job"));
    }
    if (!args.replaces.empty() && !args.validate_only) {
      return Answer(context,
                    ApiError(absl::StatusCode::kInvalidArgument, kReasonRequest,
                             "replaces goes with validate_only: stop that job first", "replaces"));
    }
    std::shared_ptr<void> script = ScriptCount::Take(scripts_);
    if (script == nullptr) return Answer(context, TooManyScripts());
    Reactor* reactor = context->DefaultReactor();
    // The context lives until the answer is given.
    const bool with_script = args.validate_only;
    cluster_->Submit(
        std::move(args),
        Holding(std::move(script),
                Audited<JobView>(*admitted, FinishingJob(reactor, response, with_script))),
        [context] { return context->IsCancelled(); });
    return reactor;
  }

  Reactor* Get(Context* context, const v1::GetJobRequest* request, v1::Job* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "Get", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->Get(request->job(), FinishingJob(reactor, response, /*with_script=*/true));
    return reactor;
  }

  Reactor* List(Context* context, const v1::ListJobsRequest* request,
                v1::ListJobsResponse* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "List", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    if (request->page_size() < 0) {
      return Answer(context, ApiError(absl::StatusCode::kInvalidArgument, kReasonRequest,
                                      "page_size is negative", "page_size"));
    }
    Reactor* reactor = context->DefaultReactor();
    cluster_->List(request->page_size(), request->page_token(), request->live_only(),
                   Finishing<Cluster::Page>(
                       reactor, response, [](const Cluster::Page& page, v1::ListJobsResponse* out) {
                         for (const JobView& job : page.jobs) Fill(job, false, out->add_jobs());
                         out->set_next_page_token(page.next);
                       }));
    return reactor;
  }

  grpc::ServerWriteReactor<v1::Job>* Watch(Context* context,
                                           const v1::WatchRequest* request) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "Watch", Role::kViewer);
    if (!admitted.ok()) return new RefusingWatch(admitted.status());
    return new WatchReactor(cluster_, request->job());
  }

  Reactor* Stop(Context* context, const v1::StopRequest* request, v1::Job* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "Stop", Role::kOperator, request->job());
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->Stop(request->job(), WaitUntil(*context),
                   Audited<JobView>(*admitted, FinishingJob(reactor, response)));
    return reactor;
  }

  Reactor* Cancel(Context* context, const v1::CancelRequest* request, v1::Job* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "Cancel", Role::kOperator, request->job());
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->Cancel(request->job(), WaitUntil(*context),
                     Audited<JobView>(*admitted, FinishingJob(reactor, response)));
    return reactor;
  }

  Reactor* Explain(Context* context, const v1::ExplainRequest* request,
                   v1::ExplainResponse* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "Explain", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    std::shared_ptr<void> count = ScriptCount::Take(scripts_);
    if (count == nullptr) return Answer(context, TooManyScripts());
    Reactor* reactor = context->DefaultReactor();
    Cluster::Done<Plan> done = Finishing<Plan>(
        reactor, response,
        [this](const Plan& plan, v1::ExplainResponse* out) { out->set_text(explain_(plan)); });
    done = Holding(std::move(count), std::move(done));
    if (!request->job().empty()) {
      cluster_->GetPlan(request->job(), std::move(done));
      return reactor;
    }
    pool_->Run([this, context, script = request->script(),
                variables = std::map<std::string, std::string>(request->variables().begin(),
                                                               request->variables().end()),
                done = std::move(done)] {
      if (context->IsCancelled()) return done(absl::CancelledError("the caller went away"));
      absl::StatusOr<CompiledJob> compiled = compile_(script, variables);
      if (compiled.ok()) return done(std::move(compiled->plan));
      done(ApiError(compiled.status().code(), kReasonScript, StdView(compiled.status().message()),
                    "script"));
    });
    return reactor;
  }

  Reactor* ListCheckpoints(Context* context, const v1::ListCheckpointsRequest* request,
                           v1::ListCheckpointsResponse* response) override {
    const absl::StatusOr<Caller> admitted =
        gate_->Admit(*context, "ListCheckpoints", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->ListCheckpoints(request->job(), Finishing<std::vector<CheckpointView>>(
                                                  reactor, response,
                                                  [](const std::vector<CheckpointView>& views,
                                                     v1::ListCheckpointsResponse* out) {
                                                    for (const CheckpointView& view : views)
                                                      Fill(view, out->add_checkpoints());
                                                  }));
    return reactor;
  }

  Reactor* ListEvents(Context* context, const v1::ListEventsRequest* request,
                      v1::ListEventsResponse* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "ListEvents", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->GetDetails(
        request->job(),
        Finishing<JobDetails>(reactor, response,
                              [](const JobDetails& details, v1::ListEventsResponse* out) {
                                for (const Happening& happening : details.happenings) {
                                  Fill(happening, out->add_events());
                                }
                              }));
    return reactor;
  }

  Reactor* GetDetails(Context* context, const v1::GetDetailsRequest* request,
                      v1::JobDetails* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "GetDetails", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    const bool samples = admitted->role >= Role::kOperator;
    Reactor* reactor = context->DefaultReactor();
    cluster_->GetDetails(
        request->job(),
        Finishing<JobDetails>(reactor, response,
                              [this, samples](const JobDetails& details, v1::JobDetails* out) {
                                Fill(details, explain_(details.plan), samples, out);
                              }));
    return reactor;
  }

  Reactor* TriggerCheckpoint(Context* context, const v1::TriggerCheckpointRequest* request,
                             v1::Checkpoint* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "TriggerCheckpoint", Role::kOperator, request->job());
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->TriggerCheckpoint(
        request->job(), request->savepoint(), WaitUntil(*context),
        Audited<CheckpointView>(*admitted, FinishingCheckpoint(reactor, response)));
    return reactor;
  }

  Reactor* DropSavepoint(Context* context, const v1::DropSavepointRequest* request,
                         v1::Checkpoint* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "DropSavepoint", Role::kOperator, request->job());
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->DropSavepoint(
        request->job(), Epoch(request->epoch()), WaitUntil(*context),
        Audited<CheckpointView>(*admitted, FinishingCheckpoint(reactor, response)));
    return reactor;
  }

  Reactor* Rescale(Context* context, const v1::RescaleRequest* request,
                   v1::Job* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "Rescale", Role::kOperator, request->job());
    if (!admitted.ok()) return Answer(context, admitted.status());
    Reactor* reactor = context->DefaultReactor();
    cluster_->Rescale(request->job(), request->parallelism(), WaitUntil(*context),
                      Audited<JobView>(*admitted, FinishingJob(reactor, response)));
    return reactor;
  }

 private:
  Cluster* const cluster_;
  IoPool* const pool_;
  Gate* const gate_;
  const CompileJob compile_;
  const ExplainJob explain_;
  // shared: ScriptCount says with whom.
  const std::shared_ptr<ScriptCount> scripts_ = std::make_shared<ScriptCount>();
};

class ClusterServiceImpl : public v1::ClusterService::CallbackService {
 public:
  ClusterServiceImpl(Cluster* cluster, Gate* gate, std::string version)
      : cluster_(cluster), gate_(gate), version_(std::move(version)) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest*,
                                      v1::ClusterStatus* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "GetStatus", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    cluster_->GetStatus(Finishing<ClusterSummary>(
        reactor, response, [this](const ClusterSummary& summary, v1::ClusterStatus* out) {
          Fill(summary, version_, out);
        }));
    return reactor;
  }

  grpc::ServerUnaryReactor* Diagnose(grpc::CallbackServerContext* context,
                                     const v1::DiagnoseRequest*, v1::Diagnosis* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "Diagnose", Role::kOperator);
    if (!admitted.ok()) return Answer(context, admitted.status());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    cluster_->Examine(Finishing<DoctorReport>(
        reactor, response,
        [this](const DoctorReport& report, v1::Diagnosis* out) { Fill(report, version_, out); }));
    return reactor;
  }

  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest*,
                                        v1::ListWorkersResponse* response) override {
    const absl::StatusOr<Caller> admitted = gate_->Admit(*context, "ListWorkers", Role::kViewer);
    if (!admitted.ok()) return Answer(context, admitted.status());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    cluster_->ListWorkers(Finishing<std::vector<WorkerSummary>>(
        reactor, response,
        [](const std::vector<WorkerSummary>& workers, v1::ListWorkersResponse* out) {
          for (const WorkerSummary& worker : workers) Fill(worker, out->add_workers());
        }));
    return reactor;
  }

  grpc::ServerUnaryReactor* DrainWorker(grpc::CallbackServerContext* context,
                                        const v1::DrainWorkerRequest* request,
                                        v1::Worker* response) override {
    const absl::StatusOr<AuditEntry> admitted =
        gate_->AdmitChange(*context, "DrainWorker", Role::kAdmin, request->worker());
    if (!admitted.ok()) return Answer(context, admitted.status());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    cluster_->DrainWorker(
        request->worker(), WaitUntil(*context),
        Audited<WorkerSummary>(
            *admitted, Finishing<WorkerSummary>(reactor, response,
                                                [](const WorkerSummary& worker, v1::Worker* out) {
                                                  Fill(worker, out);
                                                })));
    return reactor;
  }

 private:
  Cluster* const cluster_;
  Gate* const gate_;
  const std::string version_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeApiServices(Cluster* cluster, IoPool* pool,
                                                            Gate* gate, CompileJob compile,
                                                            ExplainJob explain,
                                                            std::string version) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<JobServiceImpl>(cluster, pool, gate, std::move(compile),
                                                      std::move(explain)));
  services.push_back(std::make_unique<ClusterServiceImpl>(cluster, gate, std::move(version)));
  return services;
}

}  // namespace weir
