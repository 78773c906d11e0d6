#include "coordinator/cluster.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/status_macros.h"
#include "base/tcp_probe.h"
#include "coordinator/api_error.h"
#include "coordinator/event_loop.h"

namespace weir {
namespace {

constexpr int64_t kPulseUs = 250'000;
constexpr int64_t kRereadRetryUs = 5'000'000;
constexpr int64_t kUnreadableRetryUs = 30'000'000;
constexpr int64_t kReadRetryUs = 500'000;
// A worker whose stream broke and whose machine says nothing for so long is lost.
constexpr int64_t kProbeMaxUs = 300'000;
constexpr int64_t kProbeAgainUs = 50'000;
constexpr int64_t kJobDescribeDeadlineUs = 10'000'000;

}  // namespace

Cluster::Cluster(ClusterOptions options, ClusterDeps deps)
    : options_(std::move(options)),
      deps_(std::move(deps)),
      registry_(options_.data_uri),
      queries_(&registry_, deps_.clock->WallMicros()),
      commits_(deps_.pool, deps_.make_committer, deps_.clock),
      submitter_({deps_.loop, deps_.pool, deps_.blobs, deps_.clock, deps_.random, &queries_,
                  deps_.make_committer, deps_.compile,
                  [this] { return !registry_.workers().empty(); },
                  [this](const std::string& name) {
                    for (const auto& [id, job] : jobs_) {
                      if (job->live() && job->spec().name == name) return id;
                    }
                    return JobId();
                  },
                  [this](const std::string& path) {
                    for (const auto& [id, job] : jobs_) {
                      if (!job->live()) continue;
                      for (const SinkSpec& sink : job->spec().plan.sinks) {
                        if (sink.path == path) return id;
                      }
                    }
                    return JobId();
                  },
                  [this](const std::string& job) { return FindOrigin(job); },
                  [this](const JobId& id, const std::string& holder, Epoch epoch,
                         std::function<void(bool)> done) {
                    HoldCheckpoint(id, holder, epoch, std::move(done));
                  },
                  [this](const JobId&, const std::string& holder) { Release(holder); },
                  options_.table_roots}) {
  runner_deps_.loop = deps_.loop;
  runner_deps_.pool = deps_.pool;
  runner_deps_.slow = deps_.slow;
  runner_deps_.blobs = deps_.blobs;
  runner_deps_.registry = &registry_;
  runner_deps_.commits = &commits_;
  runner_deps_.clock = deps_.clock;
  runner_deps_.random = deps_.random;
  runner_deps_.metrics = deps_.metrics;
  runner_deps_.make_committer = deps_.make_committer;
  runner_deps_.table_roots = options_.table_roots;
  runner_deps_.deliver = [this](const RunnerRef& to, JobEvent event) {
    deps_.loop->Post([this, to, event = std::move(event)] {
      const std::shared_ptr<JobRunner*> runner = to.lock();
      if (runner != nullptr && serving()) (*runner)->Handle(event);
    });
  };
  runner_deps_.describe = [this](const JobId& id, const DescribeSourceAction& question) {
    queries_.Ask(question, deps_.clock->MonotonicMicros() + kJobDescribeDeadlineUs,
                 [this, id](SourceDescribedEvent answer) {
                   // Not at once: a question that can't be asked is answered within the asking.
                   deps_.loop->Post([this, id, answer = std::move(answer)] {
                     const auto it = jobs_.find(id);
                     if (it != jobs_.end() && serving()) it->second->Handle(answer);
                   });
                 });
  };
  runner_deps_.workers = [this](const JobId& id) { return WorkersFor(id); };
  runner_deps_.reread = [this](const JobId& id, int64_t delay_us) { Reread(id, delay_us); };
  runner_deps_.changed = [this](const JobId& id) { OnChanged(id); };
}

Cluster::~Cluster() = default;

// ---- Leading and following

void Cluster::Lead(int64_t term, std::string address) {
  deps_.loop->Post([this, term, address = std::move(address)] {
    if (shut_down_) return;
    Drop();
    term_ = term;
    leader_.clear();
    deps_.pool->Run([this, term, address] {
      ReadAndLead(term, address, std::make_shared<std::map<JobId, FoundLog>>());
    });
  });
}

void Cluster::ReadAndLead(int64_t term, const std::string& address, const FoundLogs& found) {
  const absl::Status read = ReadLogs(deps_.blobs, deps_.pool, found.get());
  deps_.loop->Post([this, term, address, found, read] {
    if (shut_down_ || term_ != term) return;
    if (read.ok()) return BeginToLead(term, address, found);
    WEIR_LOG(kWarning, "the job logs can't be read; trying again", {"error", read.message()},
             {"read", found->size()});
    deps_.loop->PostAt(deps_.clock->MonotonicMicros() + kReadRetryUs, [this, term, address, found] {
      if (shut_down_ || term_ != term) return;
      deps_.pool->Run([this, term, address, found] { ReadAndLead(term, address, found); });
    });
  });
}

void Cluster::BeginToLead(int64_t term, const std::string& address, const FoundLogs& found) {
  for (auto it = found->begin(); it != found->end();) {
    auto& [id, one] = *it;
    const bool shown = one.damage.ok() || ShowDamaged(id, one.damage, &one.log);
    it = shown ? std::next(it) : found->erase(it);
  }
  DropUnacknowledged(found.get());
  leads_ = true;
  leader_ = address;
  WEIR_LOG(kInfo, "leads", {"term", term}, {"jobs", found->size()});
  for (auto& [id, one] : *found) {
    Add(id, std::move(one.log), /*took_over=*/true);
    RereadUnreadable(id, one.damage);
  }
  HoldOrigins();  // before anything is deleted
  for (const auto& [id, job] : jobs_) TidyEnded(job.get());
  for (const auto& [id, job] : jobs_) job->Tick();
  deps_.on_role(LeadRole::kLeads);
  if (!std::exchange(pulsing_, true)) Every();
}

void Cluster::Follow(std::string leader) {
  deps_.loop->Post([this, leader = std::move(leader)] {
    if (shut_down_) return;
    if (leads_) {
      WEIR_LOG(kWarning, "leads no more", {"term", term_}, {"leader", leader});
    } else {
      WEIR_LOG(kInfo, "stands by", {"leader", leader});
    }
    term_ = 0;
    leader_ = leader;
    Drop();
    deps_.on_role(leader_.empty() ? LeadRole::kUnknown : LeadRole::kStandsBy);
    if (!std::exchange(pulsing_, true)) Every();
  });
}

void Cluster::Drop() {
  leads_ = false;
  RefuseAll();
  registry_.Clear();
  for (const auto& [id, job] : jobs_) deps_.metrics->RemoveSeries({{"job", id}});
  jobs_.clear();
  commits_.ForgetAll();
  holds_.clear();
  damaged_.clear();
}

absl::Status Cluster::Refusal() const {
  if (!shut_down_) return NotLeaderError(leader_);
  return ShuttingDownError();
}

// What was asked may not have been recorded: callers ask again, at the next leader.
void Cluster::RefuseAll() {
  queries_.FailAll();
  for (const Waiter& waiter : std::exchange(waiters_, {})) {
    if (waiter.ended) waiter.ended(Refusal());
    if (waiter.checkpoint) waiter.checkpoint(Refusal());
    if (waiter.rescaled) waiter.rescaled(Refusal());
  }
  for (const DrainWaiter& waiter : std::exchange(drain_waiters_, {})) waiter.done(Refusal());
  for (const Watched& watched : std::exchange(watched_, {})) watched.watcher->OnError(Refusal());
}

void Cluster::ShutDown() {
  deps_.loop->Run([this] {
    shut_down_ = true;
    leader_.clear();
    RefuseAll();
    registry_.Clear();
  });
}

// ---- Jobs

JobRunner* Cluster::Add(const JobId& id, JobLogState log, bool took_over) {
  auto runner =
      std::make_unique<JobRunner>(&runner_deps_, id, std::move(log), took_over, options_.machine);
  return jobs_.emplace(id, std::move(runner)).first->second.get();
}

bool Cluster::ShowDamaged(const JobId& id, const absl::Status& damage, JobLogState* log) {
  WEIR_LOG(kError, "a job's log can't be read; the job stays untouched", {"job", id},
           {"error", damage.message()}, {"read_up_to", log->tail});
  if (!log->spec) return false;
  damaged_.insert(id);
  std::string reason = absl::StrCat(
      absl::IsDataLoss(damage) ? "its log is damaged, and nothing is done for it: "
                               : "its log can't be read, and nothing is done for it until it can: ",
      damage.message());
  if (!log->checkpoints.empty()) {
    absl::StrAppend(&reason,
                    ". To go on from the newest checkpoint before the damage: weir job "
                    "submit FILE --from ",
                    id, "@", log->checkpoints.back().epoch.value, " --restore-tables");
  }
  log->ended = EndedRecord{JobEnd::kFailed, std::move(reason)};
  return true;
}

void Cluster::RereadUnreadable(const JobId& id, const absl::Status& damage) {
  if (!damage.ok() && !absl::IsDataLoss(damage)) Reread(id, kUnreadableRetryUs);
}

void Cluster::Reread(const JobId& id, int64_t delay_us) {
  // Whoever acts for the job may lead.
  deps_.confirm_leader([](bool) {});
  deps_.loop->PostAt(deps_.clock->MonotonicMicros() + delay_us, [this, id, term = term_] {
    deps_.pool->Run([this, id, term] {
      auto found = std::make_shared<FoundLog>();  // for the closure, which must be copyable
      found->damage = JobLog(deps_.blobs, id).CatchUp(&found->log);
      deps_.loop->Post([this, id, term, found] {
        if (serving() && term_ == term && jobs_.contains(id)) OnReread(id, found.get());
      });
    });
  });
}

void Cluster::OnReread(const JobId& id, FoundLog* found) {
  const absl::Status& damage = found->damage;
  if (absl::IsUnavailable(damage) || (!damage.ok() && !found->log.spec)) {
    WEIR_LOG(kWarning, "a job's log can't be read", {"job", id}, {"error", damage.message()});
    return Reread(id, kRereadRetryUs);
  }
  if (damage.ok()) {
    damaged_.erase(id);
  } else if (damaged_.contains(id) && !absl::IsDataLoss(damage)) {
    return RereadUnreadable(id, damage);  // as it was
  } else {
    ShowDamaged(id, damage, &found->log);
  }
  jobs_.erase(id);
  JobRunner* runner = Add(id, std::move(found->log), /*took_over=*/true);
  HoldAgain(runner);
  HoldOrigins();
  TidyEnded(runner);
  RereadUnreadable(id, damage);
  runner->Tick();
  for (const Waiter& waiter : waiters_) {
    if (waiter.job == id && waiter.request && runner->live()) runner->Handle(*waiter.request);
  }
  OnChanged(id);
}

// ---- Workers

void Cluster::OnMessage(const std::shared_ptr<WorkerSession>& session, FromWorker message) {
  deps_.loop->Post([this, session, message = std::move(message)]() mutable {
    if (!serving()) {
      session->Send({"", NotLeaderMessage{leader_}});
      return session->Close();
    }
    Handle(session, std::move(message));
  });
}

void Cluster::OnClosed(const std::shared_ptr<WorkerSession>& session) {
  deps_.loop->Post([this, session] {
    if (!serving()) return;
    const int64_t now_us = deps_.clock->MonotonicMicros();
    bool replaced = false;
    const WorkerRegistry::Worker* suspect =
        registry_.OnClosed(session, now_us, deps_.clock->WallMicros() / 1000, &replaced);
    if (replaced) return OnWorkersChanged();
    if (suspect == nullptr) return;
    WEIR_LOG(kInfo, "worker's stream broke", {"address", suspect->registration.address});
    const std::string id = suspect->id;
    Probe(id, now_us);
    deps_.loop->PostAt(now_us + kProbeMaxUs, [this, id] {
      WorkerRegistry::Worker* worker = registry_.Find(id);
      if (!serving() || worker == nullptr || worker->answered) return;
      WEIR_LOG(kWarning, "worker lost: no answer", {"address", worker->registration.address});
      registry_.Remove(id, /*gone=*/false);
      OnWorkersChanged();
    });
  });
}

void Cluster::Probe(const std::string& worker_id, int64_t since_us) {
  const WorkerRegistry::Worker* worker = registry_.Find(worker_id);
  if (worker == nullptr || !worker->suspect) return;  // it came back, or its lease ran out
  deps_.probes->Run([this, worker_id, since_us, address = worker->registration.address] {
    const ProbeResult result = ProbeTcp(address, static_cast<int>(kProbeMaxUs / 1000));
    if (result == ProbeResult::kSilent) return;  // its time runs out
    deps_.loop->Post([this, worker_id, since_us, result] {
      if (serving()) OnProbed(worker_id, since_us, result == ProbeResult::kRefused);
    });
  });
}

void Cluster::OnProbed(const std::string& worker_id, int64_t since_us, bool refused) {
  WorkerRegistry::Worker* worker = registry_.Find(worker_id);
  if (worker == nullptr) return;
  if (!refused) {
    // Alive, or about to end: its stream may have closed before the port it listens at.
    worker->answered = true;
    return deps_.loop->PostAt(deps_.clock->MonotonicMicros() + kProbeAgainUs,
                              [this, worker_id, since_us] { Probe(worker_id, since_us); });
  }
  WEIR_LOG(kWarning, "worker lost: its process is gone", {"address", worker->registration.address},
           {"detected_ms", (deps_.clock->MonotonicMicros() - since_us) / 1000});
  registry_.Remove(worker_id, /*gone=*/true);
  OnWorkersChanged();
}

void Cluster::Handle(const std::shared_ptr<WorkerSession>& session, FromWorker message) {
  const int64_t now_us = deps_.clock->MonotonicMicros();
  if (const auto* registration = std::get_if<WorkerRegistration>(&message)) {
    if (registry_.OnRegister(session, *registration, now_us, deps_.clock->WallMicros() / 1000)) {
      WEIR_LOG(kInfo, "worker registered", {"address", registration->address},
               {"slots", registration->slots});
      OnWorkersChanged();
    }
    return;
  }
  WorkerRegistry::Worker* worker = registry_.Hear(session, now_us);
  if (worker == nullptr) return;  // replaced or expired: its reports may have gaps
  if (auto* heartbeat = std::get_if<WorkerHeartbeat>(&message)) {
    CancelLeftOver(*worker, *heartbeat);
    worker->host = heartbeat->host;
    worker->clock_ahead_us =
        heartbeat->wall_us == 0 ? 0 : heartbeat->wall_us - deps_.clock->WallMicros();
    registry_.OnHeartbeat(worker, std::move(*heartbeat), now_us);
    return AdvanceDrains();
  }
  if (std::holds_alternative<DrainRequest>(message)) return Drain(worker);
  if (auto* described = std::get_if<SourceDescribedEvent>(&message)) {
    return queries_.OnAnswer(std::move(*described));
  }
  auto& report = std::get<JobReport>(message);
  if (auto* deployed = std::get_if<DeployedEvent>(&report.event)) deployed->worker_id = worker->id;
  const auto job = jobs_.find(report.job);
  if (job != jobs_.end()) job->second->Handle(report.event);
}

void Cluster::CancelLeftOver(const WorkerRegistry::Worker& worker,
                             const WorkerHeartbeat& heartbeat) {
  for (const JobLive& running : heartbeat.jobs) {
    const auto job = jobs_.find(running.job);
    if (job == jobs_.end()) continue;
    if (job->second->live() && running.generation >= job->second->log().generation) continue;
    worker.session->Send(
        {running.job, CancelTasksAction{running.generation, "the job went on, or ended, without"}});
  }
}

void Cluster::OnWorkersChanged() {
  WEIR_LOG(kInfo, "workers", {"count", registry_.workers().size()});
  deps_.metrics->GetGauge("weir_workers", "Registered workers", {})
      ->Set(static_cast<double>(registry_.workers().size()));
  queries_.Expire(deps_.clock->MonotonicMicros());
  for (const auto& [id, job] : jobs_) job->Tick();
}

std::map<std::string, std::map<int, int>> Cluster::SlotLoad(const JobId& except) const {
  std::map<std::string, std::map<int, int>> load;
  for (const auto& [id, job] : jobs_) {
    if (id == except || !job->live()) continue;
    for (const SlotRef& slot : job->placement()) ++load[slot.worker_id][slot.slot];
  }
  return load;
}

std::vector<WorkerView> Cluster::WorkersFor(const JobId& job) const {
  const auto load = SlotLoad(job);
  std::vector<WorkerView> views;
  for (const auto& [id, worker] : registry_.workers()) {
    // A suspect's tasks count as there for the moment; new ones go elsewhere.
    WorkerView view{
        id, worker.registration.address, worker.suspect ? 0 : worker.registration.slots, {}};
    view.draining = worker.state != WorkerState::kActive;
    view.slot_load.resize(static_cast<size_t>(view.slots));
    if (const auto it = load.find(id); it != load.end()) {
      for (const auto& [slot, tasks] : it->second) {
        if (slot < view.slots) view.slot_load[static_cast<size_t>(slot)] = tasks;
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

void Cluster::Every() {
  if (shut_down_) return;
  const int64_t now_us = deps_.clock->MonotonicMicros();
  const std::vector<std::string> lost = registry_.Expire(now_us, deps_.clock->WallMicros() / 1000);
  for (const std::string& address : lost) {
    WEIR_LOG(kWarning, "worker's lease ran out", {"address", address});
  }
  if (!lost.empty()) OnWorkersChanged();
  queries_.Expire(now_us);
  AdvanceDrains();
  AnswerWaiters(nullptr);
  for (auto it = watched_.begin(); it != watched_.end();) {
    it = now_us >= it->next_us && Show(&*it) ? watched_.erase(it) : std::next(it);
  }
  for (const auto& [id, job] : jobs_) job->UpdateGauges();
  deps_.metrics->GetGauge("weir_leader", "1 while this coordinator leads, 0 while it stands by", {})
      ->Set(leads_ ? 1 : 0);
  deps_.loop->PostAt(now_us + kPulseUs, [this] { Every(); });
}

}  // namespace weir
