// A worker that speaks the control protocol and pretends to run tasks: it deploys at once, reads a
// row of every partition per checkpoint, and stages a file per owner when told to.
#ifndef WEIR_TESTS_UNIT_COORDINATOR_FAKE_WORKER_H_
#define WEIR_TESTS_UNIT_COORDINATOR_FAKE_WORKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "weir/v1/control.grpc.pb.h"

namespace weir {

class FakeWorker {
 public:
  struct Behaviour {
    int slots = 2;
    int partitions = 2;
    std::string source_error;     // answer to DescribeSource
    bool source_missing = false;  // with source_error: the topic doesn't exist
    bool stages_files = true;
    bool deploys = true;  // else it never answers
    bool draining = false;
  };
  FakeWorker(const std::string& coordinator, const std::string& address, Behaviour behaviour);
  // The stream breaks, as when the process is killed.
  ~FakeWorker();

  bool registered();
  std::string refused();
  // The coordinator doesn't lead, and says who does.
  bool sent_away();
  std::string leader();
  // Newest generation deployed, started, cancelled here, of any job; 0 = none.
  int64_t deployed_generation();
  int64_t started_generation();
  int64_t cancelled_generation();
  int published();
  int tasks();
  // Next offsets that the last deployment began with, by partition.
  std::map<int32_t, int64_t> restored_offsets();
  void Fail(const std::string& error, bool fatal);
  void FinishSources();
  // The process wants to leave.
  void Drain();
  bool drained();
  bool told_to_drain();
  // Says that tasks of this generation of `job` run here; of no job: that nothing does.
  void Heartbeat(const std::string& job, int64_t generation);

 private:
  struct Task {
    int vertex = 0;
    int index = 0;
    std::vector<v1::PartitionPosition> positions;
    int64_t rows = 0;
  };
  void Run();
  void Handle(const v1::CoordinatorMessage& message);
  void OnDeploy(const v1::Deploy& deploy) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTrigger(const v1::TriggerCheckpoint& trigger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDescribe(const v1::DescribeSource& describe) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(const v1::WorkerMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string address_;
  const Behaviour behaviour_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::ControlService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream_;

  absl::Mutex mutex_;
  bool registered_ ABSL_GUARDED_BY(mutex_) = false;
  std::string refused_ ABSL_GUARDED_BY(mutex_);
  bool sent_away_ ABSL_GUARDED_BY(mutex_) = false;
  std::string leader_ ABSL_GUARDED_BY(mutex_);
  std::string job_ ABSL_GUARDED_BY(mutex_);
  int64_t deployed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t cancelled_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  int published_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int32_t, int64_t> restored_ ABSL_GUARDED_BY(mutex_);
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;
};

// Looks until the condition holds; false after 20 s.
bool Await(const std::function<bool()>& condition);

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_COORDINATOR_FAKE_WORKER_H_
