#include "base/s3_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/scripted_http.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<HttpReply> Reply(int status, const std::string& code = "") {
  return HttpReply{status, {}, code.empty() ? "" : "<Error><Code>" + code + "</Code></Error>"};
}

TEST(ClassifyS3Test, SaysWhatAnAnswerMeans) {
  struct Case {
    absl::StatusOr<HttpReply> reply;
    S3Answer answer;
  };
  const Case cases[] = {
      {Reply(200), S3Answer::kDone},
      {Reply(204), S3Answer::kDone},
      {Reply(206), S3Answer::kDone},
      {Reply(404, "NoSuchKey"), S3Answer::kNotFound},
      {Reply(404), S3Answer::kNotFound},
      {Reply(404, "NoSuchUpload"), S3Answer::kNotFound},
      {Reply(404, "NoSuchBucket"), S3Answer::kRefused},
      {Reply(412, "PreconditionFailed"), S3Answer::kConditionFailed},
      {Reply(409, "ConditionalRequestConflict"), S3Answer::kBusy},
      {Reply(503, "SlowDown"), S3Answer::kBusy},
      {Reply(503), S3Answer::kUnsure},  // a proxy's: it may have passed the request on
      {Reply(500, "InternalError"), S3Answer::kUnsure},
      {Reply(502), S3Answer::kUnsure},
      {Reply(504), S3Answer::kUnsure},
      {Reply(200, "InternalError"), S3Answer::kUnsure},  // as the end of an upload may answer
      {Reply(200, "SlowDown"), S3Answer::kBusy},
      {Reply(429), S3Answer::kBusy},
      {Reply(400, "RequestTimeout"), S3Answer::kBusy},
      {Reply(400, "XAmzContentSHA256Mismatch"), S3Answer::kBusy},
      {Reply(403, "RequestTimeTooSkewed"), S3Answer::kBusy},
      {Reply(400, "ExpiredToken"), S3Answer::kStaleCredentials},
      {Reply(403, "InvalidAccessKeyId"), S3Answer::kStaleCredentials},
      {Reply(403, "AccessDenied"), S3Answer::kRefused},
      {Reply(403, "SignatureDoesNotMatch"), S3Answer::kRefused},
      {Reply(400, "InvalidArgument"), S3Answer::kRefused},
      {Reply(301, "PermanentRedirect"), S3Answer::kRefused},
      {Reply(501, "NotImplemented"), S3Answer::kRefused},
      {Reply(507, "XMinioStorageFull"), S3Answer::kRefused},
      {absl::UnavailableError("no connection"), S3Answer::kBusy},
      {absl::UnknownError("broke"), S3Answer::kUnsure},
      {absl::FailedPreconditionError("certificate"), S3Answer::kRefused},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ClassifyS3(c.reply), c.answer)
        << (c.reply.ok() ? std::to_string(c.reply->status) + c.reply->body
                         : c.reply.status().ToString());
  }
}

class Credentials : public CredentialsProvider {
 public:
  absl::StatusOr<AwsCredentials> Get() override {
    return AwsCredentials{"canary-id-" + std::to_string(refused), "canary-secret", "canary-token"};
  }
  void Refused(const AwsCredentials&) override { ++refused; }
  int refused = 0;
};

class S3ClientTest : public ::testing::Test {
 protected:
  S3ClientTest() : random_(SeededRandom(7)) {}

  S3Outcome Do(const std::string& method = "PUT") {
    S3Request request;
    request.method = method;
    request.key = "a b";
    request.body = "bytes";
    return client_.Do(request);
  }

  ScriptedHttp http_;
  Credentials credentials_;
  FakeClock clock_;
  std::unique_ptr<Random> random_;
  std::vector<int64_t> waits_;
  S3Client client_{{"data", "p"},
                   {"http", "store:9000", true, "us-east-1", ""},
                   {&http_, &credentials_, &clock_, random_.get(), [this](int64_t micros) {
                      waits_.push_back(micros);
                      clock_.Advance(micros);
                    }}};
};

