// What clients ask about jobs: Get, List, Watch, Explain.
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/coordinator_harness.h"

namespace weir {
namespace {

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

}  // namespace
}  // namespace weir
