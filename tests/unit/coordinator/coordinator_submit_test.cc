// What Submit makes, and what it refuses.
#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "coordinator/lease_record.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/coordinator_harness.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
  // The last thing done for an ended job: its log is folded.
  ASSERT_TRUE(Await([&] {
    for (const auto& [path, size] : files()) {
      if (absl::StrContains(path, "/fold/0")) return true;
    }
    return false;
  }));
  const auto before = files();
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

TEST_F(CoordinatorTest, ARepeatedRequestIsNotAnsweredByAFormerLeader) {
  v1::Job job;
  const auto with_id = [](v1::SubmitRequest* request) { request->set_request_id("r-1"); };
  ASSERT_TRUE(Submit("activity", "/t/a", &job, with_id).ok());
  auto blobs = OpenBlobStore(directory_.path());
  ASSERT_TRUE(blobs.ok());
  LeaseRecord other;
  other.holder = "other";
  other.address = "other:7070";
  other.term = 7;
  other.sequence = 1000;
  ASSERT_EQ((*blobs)->Replace(kLeaseName, EncodeLease(other)), absl::OkStatus());
  const grpc::Status status = Submit("activity", "/t/a", &job, with_id);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "weir/NOT_LEADER");
}

}  // namespace
}  // namespace weir
