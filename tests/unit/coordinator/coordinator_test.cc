// The real server, loop and log on a local directory; workers and tables are fakes.
#include "coordinator/coordinator.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/metrics.h"
#include "base/random.h"
#include "coordinator/coordinator_seams.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_tables.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/fake_worker.h"
#include "tests/unit/coordinator/job_harness.h"
#include "weir/v1/job.grpc.pb.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0 ||
      !details.details(0).UnpackTo(&info)) {
    return "";
  }
  return absl::StrCat(info.domain(), "/", info.reason());
}

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() { Start(); }

  // The script is the table's path; "bad" doesn't compile.
  static absl::StatusOr<CompiledJob> Compile(const std::string& script,
                                             const std::map<std::string, std::string>&) {
    if (script == "bad") return absl::InvalidArgumentError("line 1, column 1: no statement");
    CompiledJob job;
    job.plan = SimplePlan(script);
    job.script = script;
    return job;
  }
  static Plan SimplePlan(const std::string& path) {
    Plan plan = TestSpec(absl::StrContains(path, "bounded")).plan;
    plan.vertices.pop_back();
    plan.edges.clear();
    plan.sinks[0].path = path;
    plan.settings.checkpoint_interval_us = 50'000;
    return plan;
  }

  void Start() {
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

  std::unique_ptr<FakeWorker> AddWorker(const std::string& address,
                                        FakeWorker::Behaviour behaviour = {}) {
    auto worker = std::make_unique<FakeWorker>(coordinator_->address(), address, behaviour);
    EXPECT_TRUE(Await([&] { return worker->registered(); }));
    return worker;
  }

  static bool Await(const std::function<bool()>& condition) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (absl::Now() < deadline) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(5));  // between looks, not instead of them
    }
    return false;
  }

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
                      const std::function<void(v1::SubmitRequest*)>& change = {}) {
    v1::SubmitRequest request;
    request.set_name(name);
    request.set_script(script);
    if (change) change(&request);
    return Call(&v1::JobService::Stub::Submit, request, job);
  }
  v1::Job Get(const std::string& name) {
    v1::GetJobRequest request;
    request.set_job(name);
    v1::Job job;
    const grpc::Status status = Call(&v1::JobService::Stub::Get, request, &job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }
  grpc::Status Stop(const std::string& name, v1::Job* job) {
    v1::StopRequest request;
    request.set_job(name);
    return Call(&v1::JobService::Stub::Stop, request, job);
  }
  bool AwaitState(const std::string& name, v1::JobState state) {
    return Await([&] { return Get(name).state() == state; });
  }

  grpc::Status Drain(const std::string& worker, v1::Worker* drained) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::DrainWorkerRequest request;
    request.set_worker(worker);
    return cluster_->DrainWorker(&context, request, drained);
  }
  // UNSPECIFIED when it isn't listed.
  v1::WorkerState StateOf(const std::string& address) {
    grpc::ClientContext context;
    v1::ListWorkersResponse workers;
    EXPECT_TRUE(cluster_->ListWorkers(&context, v1::ListWorkersRequest(), &workers).ok());
    for (const v1::Worker& worker : workers.workers()) {
      if (worker.address() == address) return worker.state();
    }
    return v1::WORKER_STATE_UNSPECIFIED;
  }

  TemporaryDirectory directory_;
  FakeTables tables_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
  std::unique_ptr<Coordinator> coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ClusterService::Stub> cluster_;
};

TEST_F(CoordinatorTest, RunsAJobFromSubmitToStopped) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  EXPECT_TRUE(absl::StartsWith(job.id(), "activity-"));
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() >= 10; }));
  job = Get("activity");
  EXPECT_EQ(job.records_in(), job.records_used());
  EXPECT_EQ(job.parallelism(), 2);
  EXPECT_EQ(job.script(), "/t/a");
  ASSERT_TRUE(Stop("activity", &job).ok());
  EXPECT_EQ(job.state(), v1::STOPPED);
  EXPECT_EQ(job.sinks(0).committed_epoch(), job.epoch());
  EXPECT_GT(job.sinks(0).rows_committed(), 0);

  // Every file once, in the order of epochs, and the metadata says what the table holds.
  const FakeTables::Table table = tables_.Get("/t/a");
  std::set<std::string> files;
  for (const auto& commit : table.commits) {
    for (const std::string& file : commit.files) EXPECT_TRUE(files.insert(file).second) << file;
  }
  EXPECT_EQ(static_cast<int64_t>(files.size()), job.records_in());
  EXPECT_THAT(table.commits.back().info,
              HasSubstr(absl::StrCat("\"counters\":{\"read\":", job.records_in())));
  EXPECT_THAT(table.commits.back().info,
              HasSubstr("\"sources\":{\"events\":{\"topic\":\"events\""));
  EXPECT_TRUE(Await([&] { return worker->cancelled_generation() == job.generation(); }));
  EXPECT_THAT(metrics_->Serialize(), testing::Not(HasSubstr(job.id()))) << "series left behind";
}

TEST_F(CoordinatorTest, WaitsForAWorkerAndThenRuns) {
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::WAITING));
  EXPECT_THAT(Get("activity").reason(), HasSubstr("no worker"));
  const auto worker = AddWorker("w:1");
  EXPECT_TRUE(AwaitState("activity", v1::RUNNING));
}

