// The life of a job under the real server, loop and log: see coordinator_harness.h.
#include "coordinator/coordinator.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/coordinator_harness.h"
#include "tests/unit/coordinator/fake_worker.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

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

// A worker that was away when its tasks were cancelled would run them for ever.
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
