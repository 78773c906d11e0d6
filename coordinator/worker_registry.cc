#include "coordinator/worker_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {

bool WorkerRegistry::OnRegister(const std::shared_ptr<WorkerSession>& session,
                                const WorkerRegistration& registration, int64_t now_us,
                                int64_t wall_ms) {
  if (registration.slots < 1 || registration.address.empty()) {
    session->Send({"", RefusedMessage{absl::StrCat(
                           "a worker registers with an address and at least one slot, not '",
                           registration.address, "' and ", registration.slots)}});
    session->Close();
    return false;
  }
  const auto at_address = [&](const auto& entry) {
    return entry.second.registration.address == registration.address;
  };
  const auto first = std::find_if(workers_.begin(), workers_.end(), at_address);
  if (first != workers_.end() && first->second.session != session && !first->second.suspect &&
      first->second.registration.instance != registration.instance) {
    std::erase_if(newcomers_, [&](const Newcomer& newcomer) {
      if (newcomer.registration.address != registration.address) return false;
      newcomer.session->Close();
      return true;
    });
    newcomers_.push_back({session, registration, now_us});
    return false;
  }
  std::erase_if(workers_, [&](const auto& entry) {
    if (!at_address(entry)) return false;
    if (entry.second.session != session) entry.second.session->Close();
    return true;
  });
  Admit(session, registration, now_us, wall_ms);
  return true;
}

void WorkerRegistry::Admit(const std::shared_ptr<WorkerSession>& session,
                           const WorkerRegistration& registration, int64_t now_us,
                           int64_t wall_ms) {
  std::erase_if(lost_, [&](const Worker& worker) {
    return worker.registration.address == registration.address;
  });
  Worker worker;
  worker.id = absl::StrCat("worker-", ++last_number_);
  worker.registration = registration;
  worker.session = session;
  worker.registered_ms = wall_ms;
  worker.heard_us = now_us;
  worker.state = registration.draining ? WorkerState::kDraining : WorkerState::kActive;
  session->Send({"", WelcomeMessage{worker.id, data_uri_, kHeartbeatMs}});
  workers_.emplace(worker.id, std::move(worker));
}

bool WorkerRegistry::AdmitNewcomer(const std::string& address, int64_t now_us, int64_t wall_ms) {
  const auto it = std::find_if(newcomers_.begin(), newcomers_.end(), [&](const Newcomer& newcomer) {
    return newcomer.registration.address == address;
  });
  if (it == newcomers_.end()) return false;
  const Newcomer newcomer = *it;
  newcomers_.erase(it);
  Admit(newcomer.session, newcomer.registration, now_us, wall_ms);
  return true;
}

void WorkerRegistry::OnHeartbeat(Worker* worker, WorkerHeartbeat heartbeat, int64_t now_us) {
  worker->memory_used_bytes = heartbeat.memory_used_bytes;
  worker->heartbeat = true;
  worker->live.clear();
  for (JobLive& job : heartbeat.jobs) worker->live[job.job] = std::move(job);
  const std::string& address = worker->registration.address;
  std::erase_if(newcomers_, [&](const Newcomer& newcomer) {
    if (newcomer.registration.address != address) return false;
    if (now_us < newcomer.since_us + kSignOfLifeUs) return false;
    newcomer.session->Send(
        {"", RefusedMessage{
                 absl::StrCat("another worker process is registered as ", address,
                              " and alive; give each worker an address of its own with --listen or "
                              "--advertise")}});
    newcomer.session->Close();
    return true;
  });
}

void WorkerRegistry::KeepLost(const Worker& worker) {
  if (worker.state == WorkerState::kDrained) return;  // it left as it should
  lost_.push_back(worker);
  lost_.back().session.reset();
  lost_.back().live.clear();
  lost_.back().state = WorkerState::kLost;
  if (lost_.size() > kLostKept) lost_.pop_front();
}