TEST_F(CoordinatorTest, ALostWorkersTasksMove) {
  auto first = AddWorker("w:1");
  auto second = AddWorker("w:2");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > 0; }));
  EXPECT_EQ(first->tasks() + second->tasks(), 4);
  second.reset();
  ASSERT_TRUE(Await([&] { return first->tasks() == 4 && first->started_generation() > 2; }));
  const int64_t before = Get("activity").records_in();
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > before; }));
  job = Get("activity");
  ASSERT_THAT(job.restarts(), SizeIs(1));
  EXPECT_THAT(job.restarts(0).reason(), HasSubstr("worker w:2 lost"));
  EXPECT_GT(job.restarts(0).at().seconds(), 0);
}

TEST_F(CoordinatorTest, ANewCoordinatorGoesOnWhereTheOldOneWas) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > 5; }));
  const std::string id = Get("activity").id();
  coordinator_.reset();
  worker.reset();
  Start();
  const int64_t known = Get(id).records_in();
  EXPECT_GT(known, 5);
  worker = AddWorker("w:1");
  ASSERT_TRUE(Await([&] { return Get(id).records_in() > known; }));
  int64_t restored = 0;
  for (const auto& [partition, offset] : worker->restored_offsets()) restored += offset;
  EXPECT_EQ(restored, known);
  ASSERT_TRUE(Stop(id, &job).ok());
  std::set<std::string> files;
  for (const auto& commit : tables_.Get("/t/a").commits) {
    for (const std::string& file : commit.files) EXPECT_TRUE(files.insert(file).second) << file;
  }
  EXPECT_EQ(static_cast<int64_t>(files.size()), job.records_in());
  // And an ended job is still known to the next one.
  coordinator_.reset();
  Start();
  EXPECT_EQ(Get("activity").state(), v1::STOPPED);
  EXPECT_EQ(Get("activity").records_in(), job.records_in());
}

TEST_F(CoordinatorTest, SavepointsOutliveRetentionRestartsAndTheJob) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > 0; }));
  const std::string id = Get("activity").id();
  v1::TriggerCheckpointRequest take;
  take.set_job(id);
  take.set_savepoint(true);
  v1::Checkpoint savepoint;
  ASSERT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &savepoint).ok());
  EXPECT_TRUE(savepoint.savepoint());
  const auto kept = [&] {
    v1::ListCheckpointsRequest list;
    list.set_job(id);
    v1::ListCheckpointsResponse all;
    EXPECT_TRUE(Call(&v1::JobService::Stub::ListCheckpoints, list, &all).ok());
    std::vector<int64_t> savepoints;
    for (const v1::Checkpoint& checkpoint : all.checkpoints()) {
      if (checkpoint.savepoint()) savepoints.push_back(checkpoint.epoch());
    }
    return savepoints;
  };
  ASSERT_TRUE(Await([&] { return Get(id).epoch() > savepoint.epoch() + 10; }));
  EXPECT_THAT(kept(), ElementsAre(savepoint.epoch()));
  v1::Checkpoint second;
  ASSERT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &second).ok());
  EXPECT_GT(second.epoch(), savepoint.epoch());

  v1::DropSavepointRequest drop;
  drop.set_job(id);
  drop.set_epoch(savepoint.epoch());
  v1::Checkpoint dropped;
  ASSERT_TRUE(Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped).ok());
  EXPECT_FALSE(dropped.savepoint());
  EXPECT_THAT(kept(), ElementsAre(second.epoch()));
  const grpc::Status again = Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped);
  EXPECT_EQ(ReasonOf(again), "weir/SAVEPOINT_NOT_FOUND");

  ASSERT_TRUE(Stop(id, &job).ok());
  worker.reset();
  coordinator_.reset();
  Start();
  EXPECT_THAT(kept(), ElementsAre(second.epoch()));
  drop.set_epoch(second.epoch());
  ASSERT_TRUE(Call(&v1::JobService::Stub::DropSavepoint, drop, &dropped).ok());
  ASSERT_TRUE(Await([&] { return kept().empty(); }));
  EXPECT_EQ(Get(id).state(), v1::STOPPED);
  coordinator_.reset();
  Start();
  EXPECT_THAT(kept(), IsEmpty());
}

// Peers, row 17: one damaged record must not wedge the cluster, nor hide the job.
TEST_F(CoordinatorTest, Row17ADamagedLogIsShownWithWhatToDo) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").epoch() > 8; }));
  const std::string id = Get("activity").id();
  coordinator_.reset();
  worker.reset();
  {
    auto blobs = OpenBlobStore(directory_.path());
    ASSERT_TRUE((*blobs)->Delete(LogRecordName(id, 6)).ok());
  }
  Start();
  job = Get("activity");
  EXPECT_EQ(job.state(), v1::FAILED);
  EXPECT_THAT(job.reason(), AllOf(HasSubstr(LogRecordName(id, 6) + " is missing"),
                                  HasSubstr("--from " + id + "@")));
  const std::string reason = job.reason();
  worker = AddWorker("w:1");
  v1::Job next;
  const grpc::Status ahead = Submit("activity", "/t/a", &next,
                                    [&](v1::SubmitRequest* request) { request->set_from_job(id); });
  EXPECT_EQ(ReasonOf(ahead), "weir/TABLE_AHEAD");
  ASSERT_TRUE(Submit("activity", "/t/a", &next, [&](v1::SubmitRequest* request) {
                request->set_from_job(id);
                request->set_restore_tables(true);
              }).ok());
  EXPECT_LE(next.from_epoch(), 5);
  EXPECT_THAT(reason, HasSubstr(absl::StrCat("@", next.from_epoch(), " --restore-tables")));
  ASSERT_TRUE(Await([&] { return Get(next.id()).epoch() > 5; }));
}

