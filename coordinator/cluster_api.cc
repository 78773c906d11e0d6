// What the API asks of the cluster.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "coordinator/api_error.h"
#include "coordinator/cluster.h"
#include "coordinator/event_loop.h"

namespace weir {
namespace {

constexpr int64_t kWatchIntervalUs = 1'000'000;
constexpr int kPageSizeMax = 1000;
// Each live job costs the loop a tick and each checkpoint interval a few writes; each stream that
// watches one, a message a second.
constexpr int kLiveJobsMax = 500;
constexpr size_t kWatchersMax = 256;

absl::Status TooMany(const std::string& message) {
  return ApiError(absl::StatusCode::kResourceExhausted, kReasonTooMany, message);
}

}  // namespace

absl::StatusOr<JobRunner*> Cluster::Find(const std::string& job) {
  if (!serving()) return Refusal();
  if (const auto it = jobs_.find(job); it != jobs_.end()) return it->second.get();
  JobRunner* newest = nullptr;
  for (const auto& [id, runner] : jobs_) {
    if (runner->spec().name != job) continue;
    // A live job of the name comes first; of ended ones, the one submitted last.
    const bool better = newest == nullptr || (runner->live() && !newest->live()) ||
                        (runner->live() == newest->live() &&
                         runner->spec().submitted_ms > newest->spec().submitted_ms);
    if (better) newest = runner.get();
  }
  if (newest != nullptr) return newest;
  return ApiError(absl::StatusCode::kNotFound, kReasonJobNotFound,
                  absl::StrCat("there is no job '", job, "'; `weir job list` shows all"), "job");
}

void Cluster::Submit(SubmitArgs args, Done<JobView> done, std::function<bool()> gone) {
  deps_.loop->Post([this, args = std::move(args), done = std::move(done), gone = std::move(gone)] {
    if (!serving()) return done(Refusal());
    if (!args.request_id.empty()) {
      for (const auto& [id, job] : jobs_) {
        if (job->spec().request_id == args.request_id) return AcknowledgeAgain(id, done);
      }
    }
    const auto live = std::count_if(jobs_.begin(), jobs_.end(),
                                    [](const auto& job) { return job.second->live(); });
    if (live >= kLiveJobsMax && !args.validate_only) {
      return done(TooMany(absl::StrCat(kLiveJobsMax, " jobs run or wait on this cluster, the most ",
                                       "it takes: stop one, or use another cluster")));
    }
    const auto submitted = [this, name = args.name, done,
                            term = term_](absl::StatusOr<Submitted> submitted) {
      if (!serving()) return done(Refusal());
      if (submitted.ok() && submitted->validated_only) {
        JobView view;
        view.name = name;
        view.warnings = submitted->warnings;
        view.script = submitted->script;
        view.carried = submitted->carried;
        return done(view);
      }
      AfterSubmit(submitted, term, done);
    };
    submitter_.Submit(args, {submitted, gone});
  });
}

// Recorded by an earlier try, whose answer may have been that this process doesn't lead.
void Cluster::AcknowledgeAgain(const JobId& id, const Done<JobView>& done) {
  deps_.confirm_leader([this, id, done](bool confirmed) {
    deps_.loop->Post([this, id, confirmed, done] {
      if (!serving()) return done(Refusal());
      const auto it = jobs_.find(id);
      if (!confirmed || it == jobs_.end()) return done(NotLeaderError(""));
      done(it->second->View(true));
    });
  });
}

void Cluster::AfterSubmit(const absl::StatusOr<Submitted>& submitted, int64_t term,
                          const Done<JobView>& done) {
  if (!submitted.ok()) return done(submitted.status());
  // The submitter lets go of the checkpoint as soon as this returns.
  if (const auto origin = submitted->log.spec->origin; origin) HoldOrigin(submitted->id, *origin);
  // A new leader knows the jobs that were recorded before it took over. So a job is acknowledged
  // only when this process still held the lease after recording it.
  deps_.confirm_leader([this, submitted = *submitted, term, done](bool confirmed) {
    deps_.loop->Post([this, submitted, term, confirmed, done] {
      AcknowledgeSubmit(submitted, term, confirmed, done);
    });
  });
}

void Cluster::AcknowledgeSubmit(const Submitted& submitted, int64_t term, bool confirmed,
                                const Done<JobView>& done) {
  if (!serving()) return done(Refusal());
  // Several callers of one request come here with the same job.
  auto it = jobs_.find(submitted.id);
  if (it == jobs_.end()) {
    // Recorded in another term than it was asked for in: what was read since may hold a job that
    // another leader made of the same request. The caller asks again.
    if (term_ != term) return done(NotLeaderError(""));
    JobRunner* runner = Add(submitted.id, submitted.log, /*took_over=*/false);
    HoldOrigins();
    runner->Tick();
    it = jobs_.find(submitted.id);
  }
  if (!confirmed) return done(NotLeaderError(""));
  JobView view = it->second->View(true);
  view.warnings.insert(view.warnings.begin(), submitted.warnings.begin(), submitted.warnings.end());
  view.carried = submitted.carried;
  done(std::move(view));
}

void Cluster::Get(std::string job, Done<JobView> done) {
  deps_.loop->Post([this, job = std::move(job), done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    done((*runner)->View(true));
  });
}

void Cluster::List(int page_size, std::string after, bool live_only, Done<Page> done) {
  deps_.loop->Post([this, page_size, after = std::move(after), live_only, done = std::move(done)] {
    if (!serving()) return done(Refusal());
    const auto limit =
        static_cast<size_t>(page_size <= 0 ? 100 : std::min(page_size, kPageSizeMax));
    std::vector<const JobRunner*> ordered;
    for (const auto& [id, job] : jobs_) ordered.push_back(job.get());
    std::sort(ordered.begin(), ordered.end(), [](const JobRunner* a, const JobRunner* b) {
      const int64_t a_ms = a->spec().submitted_ms;
      const int64_t b_ms = b->spec().submitted_ms;
      return a_ms != b_ms ? a_ms > b_ms : a->id() < b->id();
    });
    auto it = ordered.begin();
    if (!after.empty()) {
      it = std::find_if(ordered.begin(), ordered.end(),
                        [&](const JobRunner* job) { return job->id() == after; });
      if (it == ordered.end()) {
        return done(ApiError(absl::StatusCode::kInvalidArgument, kReasonRequest,
                             "page_token is not one that this cluster gave", "page_token"));
      }
      ++it;
    }
    Page page;
    for (; it != ordered.end(); ++it) {
      if (live_only && !(*it)->live()) continue;
      if (page.jobs.size() == limit) {
        page.next = page.jobs.back().id;
        break;
      }
      page.jobs.push_back((*it)->View(true));
    }
    done(std::move(page));
  });
}

// ---- Ending a job

void Cluster::End(std::string job, JobEvent request, int64_t deadline_us, Done<JobView> done) {
  deps_.loop->Post([this, job = std::move(job), request = std::move(request), deadline_us,
                    done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    if (!(*runner)->live()) {
      // Asked again after a lost answer, it has happened already.
      const JobState wanted = std::holds_alternative<StopRequestedEvent>(request)
                                  ? JobState::kStopped
                                  : JobState::kCancelled;
      if ((*runner)->state() == wanted) return done((*runner)->View(true));
      return done(JobEndedError((*runner)->id()));
    }
    Waiter waiter;
    waiter.job = (*runner)->id();
    waiter.deadline_us = deadline_us;
    waiter.request = request;
    waiter.ended = done;
    waiters_.push_back(std::move(waiter));
    (*runner)->Handle(request);
  });
}

void Cluster::Stop(std::string job, int64_t deadline_us, Done<JobView> done) {
  End(std::move(job), StopRequestedEvent(), deadline_us, std::move(done));
}

void Cluster::Cancel(std::string job, int64_t deadline_us, Done<JobView> done) {
  End(std::move(job), CancelRequestedEvent(), deadline_us, std::move(done));
}

// ---- Plans

void Cluster::GetPlan(std::string job, Done<Plan> done) {
  deps_.loop->Post([this, job = std::move(job), done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    done((*runner)->spec().plan);
  });
}

void Cluster::GetDetails(std::string job, Done<JobDetails> done) {
  deps_.loop->Post([this, job = std::move(job), done = std::move(done)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return done(runner.status());
    done((*runner)->Details());
  });
}

// ---- Waiting and watching

bool Cluster::Answer(const Waiter& waiter, bool timed_out) {
  const JobRunner& job = *jobs_.at(waiter.job);
  if (waiter.ended) {
    if (job.live() && !timed_out) return false;
    waiter.ended(job.View(true));
    return true;
  }
  if (waiter.rescaled) return AnswerRescale(waiter, job, timed_out);
  return AnswerCheckpoint(job, waiter, timed_out);
}

void Cluster::AnswerWaiters(const JobId* job) {
  const int64_t now_us = deps_.clock->MonotonicMicros();
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const bool concerned = job == nullptr || it->job == *job;
    it = concerned && Answer(*it, now_us >= it->deadline_us) ? waiters_.erase(it) : std::next(it);
  }
}

