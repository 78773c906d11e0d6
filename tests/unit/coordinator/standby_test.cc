// Two real coordinators on one local directory.
#include <chrono>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_seams.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/coordinator/fake_worker.h"
#include "weir/v1/job.grpc.pb.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTakeoverUs = 20'000'000;

class StandbyTest : public ::testing::Test {
 protected:
  std::unique_ptr<Coordinator> Start() {
    CoordinatorSeams seams;
    seams.compile = [](const std::string&,
                       const std::map<std::string, std::string>&) -> absl::StatusOr<CompiledJob> {
      return absl::InvalidArgumentError("no statement");
    };
    CoordinatorOptions options;
    options.listen = "127.0.0.1:0";
    options.data_uri = directory_.path();
    auto started =
        StartCoordinatorWith(options, seams, SystemClock(), SystemRandom(), metrics_.get());
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }

  struct Answer {
    grpc::Status status;
    v1::ClusterStatus cluster;
    std::string reason;
    std::string leader;
  };
  static Answer Ask(const Coordinator& coordinator) {
    auto stub = v1::ClusterService::NewStub(
        grpc::CreateChannel(coordinator.address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    Answer answer;
    answer.status = stub->GetStatus(&context, v1::GetStatusRequest(), &answer.cluster);
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (details.ParseFromString(answer.status.error_details()) && details.details_size() > 0 &&
        details.details(0).UnpackTo(&info)) {
      answer.reason = info.reason();
      const auto leader = info.metadata().find("leader");
      if (leader != info.metadata().end()) answer.leader = leader->second;
    }
    return answer;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Metrics> metrics_ = MakeMetrics();
};

TEST_F(StandbyTest, TheSecondOneStandsByAndNamesTheFirst) {
  const auto first = Start();
  const auto second = Start();
  EXPECT_TRUE(first->AwaitLead(0));
  EXPECT_FALSE(second->AwaitLead(0));
  EXPECT_TRUE(first->Ready().ok());
  EXPECT_TRUE(second->Ready().ok()) << "a standby in good order is ready";

  const Answer leads = Ask(*first);
  ASSERT_TRUE(leads.status.ok());
  EXPECT_EQ(leads.cluster.leader(), first->address());
  EXPECT_EQ(leads.cluster.term(), 1);
  const Answer stands_by = Ask(*second);
  EXPECT_EQ(stands_by.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(stands_by.reason, "NOT_LEADER");
  EXPECT_EQ(stands_by.leader, first->address());
}

TEST_F(StandbyTest, AWorkerIsSentToTheLeader) {
  const auto first = Start();
  const auto second = Start();
  FakeWorker worker(second->address(), "w:1", {});
  ASSERT_TRUE(Await([&] { return worker.sent_away(); }));
  EXPECT_EQ(worker.leader(), first->address());
  EXPECT_FALSE(worker.registered());
}

TEST_F(StandbyTest, TakesOverAtOnceFromOneThatLeaves) {
  auto first = Start();
  const auto second = Start();
  first.reset();
  ASSERT_TRUE(second->AwaitLead(kTakeoverUs));
  EXPECT_EQ(Ask(*second).cluster.term(), 2);
  // The next start finds the lead taken.
  const auto third = Start();
  EXPECT_FALSE(third->AwaitLead(0));
}

TEST_F(StandbyTest, StepsDownWhenTheRecordNamesAnother) {
  const auto first = Start();
  auto blobs = OpenBlobStore(directory_.path());
  ASSERT_TRUE(blobs.ok());
  LeaseRecord other;
  other.holder = "other";
  other.address = "other:7070";
  other.term = 7;
  other.sequence = 1000;
  ASSERT_EQ((*blobs)->Replace(kLeaseName, EncodeLease(other)), absl::OkStatus());
  ASSERT_TRUE(Await([&] { return Ask(*first).leader == "other:7070"; }));
  // Nobody writes that record any more, so the lead comes back.
  ASSERT_TRUE(first->AwaitLead(kTakeoverUs));
  EXPECT_EQ(Ask(*first).cluster.term(), 8);
}

TEST_F(StandbyTest, ADamagedRecordIsReplacedAfterTheLease) {
  auto blobs = OpenBlobStore(directory_.path());
  ASSERT_TRUE(blobs.ok());
  ASSERT_EQ((*blobs)->PutIfAbsent(kLeaseName, "weir lea"), absl::OkStatus());
  const auto first = Start();
  EXPECT_TRUE(first->AwaitLead(kTakeoverUs));
}

}  // namespace
}  // namespace weir