// ---- Going on from another job's checkpoint

class FromTest : public CoordinatorTest {
 protected:
  // A job of that name on that table, run for a while, with a savepoint half-way; its epoch.
  int64_t RunWithSavepoint(const std::string& name, const std::string& table) {
    v1::Job job;
    EXPECT_TRUE(Submit(name, table, &job).ok());
    EXPECT_TRUE(Await([&] { return Get(name).records_in() >= 6; }));
    v1::TriggerCheckpointRequest take;
    take.set_job(name);
    take.set_savepoint(true);
    v1::Checkpoint savepoint;
    EXPECT_TRUE(Call(&v1::JobService::Stub::TriggerCheckpoint, take, &savepoint).ok());
    EXPECT_TRUE(Await([&] { return Get(name).epoch() > savepoint.epoch() + 5; }));
    return savepoint.epoch();
  }
  grpc::Status SubmitFrom(const std::string& name, const std::string& table,
                          const std::string& from, int64_t epoch, bool restore, v1::Job* job) {
    return Submit(name, table, job, [&](v1::SubmitRequest* request) {
      request->set_from_job(from);
      request->set_from_epoch(epoch);
      request->set_restore_tables(restore);
    });
  }
  // Rows of the table: every file counted once for each commit that stands.
  std::map<std::string, int> Files(const std::string& table) {
    std::map<std::string, int> files;
    for (const auto& commit : tables_.Get(table).commits) {
      for (const std::string& file : commit.files) files[file] += commit.undone ? 0 : 1;
    }
    std::erase_if(files, [](const auto& entry) { return entry.second == 0; });
    return files;
  }
  // With one row a file and one file a task and checkpoint, rows read are files in the table.
  void ExpectExactlyWhatWasRead(const std::string& table, const v1::Job& job) {
    const auto files = Files(table);
    for (const auto& [file, times] : files) EXPECT_EQ(times, 1) << file;
    EXPECT_EQ(static_cast<int64_t>(files.size()), job.records_in());
  }
};

TEST_F(FromTest, AStoppedJobsLastCheckpointGoesOnInANewLineage) {
  auto worker = AddWorker("w:1");
  RunWithSavepoint("first", "/t/a");
  v1::Job first;
  ASSERT_TRUE(Stop("first", &first).ok());
  v1::Job second;
  const grpc::Status status = SubmitFrom("second", "/t/a", "first", 0, false, &second);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(second.from_job(), first.id());
  EXPECT_EQ(second.from_epoch(), first.epoch());
  EXPECT_NE(second.lineage(), first.lineage());
  ASSERT_TRUE(Await([&] { return Get("second").records_in() > first.records_in() + 5; }));
  int64_t restored = 0;
  for (const auto& [partition, offset] : worker->restored_offsets()) restored += offset;
  EXPECT_EQ(restored, first.records_in());
  ASSERT_TRUE(Stop("second", &second).ok());
  EXPECT_EQ(second.records_in(), second.records_used()) << "counters came along";
  ExpectExactlyWhatWasRead("/t/a", second);
  // The handover is of none of the other job's generations: in this lineage they'd come first.
  const auto commits = tables_.Get("/t/a").commits;
  const auto handover = std::find_if(commits.begin(), commits.end(), [&](const auto& commit) {
    return commit.app_id == second.lineage() + "/activity";
  });
  ASSERT_NE(handover, commits.end());
  EXPECT_THAT(handover->info, HasSubstr("\"generation\":1,"));
  // The writer before can never commit again.
  EXPECT_EQ(tables_.Get("/t/a").app_versions.at(first.lineage() + "/activity"),
            std::numeric_limits<int64_t>::max());
}

// Peers, row 1: restoring an older checkpoint onto a live table loses or repeats rows silently.
TEST_F(FromTest, Row1AnOlderCheckpointIsRefusedUnlessTablesAreRestored) {
  auto worker = AddWorker("w:1");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job first;
  ASSERT_TRUE(Stop("first", &first).ok());
  const auto before = tables_.Get("/t/a").commits.size();
  v1::Job second;
  const grpc::Status refused = SubmitFrom("second", "/t/a", "first", epoch, false, &second);
  EXPECT_EQ(ReasonOf(refused), "weir/TABLE_AHEAD");
  EXPECT_THAT(refused.error_message(),
              AllOf(HasSubstr("/t/a"), HasSubstr(absl::StrCat("than ", epoch)),
                    HasSubstr("--restore-tables")));
  EXPECT_EQ(tables_.Get("/t/a").commits.size(), before) << "nothing was done";
  const grpc::Status status = SubmitFrom("second", "/t/a", "first", epoch, true, &second);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Await([&] { return Get("second").records_in() > first.records_in(); }));
  ASSERT_TRUE(Stop("second", &second).ok());
  ExpectExactlyWhatWasRead("/t/a", second);
}

