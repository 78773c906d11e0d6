// The tasks of one generation of a job on this worker, with the channels between them.
#ifndef WEIR_WORKER_DEPLOYMENT_H_
#define WEIR_WORKER_DEPLOYMENT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "worker/exchange.h"
#include "worker/slot.h"
#include "worker/task.h"

namespace weir {

class BlobStore;
class PartitionReaderFactory;
class Random;
struct WorkerMemory;

// What the coordinator asks for; proto/weir/v1/control.proto Deploy.
struct DeploymentSpec {
  JobId job;
  Generation generation;
  Epoch epoch;  // restored from
  Plan plan;
  int parallelism = 1;
  struct Placement {
    TaskId task;
    std::string worker_address;
    int slot = 0;
    TaskRestore restore;  // only for tasks of this worker
  };
  std::vector<Placement> tasks;  // all of the job
};

// What a worker gives its deployments. Everything outlives them.
struct WorkerParts {
  std::string address;  // under which the coordinator knows this worker
  std::string cache_directory;
  const TableRoots* table_roots = nullptr;
  std::vector<std::unique_ptr<Slot>>* slots = nullptr;
  Exchange* exchange = nullptr;
  IoPool* io = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  BlobStore* blobs = nullptr;
  PartitionReaderFactory* readers = nullptr;
  WorkerMemory* memory = nullptr;
};

// The worker's control thread makes all calls, except Open and stats.
class Deployment {
 public:
  // Makes this worker's tasks and opens their receiving channels. INVALID_ARGUMENT when the plan
  // can't be run by this binary.
  static absl::StatusOr<std::unique_ptr<Deployment>> Create(DeploymentSpec spec,
                                                            const WorkerParts& parts,
                                                            std::shared_ptr<TaskReporter> reporter);
  // Stop must have completed, or never a task been given to a slot.
  ~Deployment();

  // Restores every task. Blocks: I/O pool, once.
  absl::Status Open();
  // Connects the channels and hands the tasks to their slots.
  void Run();
  void Start();
  void Trigger(CheckpointId id, bool last);
  void Published(CheckpointId id);
  void AddPartitions(TaskId task, std::vector<PartitionPosition> positions);
  // Takes the tasks from their slots; `done` runs on some slot thread once none is left, or at
  // once.
  void Stop(std::function<void()> done);
  // Stops or resumes the tasks behind the exchange: for tests of back-pressure.
  void PauseOwners(bool paused);

  const DeploymentSpec& spec() const { return spec_; }
  // Any thread.
  std::vector<TaskStats> stats() const;

 private:
  struct LocalTask;

  Deployment(DeploymentSpec spec, const WorkerParts& parts);
  absl::Status MakeTask(const DeploymentSpec::Placement& placement,
                        std::shared_ptr<TaskReporter> reporter);
  void MakeInputs(LocalTask& local, std::vector<TaskInput>* inputs, int* ports);
  std::unique_ptr<ChannelSender> MakeSender(LocalTask& from, int edge, EdgeOutput* output,
                                            int to_task);
  std::string StateDirectory() const;
  LocalTask* Find(TaskId task);
  const DeploymentSpec::Placement& PlacementOf(TaskId task) const;
  void PostAll(std::function<absl::Status(Task&)> message);

  const DeploymentSpec spec_;
  const WorkerParts parts_;
  std::vector<std::unique_ptr<LocalTask>> tasks_;
  bool running_ = false;
};

}  // namespace weir

#endif  // WEIR_WORKER_DEPLOYMENT_H_