TEST_F(S3ClientTest, SignsWhatItSends) {
  http_.Answer(200);
  EXPECT_EQ(Do().answer, S3Answer::kDone);
  ASSERT_EQ(http_.seen.size(), 1u);
  const ScriptedHttp::Seen& seen = http_.seen[0];
  EXPECT_EQ(seen.url, "http://store:9000/data/a%20b");
  EXPECT_EQ(seen.body, "bytes");
  EXPECT_EQ(seen.Header("host"), "store:9000");
  EXPECT_EQ(seen.Header("x-amz-security-token"), "canary-token");
  EXPECT_EQ(seen.Header("x-amz-date"), "20231114T221320Z");
  EXPECT_THAT(
      seen.Header("Authorization"),
      HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
}

TEST_F(S3ClientTest, AsksAgainWithFullJitter) {
  for (int i = 0; i < 9; ++i) http_.AnswerCode(503, "SlowDown");
  http_.Answer(200);
  const S3Outcome outcome = Do();
  EXPECT_EQ(outcome.answer, S3Answer::kDone);
  EXPECT_FALSE(outcome.maybe_done);
  ASSERT_EQ(waits_.size(), 9u);
  for (size_t i = 0; i < waits_.size(); ++i) {
    EXPECT_GT(waits_[i], 0);
    EXPECT_LE(waits_[i], std::min<int64_t>(2'000'000, 50'000 << i)) << i;
  }
}

TEST_F(S3ClientTest, GivesUpAfterTenAttempts) {
  for (int i = 0; i < 20; ++i) http_.AnswerCode(503, "SlowDown");
  const S3Outcome outcome = Do();
  EXPECT_EQ(outcome.answer, S3Answer::kBusy);
  EXPECT_EQ(outcome.error.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(http_.seen.size(), 10u);
}

TEST_F(S3ClientTest, GivesUpAfterItsPatience) {
  class SlowHttp : public HttpClient {
   public:
    explicit SlowHttp(FakeClock* clock) : clock_(clock) {}
    absl::StatusOr<HttpReply> Do(const HttpRequest& request) override {
      clock_->Advance(request.timeout_ms * 1000);
      ++requests;
      return absl::UnknownError("timed out");
    }
    int requests = 0;
    FakeClock* const clock_;
  } http(&clock_);
  const S3Client client({"data", ""}, {"http", "store", true, "r", ""},
                        {&http, &credentials_, &clock_, random_.get(), [](int64_t) {}});
  S3Request request;
  request.method = "GET";
  EXPECT_EQ(client.Do(request).answer, S3Answer::kUnsure);
  EXPECT_EQ(http.requests, 3);

  const S3Client hurried(
      {"data", ""}, {"http", "store", true, "r", ""},
      {&http, &credentials_, &clock_, random_.get(), [](int64_t) {}, 1'000, 2'000});
  const int64_t began_us = clock_.MonotonicMicros();
  EXPECT_EQ(hurried.Do(request).answer, S3Answer::kUnsure);
  EXPECT_EQ(clock_.MonotonicMicros() - began_us, 2'000'000);
}

// A stream that breaks late has been worth its time; one that gets no further has not.
TEST_F(S3ClientTest, CountsAnewWhenAnAttemptGotFurther) {
  class BreakingHttp : public HttpClient {
   public:
    explicit BreakingHttp(FakeClock* clock) : clock_(clock) {}
    absl::StatusOr<HttpReply> Do(const HttpRequest& request) override {
      clock_->Advance(40'000'000);
      ++requests;
      const HttpReply head{200, {}, ""};
      if (requests <= breaks) {
        if (const absl::Status taken = request.sink(head, "piece"); !taken.ok()) return taken;
        return absl::UnknownError("the connection broke");
      }
      if (is_dead) return absl::UnknownError("the connection broke");
      return head;
    }
    int requests = 0;
    int breaks = 25;
    bool is_dead = false;
    FakeClock* const clock_;
  } http(&clock_);
  const S3Client client({"data", ""}, {"http", "store", true, "r", ""},
                        {&http, &credentials_, &clock_, random_.get(), [](int64_t) {}});
  int64_t done = 0;
  S3Request request;
  request.method = "GET";
  request.sink = [&](const HttpReply&, std::string_view bytes) {
    done += static_cast<int64_t>(bytes.size());
    return absl::OkStatus();
  };
  request.progress = [&] { return done; };
  EXPECT_EQ(client.Do(request).answer, S3Answer::kDone);
  EXPECT_EQ(http.requests, 26);
  http.requests = 0;
  http.breaks = 3;
  http.is_dead = true;
  done = 0;
  EXPECT_EQ(client.Do(request).answer, S3Answer::kUnsure);
  EXPECT_EQ(http.requests, 4) << "the fourth brought nothing for longer than the patience";
  http.requests = 0;
  http.breaks = 100;
  request.progress = [] { return int64_t{5}; };  // from the beginning, again and again
  EXPECT_EQ(client.Do(request).answer, S3Answer::kUnsure);
  EXPECT_EQ(http.requests, 2);
}

TEST_F(S3ClientTest, RemembersThatAnAttemptMayHaveHappened) {
  http_.Lost();
  http_.AnswerCode(403, "AccessDenied");
  S3Outcome outcome = Do();
  EXPECT_EQ(outcome.answer, S3Answer::kRefused);
  EXPECT_TRUE(outcome.maybe_done);
  http_.NotSent();
  http_.AnswerCode(403, "AccessDenied");
  outcome = Do();
  EXPECT_FALSE(outcome.maybe_done);
  EXPECT_EQ(outcome.error.code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(S3ClientTest, TriesOtherCredentials) {
  http_.AnswerCode(503, "SlowDown");
  http_.AnswerCode(400, "ExpiredToken");
  http_.AnswerCode(403, "InvalidAccessKeyId");  // so new that not all of the store knows it
  http_.Answer(200);
  EXPECT_EQ(Do().answer, S3Answer::kDone);
  EXPECT_THAT(http_.seen[2].Header("Authorization"), HasSubstr("canary-id-1"));
  EXPECT_THAT(http_.seen[3].Header("Authorization"), HasSubstr("canary-id-2"));
}

// Credentials that are being rotated, and a clock that is being set, refuse nothing for good.
TEST_F(S3ClientTest, WhatPassesIsUnavailable) {
  for (int i = 0; i < 10; ++i) http_.AnswerCode(403, "ExpiredToken");
  const absl::Status stale = Do().error;
  EXPECT_EQ(stale.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(stale.message()), HasSubstr("renew them"));
  for (int i = 0; i < 10; ++i) http_.AnswerCode(403, "RequestTimeTooSkewed");
  const S3Outcome skewed = Do();
  EXPECT_EQ(skewed.error.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(skewed.error.message()), HasSubstr("clock"));
  EXPECT_FALSE(skewed.maybe_done);
  http_.AnswerCode(403, "RequestTimeTooSkewed");
  http_.Answer(200);
  EXPECT_EQ(Do().answer, S3Answer::kDone) << "once the clock is right";
}

TEST_F(S3ClientTest, ExplainsWithoutSecrets) {
  http_.Answer(403,
               "<Error><Code>SignatureDoesNotMatch</Code><Message>canary-id-0 canary-secret "
               "canary-token</Message><StringToSign>canary-secret</StringToSign></Error>");
  const std::string message(Do().error.message());
  EXPECT_THAT(message, AllOf(HasSubstr("PUT s3://data/a b at http://store:9000: the store answers "
                                       "403 SignatureDoesNotMatch [removed] [removed] [removed]"),
                             HasSubstr("check the credentials"), Not(HasSubstr("canary"))));
}

TEST_F(S3ClientTest, SaysWhatToDoNext) {
  http_.AnswerCode(404, "NoSuchBucket");
  EXPECT_THAT(std::string(Do().error.message()), HasSubstr("make the bucket data"));
  http_.Answer(301, "<Error><Code>PermanentRedirect</Code></Error>",
               {{"x-amz-bucket-region", "eu-west-3"}});
  EXPECT_THAT(std::string(Do().error.message()), HasSubstr("set AWS_REGION to eu-west-3"));
  http_.AnswerCode(507, "XMinioStorageFull");
  EXPECT_EQ(Do().error.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace weir