// Peers, row 1 again: going back a second time, behind what the first return wrote.
TEST_F(FromTest, Row1GoingBackTwiceTakesTheFirstReturnOutAsWell) {
  auto worker = AddWorker("w:1");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job job;
  ASSERT_TRUE(Stop("first", &job).ok());
  ASSERT_TRUE(SubmitFrom("second", "/t/a", "first", epoch, true, &job).ok());
  ASSERT_TRUE(Await([&] { return Get("second").epoch() > 10; }));
  ASSERT_TRUE(Stop("second", &job).ok());
  const grpc::Status refused = SubmitFrom("third", "/t/a", "first", epoch, false, &job);
  EXPECT_EQ(ReasonOf(refused), "weir/TABLE_AHEAD");
  ASSERT_TRUE(SubmitFrom("third", "/t/a", "first", epoch, true, &job).ok());
  ASSERT_TRUE(Await([&] { return Get("third").epoch() > 10; }));
  ASSERT_TRUE(Stop("third", &job).ok());
  ExpectExactlyWhatWasRead("/t/a", job);
}

TEST_F(FromTest, ALiveJobIsForkedOntoAnotherTableOnly) {
  auto worker = AddWorker("w:1");
  auto other = AddWorker("w:2");
  const int64_t epoch = RunWithSavepoint("first", "/t/a");
  v1::Job job;
  const grpc::Status taken = SubmitFrom("second", "/t/a", "first", epoch, true, &job);
  EXPECT_EQ(ReasonOf(taken), "weir/TABLE_TAKEN");
  ASSERT_TRUE(SubmitFrom("second", "/t/b", "first", epoch, false, &job).ok());
  ASSERT_TRUE(AwaitState("second", v1::RUNNING));
  EXPECT_EQ(tables_.Get("/t/a").app_versions.size(), 1u) << "the live job's table is left alone";
}

TEST_F(FromTest, RefusesWhatCanNotGoOn) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  EXPECT_EQ(ReasonOf(SubmitFrom("second", "/t/a", "nobody", 0, false, &job)), "weir/JOB_NOT_FOUND");
  RunWithSavepoint("first", "/t/a");
  ASSERT_TRUE(Stop("first", &job).ok());
  const grpc::Status unknown = SubmitFrom("second", "/t/a", "first", 1, false, &job);
  EXPECT_EQ(ReasonOf(unknown), "weir/FROM_REFUSED");
  EXPECT_THAT(unknown.error_message(), HasSubstr("* = savepoint"));
  const grpc::Status bounded = SubmitFrom("second", "/t/bounded", "first", 0, false, &job);
  EXPECT_EQ(ReasonOf(bounded), "weir/FROM_REFUSED");
  EXPECT_THAT(bounded.error_message(), HasSubstr("`stop`"));
  const grpc::Status alone = Submit("second", "/t/b", &job, [](v1::SubmitRequest* request) {
    request->set_restore_tables(true);
  });
  EXPECT_EQ(ReasonOf(alone), "weir/REQUEST_INVALID");
}

// A worker that was away when its tasks were cancelled would run them for ever.
// The submit was answered with an error and repeated; after the next start two jobs wrote one
// table.
TEST_F(CoordinatorTest, AJobWhoseRecordLandedWithoutAnAnswerIsMadeOnce) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(ArmFailpoints("coordinator.after_submitted=error@1").ok());
  const grpc::Status submitted = Submit("activity", "/t/a", &job);
  ArmFailpoints("").IgnoreError();
  ASSERT_TRUE(submitted.ok()) << submitted.error_message();
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  coordinator_.reset();
  worker.reset();
  Start();
  v1::ListJobsRequest request;
  v1::ListJobsResponse listed;
  ASSERT_TRUE(Call(&v1::JobService::Stub::List, request, &listed).ok());
  ASSERT_THAT(listed.jobs(), SizeIs(1));
  EXPECT_EQ(listed.jobs(0).id(), job.id());
}

TEST_F(CoordinatorTest, AJobThatCannotBeRecordedIsRefusedAndSaysWhatToLookFor) {
  auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(ArmFailpoints("coordinator.before_submitted=error").ok());
  const grpc::Status refused = Submit("activity", "/t/a", &job);
  ArmFailpoints("").IgnoreError();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("look for activity-"));
  EXPECT_TRUE(Submit("activity", "/t/a", &job).ok()) << "the name and the table are free again";
}

