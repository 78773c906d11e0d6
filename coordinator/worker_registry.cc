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
  std::erase_if(lost_, [&](const Worker& worker) {
    return worker.registration.address == registration.address;
  });
  std::erase_if(workers_, [&](const auto& entry) {
    if (entry.second.registration.address != registration.address) return false;
    if (entry.second.session != session) entry.second.session->Close();
    return true;
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
  return true;
}

void WorkerRegistry::OnHeartbeat(Worker* worker, WorkerHeartbeat heartbeat) {
  worker->memory_used_bytes = heartbeat.memory_used_bytes;
  worker->heartbeat = true;
  worker->live.clear();
  for (JobLive& job : heartbeat.jobs) worker->live[job.job] = std::move(job);
}

bool WorkerRegistry::OnClosed(const std::shared_ptr<WorkerSession>& session) {
  return std::erase_if(workers_, [&](const auto& entry) {
           if (entry.second.session != session) return false;
           KeepLost(entry.second);
           return true;
         }) > 0;
}

void WorkerRegistry::KeepLost(const Worker& worker) {
  if (worker.state == WorkerState::kDrained) return;  // it left as it should
  lost_.push_back(worker);
  lost_.back().session.reset();
  lost_.back().live.clear();
  lost_.back().state = WorkerState::kLost;
  if (lost_.size() > kLostKept) lost_.pop_front();
}

std::vector<std::string> WorkerRegistry::Expire(int64_t now_us) {
  std::vector<std::string> lost;
  std::erase_if(workers_, [&](const auto& entry) {
    if (entry.second.heard_us + kLeaseUs > now_us) return false;
    lost.push_back(entry.second.registration.address);
    KeepLost(entry.second);
    entry.second.session->Close();
    return true;
  });
  return lost;
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
  return workers_.empty() ? nullptr : &workers_.begin()->second;
}

std::vector<TaskLive> WorkerRegistry::Live(const JobId& job, Generation generation) const {
  std::vector<TaskLive> tasks;
  for (const auto& [id, worker] : workers_) {
    const auto it = worker.live.find(job);
    if (it == worker.live.end() || it->second.generation != generation) continue;
    tasks.insert(tasks.end(), it->second.tasks.begin(), it->second.tasks.end());
  }
  return tasks;
}

}  // namespace weir