const WorkerRegistry::Worker* WorkerRegistry::OnClosed(
    const std::shared_ptr<WorkerSession>& session, int64_t now_us, int64_t wall_ms,
    bool* replaced) {
  *replaced = false;
  std::erase_if(newcomers_, [&](const Newcomer& newcomer) { return newcomer.session == session; });
  for (auto it = workers_.begin(); it != workers_.end(); ++it) {
    if (it->second.session != session || it->second.suspect) continue;
    const std::string address = it->second.registration.address;
    if (AdmitNewcomer(address, now_us, wall_ms)) {
      workers_.erase(it);
      *replaced = true;
      return nullptr;
    }
    it->second.suspect = true;
    return &it->second;
  }
  return nullptr;
}

bool WorkerRegistry::Remove(const std::string& id, bool gone) {
  // Only jobs that are about to leave such a worker ask for it.
  constexpr size_t kGoneKept = 100;
  const auto it = workers_.find(id);
  if (it == workers_.end()) return false;
  KeepLost(it->second);
  workers_.erase(it);
  if (!gone) return true;
  if (gone_.size() >= kGoneKept) gone_.clear();
  gone_.insert(id);
  return true;
}

std::vector<std::string> WorkerRegistry::Expire(int64_t now_us, int64_t wall_ms) {
  std::vector<std::string> lost;
  std::erase_if(workers_, [&](const auto& entry) {
    if (entry.second.heard_us + kLeaseUs > now_us) return false;
    lost.push_back(entry.second.registration.address);
    KeepLost(entry.second);
    entry.second.session->Close();
    return true;
  });
  for (const std::string& address : lost) AdmitNewcomer(address, now_us, wall_ms);
  return lost;
}

void WorkerRegistry::Clear() {
  for (const auto& [id, worker] : workers_) worker.session->Close();
  for (const Newcomer& newcomer : newcomers_) newcomer.session->Close();
  workers_.clear();
  newcomers_.clear();
  lost_.clear();
}

WorkerRegistry::Worker* WorkerRegistry::Hear(const std::shared_ptr<WorkerSession>& session,
                                             int64_t now_us) {
  for (auto& [id, worker] : workers_) {
    if (worker.session != session) continue;
    worker.heard_us = now_us;
    return &worker;
  }
  return nullptr;
}

WorkerRegistry::Worker* WorkerRegistry::Find(const std::string& id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : &it->second;
}

WorkerRegistry::Worker* WorkerRegistry::FindByName(const std::string& name) {
  for (auto& [id, worker] : workers_) {
    if (id == name || worker.registration.address == name) return &worker;
  }
  return nullptr;
}

bool WorkerRegistry::Drain(Worker* worker) {
  if (worker->state != WorkerState::kActive) return false;
  worker->state = WorkerState::kDraining;
  worker->session->Send({"", DrainMessage()});
  return true;
}

bool WorkerRegistry::RunsNothing(const Worker& worker) {
  return worker.state == WorkerState::kDraining && worker.heartbeat && worker.live.empty();
}

void WorkerRegistry::SetDrained(Worker* worker) {
  worker->state = WorkerState::kDrained;
  worker->session->Send({"", DrainedMessage()});
}

WorkerRegistry::Worker* WorkerRegistry::Any() {
  for (auto& [id, worker] : workers_) {
    if (!worker.suspect) return &worker;
  }
  return nullptr;
}

std::vector<TaskLive> WorkerRegistry::Live(const JobId& job, Generation generation) const {
  std::vector<TaskLive> tasks;
  for (const auto& [id, worker] : workers_) {
    const auto it = worker.live.find(job);
    if (it == worker.live.end() || it->second.generation != generation) continue;
    for (const TaskLive& task : it->second.tasks) {
      tasks.push_back(task);
      tasks.back().worker = worker.registration.address;
    }
  }
  return tasks;
}

}  // namespace weir