TEST_F(CoordinatorTest, AWorkerThatComesBackWithLeftOverTasksIsTold) {
  auto busy = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").records_in() > 0; }));
  const std::string id = Get("activity").id();
  const int64_t old = Get(id).generation();
  busy->Fail("a reason to start again", /*fatal=*/false);
  ASSERT_TRUE(Await([&] { return busy->started_generation() > old; }));
  const int64_t now = Get(id).generation();

  auto back = AddWorker("w:2");
  back->Heartbeat(id, now);
  back->Heartbeat("of another cluster", 7);
  back->Heartbeat(id, old);
  EXPECT_TRUE(Await([&] { return back->cancelled_generation() > 0; }));
  EXPECT_EQ(back->cancelled_generation(), old) << "what runs rightly is left alone";

  ASSERT_TRUE(Stop(id, &job).ok());
  auto later = AddWorker("w:3");
  later->Heartbeat(id, now);
  EXPECT_TRUE(Await([&] { return later->cancelled_generation() == now; })) << "the job has ended";
}

TEST_F(CoordinatorTest, TaskErrorsRestartAndFatalOnesFail) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return worker->started_generation() > 0; }));
  const int64_t first = worker->started_generation();
  worker->Fail("hiccup", false);
  ASSERT_TRUE(Await([&] { return worker->started_generation() > first; }));
  worker->Fail("bad row at offset 7", true);
  ASSERT_TRUE(AwaitState("activity", v1::FAILED));
  EXPECT_THAT(Get("activity").reason(), HasSubstr("bad row at offset 7"));
}

// Peers, row 25 (arroyo #1108): an error too large for a message of gRPC, and nobody could ask for
// the job any more.
TEST_F(CoordinatorTest, Row25AHugeErrorIsCutAndTheJobIsStillShown) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(Await([&] { return worker->started_generation() > 0; }));
  const int64_t first = worker->started_generation();
  const std::string error = "group '" + std::string(8 << 20, 'x') + "'";
  worker->Fail(error, false);
  ASSERT_TRUE(Await([&] { return worker->started_generation() > first; }));
  worker->Fail(error, true);
  ASSERT_TRUE(AwaitState("activity", v1::FAILED));
  EXPECT_THAT(Get("activity").reason(),
              AllOf(HasSubstr("group 'xxx"), HasSubstr("(8388616 bytes)")));
  EXPECT_LT(Get("activity").ByteSizeLong(), 64u << 10);
}

TEST_F(CoordinatorTest, ABoundedJobFinishes) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/bounded", &job).ok());
  ASSERT_TRUE(Await([&] { return worker->started_generation() > 0; }));
  worker->FinishSources();
  ASSERT_TRUE(AwaitState("activity", v1::FINISHED));
}

TEST_F(CoordinatorTest, RefusesBadScriptsAndNames) {
  v1::Job job;
  grpc::Status status = Submit("activity", "bad", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("line 1, column 1"));
  EXPECT_EQ(ReasonOf(status), "weir/SCRIPT_INVALID");
  google::rpc::Status details;
  google::rpc::BadRequest bad;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(1).UnpackTo(&bad));
  EXPECT_EQ(bad.field_violations(0).field(), "script");
  for (const char* name : {"", "../x", "a b", "-a"}) {
    EXPECT_EQ(ReasonOf(Submit(name, "/t/a", &job)), "weir/NAME_INVALID") << name;
  }
}

TEST_F(CoordinatorTest, NamesOfLiveJobsAndTablesTheyWriteAreTaken) {
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  grpc::Status status = Submit("activity", "/t/b", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonOf(status), "weir/NAME_TAKEN");
  status = Submit("other", "/t/a", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonOf(status), "weir/TABLE_TAKEN");
  EXPECT_FALSE(tables_.Exists("/t/b"));
  v1::CancelRequest cancel;
  cancel.set_job("activity");
  ASSERT_TRUE(Call(&v1::JobService::Stub::Cancel, cancel, &job).ok());
  EXPECT_EQ(job.state(), v1::CANCELLED);
  ASSERT_TRUE(Call(&v1::JobService::Stub::Cancel, cancel, &job).ok()) << "asked again";
  EXPECT_TRUE(Submit("activity", "/t/a", &job).ok());
}

// Peers, row 12 (SPARK-26425): two runs of one query shared a checkpoint path.
TEST_F(CoordinatorTest, Row12TwoRunsOfOneScriptShareNothing) {
  const auto worker = AddWorker("w:1");
  v1::Job first;
  ASSERT_TRUE(Submit("activity", "/t/a", &first).ok());
  ASSERT_TRUE(Await([&] { return Get("activity").epoch() > 4; }));
  v1::CancelRequest cancel;
  cancel.set_job("activity");
  ASSERT_TRUE(Call(&v1::JobService::Stub::Cancel, cancel, &first).ok());
  const auto files = [&] {
    std::map<std::string, uintmax_t> found;
    const std::filesystem::path folder = directory_.path() + "/jobs/" + first.id();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) found[entry.path().string()] = entry.file_size();
    }
    return found;
  };
  const auto before = files();
  ASSERT_FALSE(before.empty());
  v1::Job second;
  const grpc::Status status =
      Submit("activity", "/t/a", &second, [](auto* request) { request->set_append(true); });
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NE(second.id(), first.id());
  EXPECT_NE(second.lineage(), first.lineage());
  ASSERT_TRUE(Await([&] { return Get(second.id()).epoch() > 4; }));
  EXPECT_EQ(files(), before);
}

