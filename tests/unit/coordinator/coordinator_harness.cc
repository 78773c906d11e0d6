#include "tests/unit/coordinator/coordinator_harness.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/random.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace weir {
namespace {

class FakeCommitter : public TableCommitter {
 public:
  FakeCommitter(FakeTables* tables, std::string path) : tables_(tables), path_(std::move(path)) {}
  absl::StatusOr<TableState> Prepare(const Schema& schema, const std::string& app_id,
                                     bool create) override {
    if (absl::StrContains(path_, "refused")) {
      return absl::FailedPreconditionError("feature deletionVectors is not supported");
    }
    if (!tables_->Exists(path_)) {
      if (!create) return absl::NotFoundError("no table");
      tables_->Create(path_);
    }
    TableState state;
    state.table_version = static_cast<int64_t>(tables_->Get(path_).commits.size());
    for (const auto& [id, version] : tables_->Get(path_).app_versions) {
      state.app_ids.push_back(id);
      if (id == app_id) state.app_version = version;
    }
    state.schema = schema;
    return state;
  }
  absl::StatusOr<CommitResult> Commit(const TableCommit& commit) override {
    FakeTables::Commit added{commit.app_id, commit.version, {}, commit.weir_info};
    for (const DataFile& file : commit.files) added.files.push_back(file.path);
    const bool is_new = tables_->Add(path_, std::move(added));
    return CommitResult{static_cast<int64_t>(tables_->Get(path_).commits.size()), !is_new, 0};
  }
  absl::StatusOr<RollbackResult> Rollback(const TableRollback& rollback) override {
    std::vector<FakeTables::Undo> undo;
    for (const auto& writer : rollback.undo) undo.push_back({writer.app_id, writer.keep});
    const FakeTables::Undone undone =
        tables_->RollBack(path_, undo, {rollback.app_id, rollback.version, {}, rollback.weir_info},
                          rollback.check_only);
    RollbackResult result;
    result.already_there = undone.already_there;
    result.files_removed = undone.files;
    result.kept = undone.kept;
    return result;
  }

 private:
  FakeTables* const tables_;
  const std::string path_;
};

}  // namespace

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0 ||
      !details.details(0).UnpackTo(&info)) {
    return "";
  }
  return absl::StrCat(info.domain(), "/", info.reason());
}

absl::StatusOr<CompiledJob> CoordinatorTest::Compile(const std::string& script,
                                                     const std::map<std::string, std::string>&) {
  if (script == "bad") return absl::InvalidArgumentError("line 1, column 1: no statement");
  CompiledJob job;
  job.plan = SimplePlan(script);
  job.script = script;
  return job;
}

Plan CoordinatorTest::SimplePlan(const std::string& path) {
  Plan plan = TestSpec(absl::StrContains(path, "bounded")).plan;
  plan.vertices.pop_back();
  plan.edges.clear();
  plan.sinks[0].path = path;
  plan.settings.checkpoint_interval_us = 50'000;
  return plan;
}

void CoordinatorTest::Start() {
  CoordinatorSeams seams;
  seams.compile = Compile;
  seams.explain = [](const Plan& plan) { return absl::StrCat("plan of ", plan.sinks[0].path); };
  seams.make_committer = [this](const std::string& path) {
    return std::make_unique<FakeCommitter>(&tables_, path);
  };
  seams.machine.takeover_settle_us = 200'000;
  seams.machine.lazy_record_us = 100'000;
  CoordinatorOptions options;
  options.listen = "127.0.0.1:0";
  options.data_uri = directory_.path();
  auto started =
      StartCoordinatorWith(options, seams, SystemClock(), SystemRandom(), metrics_.get());
  ASSERT_TRUE(started.ok()) << started.status();
  coordinator_ = *std::move(started);
  channel_ = grpc::CreateChannel(coordinator_->address(), grpc::InsecureChannelCredentials());
  jobs_ = v1::JobService::NewStub(channel_);
  cluster_ = v1::ClusterService::NewStub(channel_);
}

std::unique_ptr<FakeWorker> CoordinatorTest::AddWorker(const std::string& address,
                                                       FakeWorker::Behaviour behaviour) {
  auto worker = std::make_unique<FakeWorker>(coordinator_->address(), address, behaviour);
  EXPECT_TRUE(Await([&] { return worker->registered(); }));
  return worker;
}

grpc::Status CoordinatorTest::Submit(const std::string& name, const std::string& script,
                                     v1::Job* job,
                                     const std::function<void(v1::SubmitRequest*)>& change) {
  v1::SubmitRequest request;
  request.set_name(name);
  request.set_script(script);
  if (change) change(&request);
  return Call(&v1::JobService::Stub::Submit, request, job);
}

v1::Job CoordinatorTest::Get(const std::string& name) {
  v1::GetJobRequest request;
  request.set_job(name);
  v1::Job job;
  const grpc::Status status = Call(&v1::JobService::Stub::Get, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

grpc::Status CoordinatorTest::Stop(const std::string& name, v1::Job* job) {
  v1::StopRequest request;
  request.set_job(name);
  return Call(&v1::JobService::Stub::Stop, request, job);
}

bool CoordinatorTest::AwaitState(const std::string& name, v1::JobState state) {
  return Await([&] { return Get(name).state() == state; });
}

grpc::Status CoordinatorTest::Drain(const std::string& worker, v1::Worker* drained) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::DrainWorkerRequest request;
  request.set_worker(worker);
  return cluster_->DrainWorker(&context, request, drained);
}

v1::WorkerState CoordinatorTest::StateOf(const std::string& address) {
  grpc::ClientContext context;
  v1::ListWorkersResponse workers;
  EXPECT_TRUE(cluster_->ListWorkers(&context, v1::ListWorkersRequest(), &workers).ok());
  for (const v1::Worker& worker : workers.workers()) {
    if (worker.address() == address) return worker.state();
  }
  return v1::WORKER_STATE_UNSPECIFIED;
}

}  // namespace weir
