// Workers that come, drain and vanish, and jobs that change their parallelism.
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/coordinator_harness.h"
#include "tests/unit/coordinator/fake_worker.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace weir