TEST_F(CoordinatorTest, ATableOfAnotherLineageIsRefusedUnlessAppended) {
  tables_.Create("/t/a");
  tables_.Add("/t/a", {"0123-old/activity", 7, {}, ""});
  v1::Job job;
  const grpc::Status status = Submit("activity", "/t/a", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonOf(status), "weir/TABLE_OF_ANOTHER_JOB");
  EXPECT_THAT(status.error_message(), HasSubstr("--append"));
  EXPECT_TRUE(Submit("activity", "/t/a", &job, [](auto* r) { r->set_append(true); }).ok());
}

TEST_F(CoordinatorTest, ATableThatRefusesLeavesNothingBehind) {
  v1::Job job;
  const grpc::Status status = Submit("activity", "/t/refused", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "weir/TABLE_REFUSED");
  EXPECT_THAT(status.error_message(), HasSubstr("deletionVectors"));
  v1::ListJobsResponse all;
  ASSERT_TRUE(Call(&v1::JobService::Stub::List, v1::ListJobsRequest(), &all).ok());
  EXPECT_THAT(all.jobs(), IsEmpty());
}

TEST_F(CoordinatorTest, TopicsAreAskedOfAWorker) {
  FakeWorker::Behaviour missing;
  missing.source_error = "topic evnts doesn't exist; there is events";
  missing.source_missing = true;
  auto worker = AddWorker("w:1", missing);
  v1::Job job;
  grpc::Status status = Submit("activity", "/t/a", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "weir/TOPIC_NOT_FOUND");
  worker.reset();
  FakeWorker::Behaviour unreachable;
  unreachable.source_error = "brokers k:9092 unreachable";
  worker = AddWorker("w:2", unreachable);
  status = Submit("activity", "/t/a", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "weir/BROKERS_UNREACHABLE");
  EXPECT_FALSE(tables_.Exists("/t/a"));
}

TEST_F(CoordinatorTest, ValidateOnlyMakesNothing) {
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job, [](auto* r) { r->set_validate_only(true); }).ok());
  EXPECT_EQ(job.id(), "");
  EXPECT_FALSE(tables_.Exists("/t/a"));
  v1::ListJobsResponse all;
  ASSERT_TRUE(Call(&v1::JobService::Stub::List, v1::ListJobsRequest(), &all).ok());
  EXPECT_THAT(all.jobs(), IsEmpty());
}

TEST_F(CoordinatorTest, ARepeatedRequestReturnsTheJobItMade) {
  v1::Job first;
  v1::Job again;
  const auto with_id = [](v1::SubmitRequest* request) { request->set_request_id("r-1"); };
  ASSERT_TRUE(Submit("activity", "/t/a", &first, with_id).ok());
  ASSERT_TRUE(Submit("activity", "/t/a", &again, with_id).ok());
  EXPECT_EQ(first.id(), again.id());
  coordinator_.reset();
  Start();
  ASSERT_TRUE(Submit("activity", "/t/a", &again, with_id).ok());
  EXPECT_EQ(first.id(), again.id());
}

TEST_F(CoordinatorTest, ListsInPagesNewestFirst) {
  v1::Job job;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Submit(absl::StrCat("job", i), absl::StrCat("/t/", i), &job).ok());
  }
  v1::ListJobsRequest request;
  request.set_page_size(2);
  std::set<std::string> seen;
  int pages = 0;
  int64_t last_ms = std::numeric_limits<int64_t>::max();
  do {
    v1::ListJobsResponse page;
    ASSERT_TRUE(Call(&v1::JobService::Stub::List, request, &page).ok());
    for (const v1::Job& listed : page.jobs()) {
      seen.insert(listed.name());
      const int64_t ms =
          listed.submitted_at().seconds() * 1000 + listed.submitted_at().nanos() / 1'000'000;
      EXPECT_LE(ms, last_ms);
      last_ms = ms;
    }
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(pages, 3);
  request.set_page_token("nonsense");
  v1::ListJobsResponse page;
  EXPECT_EQ(ReasonOf(Call(&v1::JobService::Stub::List, request, &page)), "weir/REQUEST_INVALID");
}