void Cluster::OnChanged(const JobId& job) {
  // Not at once: the runner that says so is in the middle of its work.
  deps_.loop->Post([this, job] {
    if (!serving() || !jobs_.contains(job)) return;
    HoldOrigins();
    AnswerWaiters(&job);
    for (auto it = watched_.begin(); it != watched_.end();) {
      it = it->job == job && Show(&*it) ? watched_.erase(it) : std::next(it);
    }
  });
}

bool Cluster::Show(Watched* watched) {
  const JobRunner& job = *jobs_.at(watched->job);
  watched->next_us = deps_.clock->MonotonicMicros() + kWatchIntervalUs;
  watched->watcher->OnJob(job.View(true), !job.live());
  return !job.live();
}

void Cluster::Watch(std::string job, std::shared_ptr<JobWatcher> watcher) {
  deps_.loop->Post([this, job = std::move(job), watcher = std::move(watcher)] {
    const absl::StatusOr<JobRunner*> runner = Find(job);
    if (!runner.ok()) return watcher->OnError(runner.status());
    if (watched_.size() >= kWatchersMax) {
      return watcher->OnError(TooMany(absl::StrCat(
          kWatchersMax, " streams watch jobs already, the most at once: ask with Get instead")));
    }
    Watched watched{(*runner)->id(), watcher};
    if (!Show(&watched)) watched_.push_back(std::move(watched));
  });
}

void Cluster::Unwatch(const std::shared_ptr<JobWatcher>& watcher) {
  deps_.loop->Post([this, watcher] {
    watched_.remove_if([&](const Watched& watched) { return watched.watcher == watcher; });
  });
}

// ---- The cluster

void Cluster::GetStatus(Done<ClusterSummary> done) {
  deps_.loop->Post([this, done = std::move(done)] {
    if (!serving()) return done(Refusal());
    ClusterSummary summary;
    summary.leader = leader_;
    summary.term = term_;
    summary.data_uri = options_.data_uri;
    summary.http_address = options_.http_address;
    summary.workers = static_cast<int>(registry_.workers().size());
    for (const auto& [id, worker] : registry_.workers()) {
      summary.slots += worker.registration.slots;
    }
    for (const auto& [worker, slots] : SlotLoad("")) {
      summary.slots_used += static_cast<int>(slots.size());
    }
    summary.jobs_total = static_cast<int>(jobs_.size());
    for (const auto& [id, job] : jobs_) {
      if (job->state() == JobState::kRunning) ++summary.jobs_running;
    }
    done(summary);
  });
}

}  // namespace weir
