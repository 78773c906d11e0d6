#include "cli/status_page.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "coordinator/api_error.h"
#include "coordinator/coordinator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

// Knows one job, named like an attack; may stand by.
class FakeCoordinator : public Coordinator {
 public:
  const std::string& address() const override { return address_; }
  absl::Status Ready() const override { return absl::OkStatus(); }
  bool has_tokens() const override { return false; }
  absl::Status MayLook(const std::string&) const override { return absl::OkStatus(); }
  bool MaySeeRows(const std::string& authorization) const override {
    return authorization == "Bearer operator";
  }
  bool AwaitLead(int64_t) const override { return true; }
  absl::Status Show(
      const PageQuestion& question,
      const std::function<void(const google::protobuf::Message&)>& use) const override {
    if (standby) return NotLeaderError("10.0.0.9:7070");
    switch (question.what) {
      case PageQuestion::What::kCluster: {
        v1::ClusterStatus status;
        status.set_leader("10.0.0.1:7070");
        use(status);
        break;
      }
      case PageQuestion::What::kWorkers: {
        use(v1::ListWorkersResponse());
        break;
      }
      case PageQuestion::What::kJobs: {
        v1::ListJobsResponse jobs;
        jobs.add_jobs()->set_name("<script>alert(1)</script>");
        use(jobs);
        break;
      }
      case PageQuestion::What::kJob: {
        if (question.job != "a job") {
          return ApiError(absl::StatusCode::kNotFound, kReasonJobNotFound, "there is no job");
        }
        v1::JobDetails details;
        details.set_samples_hidden(!question.samples);
        details.mutable_job()->set_reason("bytes \xff\xfe");
        use(details);
        break;
      }
    }
    return absl::OkStatus();
  }
  bool standby = false;

 private:
  const std::string address_ = "127.0.0.1:1";
};

class StatusPageTest : public ::testing::Test {
 protected:
  HttpResponse Get(const std::string& path, const std::string& authorization = "") const {
    return StatusPages(coordinator_)({path, {authorization, false}});
  }
  FakeCoordinator coordinator_;
};

TEST_F(StatusPageTest, AnswersWithTheApisFieldNames) {
  const HttpResponse cluster = Get("/api/v1/cluster");
  EXPECT_EQ(cluster.status, 200);
  EXPECT_EQ(cluster.content_type, "application/json");
  EXPECT_EQ(Json::parse(cluster.body)["leader"], "10.0.0.1:7070");
  EXPECT_TRUE(Json::parse(Get("/api/v1/workers").body)["workers"].is_array());
  EXPECT_EQ(Json::parse(Get("/api/v1/jobs").body)["jobs"][0]["name"], "<script>alert(1)</script>");
  EXPECT_EQ(Get("/api/v1/jobs/a job").status, 200);
}

TEST_F(StatusPageTest, BytesThatAreNoTextDontBreakTheJson) {
  EXPECT_THAT(Json::parse(Get("/api/v1/jobs/a job").body)["job"]["reason"].get<std::string>(),
              HasSubstr("bytes "));
}

TEST_F(StatusPageTest, ShowsRowsToOperatorsOnly) {
  auto hidden = [&](const std::string& authorization) {
    return Json::parse(Get("/api/v1/jobs/a job", authorization).body)["samples_hidden"].get<bool>();
  };
  EXPECT_TRUE(hidden(""));
  EXPECT_TRUE(hidden("Bearer viewer"));
  EXPECT_FALSE(hidden("Bearer operator"));
  EXPECT_FALSE(hidden("Basic " + absl::Base64Escape("ann:operator")));
}

TEST_F(StatusPageTest, IsBuiltIntoTheBinary) {
  coordinator_.standby = true;  // it has to say so
  const HttpResponse index = Get("/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
  // All that the page names is there, and nothing of it is elsewhere.
  size_t named = 0;
  for (size_t at = 0; (at = index.body.find("\"/assets/", at)) != std::string::npos;
       ++at, ++named) {
    const std::string path = index.body.substr(at + 1, index.body.find('"', at + 1) - at - 1);
    EXPECT_EQ(Get(path).status, 200) << path;
  }
  EXPECT_GE(named, 4u);
  EXPECT_THAT(index.body, Not(HasSubstr("://")));
  EXPECT_EQ(Get("/assets/app.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_THAT(Get("/assets/licenses.txt").body, HasSubstr("Preact"));
  EXPECT_THAT(Get("/assets/licenses.txt").body, HasSubstr("MIT"));
}

TEST_F(StatusPageTest, KnowsNoOtherPaths) {
  for (const char* path : {"/api", "/api/v1", "/api/v1/", "/api/v1/jobs/", "/api/v1/jobs/a/b",
                           "/api/v2/jobs", "/api/v1/jobsx", "/etc/passwd", "/../etc/passwd"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(StatusPageTest, AnUnknownJobIsNotFound) {
  const HttpResponse response = Get("/api/v1/jobs/other");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(Json::parse(response.body)["error"]["reason"], "JOB_NOT_FOUND");
}

TEST_F(StatusPageTest, AStandbySaysWhoLeads) {
  coordinator_.standby = true;
  const HttpResponse response = Get("/api/v1/jobs");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(Json::parse(response.body)["error"]["reason"], "NOT_LEADER");
  EXPECT_EQ(Json::parse(response.body)["error"]["leader"], "10.0.0.9:7070");
}

TEST(BearerOfTest, TakesThePasswordOfBasic) {
  EXPECT_EQ(BearerOf("Basic " + absl::Base64Escape("ann:tok:en")), "Bearer tok:en");
  EXPECT_EQ(BearerOf("basic " + absl::Base64Escape(":t")), "Bearer t");
}

TEST(BearerOfTest, LeavesAllElse) {
  for (const char* text : {"", "Bearer t", "Basic", "Basic ", "Basic !!!", "Digest x"}) {
    EXPECT_EQ(BearerOf(text), text);
  }
  const std::string no_colon = "Basic " + absl::Base64Escape("token");
  EXPECT_EQ(BearerOf(no_colon), no_colon);
}

}  // namespace
}  // namespace weir