TEST_F(CoordinatorTest, UnknownJobsAreNotFound) {
  v1::Job job;
  const grpc::Status status = Stop("nobody", &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "weir/JOB_NOT_FOUND");
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_job("nobody");
  const auto reader = jobs_->Watch(&context, request);
  EXPECT_FALSE(reader->Read(&job));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(CoordinatorTest, WatchShowsEveryStateAndEndsAfterTheFinalOne) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_job(job.id());
  const auto reader = jobs_->Watch(&context, request);
  bool asked = false;
  v1::Job seen;
  while (reader->Read(&seen)) {
    if (!asked && seen.state() == v1::RUNNING) {
      asked = true;
      ASSERT_TRUE(Stop(job.id(), &job).ok());
    }
  }
  EXPECT_TRUE(asked);
  EXPECT_EQ(seen.state(), v1::STOPPED);
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(CoordinatorTest, AWatcherThatLeavesIsForgotten) {
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  {
    grpc::ClientContext context;
    v1::WatchRequest request;
    request.set_job(job.id());
    const auto reader = jobs_->Watch(&context, request);
    ASSERT_TRUE(reader->Read(&job));
    context.TryCancel();
    while (reader->Read(&job)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(Get("activity").state(), v1::WAITING);
}

TEST_F(CoordinatorTest, TriggerCheckpointReturnsAPublishedOne) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  v1::TriggerCheckpointRequest request;
  request.set_job("activity");
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  v1::Checkpoint checkpoint;
  const grpc::Status status = Call(&v1::JobService::Stub::TriggerCheckpoint, request, &checkpoint);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_GT(checkpoint.epoch(), 3);
  v1::ListCheckpointsRequest list;
  list.set_job("activity");
  v1::ListCheckpointsResponse checkpoints;
  ASSERT_TRUE(Call(&v1::JobService::Stub::ListCheckpoints, list, &checkpoints).ok());
  EXPECT_GE(checkpoints.checkpoints(0).epoch(), checkpoint.epoch());
}

TEST_F(CoordinatorTest, TriggerCheckpointOfAJobThatWaitsIsRefused) {
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  v1::TriggerCheckpointRequest request;
  request.set_job("activity");
  v1::Checkpoint checkpoint;
  const grpc::Status status = Call(&v1::JobService::Stub::TriggerCheckpoint, request, &checkpoint);
  EXPECT_EQ(ReasonOf(status), "weir/JOB_NOT_RUNNING");
}

TEST_F(CoordinatorTest, ExplainsScriptsAndJobs) {
  v1::ExplainRequest request;
  request.set_script("/t/x");
  v1::ExplainResponse response;
  ASSERT_TRUE(Call(&v1::JobService::Stub::Explain, request, &response).ok());
  EXPECT_EQ(response.text(), "plan of /t/x");
  request.set_script("bad");
  EXPECT_EQ(ReasonOf(Call(&v1::JobService::Stub::Explain, request, &response)),
            "weir/SCRIPT_INVALID");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  request.Clear();
  request.set_job("activity");
  ASSERT_TRUE(Call(&v1::JobService::Stub::Explain, request, &response).ok());
  EXPECT_EQ(response.text(), "plan of /t/a");
}

TEST_F(CoordinatorTest, RescalesAJob) {
  const auto first = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  v1::RescaleRequest request;
  request.set_job("activity");
  request.set_parallelism(1);
  ASSERT_TRUE(Call(&v1::JobService::Stub::Rescale, request, &job).ok());
  EXPECT_EQ(job.parallelism(), 1);
  EXPECT_EQ(job.state(), v1::RUNNING);
  EXPECT_EQ(first->tasks(), 1);
  const int64_t generation = job.generation();
  ASSERT_TRUE(Call(&v1::JobService::Stub::Rescale, request, &job).ok()) << "it is so already";
  EXPECT_EQ(job.generation(), generation);
}

TEST_F(CoordinatorTest, RescaleRefusesWhatCannotBe) {
  v1::Job job;
  v1::RescaleRequest request;
  request.set_job("activity");
  request.set_parallelism(2);
  EXPECT_EQ(ReasonOf(Call(&v1::JobService::Stub::Rescale, request, &job)), "weir/JOB_NOT_FOUND");
  const auto worker = AddWorker("w:1");
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  for (const int parallelism : {0, -1, 4097}) {
    request.set_parallelism(parallelism);
    EXPECT_EQ(ReasonOf(Call(&v1::JobService::Stub::Rescale, request, &job)),
              "weir/REQUEST_INVALID");
  }
  request.set_parallelism(3);
  const grpc::Status few = Call(&v1::JobService::Stub::Rescale, request, &job);
  EXPECT_EQ(ReasonOf(few), "weir/NOT_ENOUGH_SLOTS");
  EXPECT_THAT(few.error_message(), HasSubstr("the cluster has 2"));
  v1::CancelRequest cancel;
  cancel.set_job("activity");
  ASSERT_TRUE(Call(&v1::JobService::Stub::Cancel, cancel, &job).ok());
  request.set_parallelism(1);
  EXPECT_EQ(ReasonOf(Call(&v1::JobService::Stub::Rescale, request, &job)), "weir/JOB_ENDED");
}

TEST_F(CoordinatorTest, DrainsAWorkerOnceItsTasksHaveMoved) {
  const auto stays = AddWorker("w:1");
  auto leaves = AddWorker("w:2");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  leaves->Heartbeat(Get("activity").id(), Get("activity").generation());
  grpc::Status answer;
  v1::Worker drained;
  std::thread asking([&] { answer = Drain("w:2", &drained); });
  EXPECT_TRUE(Await([&] { return stays->tasks() == 4 && leaves->tasks() == 0; }));
  EXPECT_TRUE(leaves->told_to_drain());
  EXPECT_EQ(StateOf("w:2"), v1::DRAINING) << "its last heartbeat shows tasks";
  EXPECT_FALSE(leaves->drained());
  leaves->Heartbeat("", 0);
  asking.join();
  ASSERT_TRUE(answer.ok()) << answer.error_message();
  EXPECT_EQ(drained.state(), v1::DRAINED);
  EXPECT_TRUE(Await([&] { return leaves->drained(); }));
  leaves.reset();
  EXPECT_TRUE(Await([&] { return StateOf("w:2") == v1::WORKER_STATE_UNSPECIFIED; }))
      << "a drained worker that left isn't lost";
  EXPECT_THAT(Get("activity").restarts(0).reason(), HasSubstr("w:2 drains"));
}

TEST_F(CoordinatorTest, DrainRefusesTheLastWorkerThatTakesTasks) {
  v1::Worker drained;
  EXPECT_EQ(ReasonOf(Drain("w:1", &drained)), "weir/WORKER_NOT_FOUND");
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  const grpc::Status refused = Drain("w:1", &drained);
  EXPECT_EQ(ReasonOf(refused), "weir/NOT_ENOUGH_SLOTS");
  EXPECT_THAT(refused.error_message(), HasSubstr(Get("activity").id()));
  EXPECT_EQ(StateOf("w:1"), v1::ACTIVE);
}

TEST_F(CoordinatorTest, AWorkerThatAsksToLeaveMayEvenBeTheLast) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  worker->Drain();
  ASSERT_TRUE(AwaitState("activity", v1::WAITING));
  EXPECT_THAT(Get("activity").reason(), HasSubstr("every registered worker drains"));
  worker->Heartbeat("", 0);
  EXPECT_TRUE(Await([&] { return worker->drained(); }));
  const auto next = AddWorker("w:2");
  EXPECT_TRUE(Await([&] { return next->tasks() > 0; }));
  EXPECT_TRUE(AwaitState("activity", v1::RUNNING));
  EXPECT_EQ(worker->tasks(), 0);
}

TEST_F(CoordinatorTest, AWorkerLostWhileItDrainsIsSaidToBeLost) {
  const auto stays = AddWorker("w:1");
  auto leaves = AddWorker("w:2");
  leaves->Heartbeat("some-job", 7);
  grpc::Status answer;
  v1::Worker drained;
  std::thread asking([&] { answer = Drain("w:2", &drained); });
  EXPECT_TRUE(Await([&] { return leaves->told_to_drain(); }));
  leaves.reset();
  asking.join();
  EXPECT_EQ(ReasonOf(answer), "weir/WORKER_LOST");
  EXPECT_EQ(StateOf("w:2"), v1::LOST);
  leaves = AddWorker("w:2");
  EXPECT_EQ(StateOf("w:2"), v1::ACTIVE) << "another process";
}

TEST_F(CoordinatorTest, AWorkerStillDrainsBehindABrokenStream) {
  FakeWorker::Behaviour draining;
  draining.draining = true;
  const auto worker = AddWorker("w:1", draining);
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::WAITING));
  EXPECT_FALSE(worker->drained()) << "before its first heartbeat nobody knows what runs there";
  worker->Heartbeat("", 0);
  EXPECT_TRUE(Await([&] { return worker->drained(); }));
}

