// The real server, loop and log on a local directory, asked through gRPC; workers and tables are
// fakes.
#ifndef WEIR_TESTS_UNIT_COORDINATOR_COORDINATOR_HARNESS_H_
#define WEIR_TESTS_UNIT_COORDINATOR_COORDINATOR_HARNESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_seams.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_tables.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/fake_worker.h"
#include "tests/unit/coordinator/job_harness.h"
#include "weir/v1/job.grpc.pb.h"

namespace weir {

// "domain/reason" of the status's ErrorInfo; empty when it has none.
std::string ReasonOf(const grpc::Status& status);

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() { Start(); }

  // The script is the table's path; "bad" doesn't compile.
  static absl::StatusOr<CompiledJob> Compile(const std::string& script,
                                             const std::map<std::string, std::string>& variables);
  static Plan SimplePlan(const std::string& path);

  void Start();
  std::unique_ptr<FakeWorker> AddWorker(const std::string& address,
                                        FakeWorker::Behaviour behaviour = {});

  template <class Request, class Response>
  using Method = grpc::Status (v1::JobService::Stub::*)(grpc::ClientContext*, const Request&,
                                                        Response*);
  template <class Request, class Response>
  grpc::Status Call(Method<Request, Response> method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return (jobs_.get()->*method)(&context, request, response);
  }

  grpc::Status Submit(const std::string& name, const std::string& script, v1::Job* job,
                      const std::function<void(v1::SubmitRequest*)>& change = {});
  v1::Job Get(const std::string& name);
  grpc::Status Stop(const std::string& name, v1::Job* job);
  bool AwaitState(const std::string& name, v1::JobState state);

  grpc::Status Drain(const std::string& worker, v1::Worker* drained);
  // UNSPECIFIED when it isn't listed.
  v1::WorkerState StateOf(const std::string& address);

  TemporaryDirectory directory_;
  FakeTables tables_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
  std::unique_ptr<Coordinator> coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ClusterService::Stub> cluster_;
};

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_COORDINATOR_COORDINATOR_HARNESS_H_