TEST_F(CoordinatorTest, AWorkerWithoutSlotsIsRefused) {
  FakeWorker::Behaviour none;
  none.slots = 0;
  FakeWorker worker(coordinator_->address(), "w:1", none);
  EXPECT_TRUE(Await([&] { return !worker.refused().empty(); }));
  EXPECT_FALSE(worker.registered());
}

TEST_F(CoordinatorTest, ShowsWorkersAndTheirSlots) {
  const auto worker = AddWorker("w:1");
  v1::Job job;
  ASSERT_TRUE(Submit("activity", "/t/a", &job).ok());
  ASSERT_TRUE(AwaitState("activity", v1::RUNNING));
  grpc::ClientContext context;
  v1::ClusterStatus status;
  ASSERT_TRUE(cluster_->GetStatus(&context, v1::GetStatusRequest(), &status).ok());
  EXPECT_EQ(status.workers(), 1);
  EXPECT_EQ(status.slots(), 2);
  EXPECT_EQ(status.slots_used(), 2);
  EXPECT_EQ(status.jobs_running(), 1);
  grpc::ClientContext second;
  v1::ListWorkersResponse workers;
  ASSERT_TRUE(cluster_->ListWorkers(&second, v1::ListWorkersRequest(), &workers).ok());
  EXPECT_EQ(workers.workers(0).address(), "w:1");
}

TEST_F(CoordinatorTest, ATakenAddressIsSaidPlainly) {
  CoordinatorOptions options;
  options.listen = coordinator_->address();
  options.data_uri = directory_ / "other";
  const auto second =
      StartCoordinatorWith(options, {}, SystemClock(), SystemRandom(), metrics_.get());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(coordinator_->address()));
}

TEST_F(CoordinatorTest, DataOfANewerVersionIsRefused) {
  const std::string other = directory_ / "newer";
  auto blobs = OpenBlobStore(other);
  ASSERT_TRUE(blobs.ok());
  ASSERT_TRUE((*blobs)->PutIfAbsent("VERSION", "weir data 2\n").ok());
  CoordinatorOptions options;
  options.listen = "127.0.0.1:0";
  options.data_uri = other;
  const auto second =
      StartCoordinatorWith(options, {}, SystemClock(), SystemRandom(), metrics_.get());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("version 2"));
}

}  // namespace
}  // namespace weir
