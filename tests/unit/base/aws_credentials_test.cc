#include "base/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "absl/time/time.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/scripted_http.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kMinuteUs = 60'000'000;

class AwsCredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<CredentialsProvider>> Make() {
    return MakeCredentialsProvider(
        [this](const std::string& name) -> std::optional<std::string> {
          const auto it = variables_.find(name);
          if (it == variables_.end()) return std::nullopt;
          return it->second;
        },
        "eu-central-1", &http_, &clock_);
  }
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  void UseWebIdentity() {
    variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = File("token", "canary-token\n");
    variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/weir";
  }
  void AnswerCredentials(const std::string& id, int64_t minutes) {
    http_.Answer(
        200, "<R><AccessKeyId>" + id +
                 "</AccessKeyId><SecretAccessKey>canary-secret</SecretAccessKey>"
                 "<SessionToken>canary-session</SessionToken><Expiration>" +
                 absl::FormatTime(absl::RFC3339_sec,
                                  absl::FromUnixMicros(clock_.WallMicros() + minutes * kMinuteUs),
                                  absl::UTCTimeZone()) +
                 "</Expiration></R>");
  }
  std::string Message() { return std::string(Make().status().message()); }

  TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
  ScriptedHttp http_;
  FakeClock clock_;
};

TEST_F(AwsCredentialsTest, ComeFromTheEnvironmentFirst) {
  UseWebIdentity();
  variables_["AWS_ACCESS_KEY_ID"] = "id";
  variables_["AWS_SECRET_ACCESS_KEY"] = "secret";
  variables_["AWS_SESSION_TOKEN"] = "session";
  const auto provider = Make();
  ASSERT_TRUE(provider.ok()) << provider.status();
  const AwsCredentials credentials = *(*provider)->Get();
  EXPECT_EQ(credentials.access_key_id, "id");
  EXPECT_EQ(credentials.secret_access_key, "secret");
  EXPECT_EQ(credentials.session_token, "session");
  EXPECT_TRUE(http_.seen.empty());
}

TEST_F(AwsCredentialsTest, RefuseHalves) {
  variables_["AWS_ACCESS_KEY_ID"] = "canary-id";
  EXPECT_THAT(Message(), AllOf(HasSubstr("set both"), Not(HasSubstr("canary"))));
  variables_.clear();
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  EXPECT_THAT(Message(), HasSubstr("AWS_ROLE_ARN"));
}

TEST_F(AwsCredentialsTest, RefuseWhatCannotBeAHeader) {
  variables_["AWS_ACCESS_KEY_ID"] = "id";
  variables_["AWS_SECRET_ACCESS_KEY"] = "canary secret\r\nx-evil: 1";
  EXPECT_THAT(Message(), AllOf(HasSubstr("control character"), Not(HasSubstr("canary"))));
}

TEST_F(AwsCredentialsTest, NameEverySourceWhenThereIsNone) {
  variables_["HOME"] = directory_.path();
  EXPECT_EQ(Make().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(),
              AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"),
                    HasSubstr(directory_ / ".aws/credentials")));
}

TEST_F(AwsCredentialsTest, ComeFromAProfileOfTheFile) {
  const std::string path = File("credentials",
                                "# comment\n[default]\naws_access_key_id = d\n"
                                "aws_secret_access_key = ds\n\n[ci]\naws_access_key_id=c\n"
                                "aws_secret_access_key=cs=\naws_session_token = ct\r\n");
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = path;
  EXPECT_EQ((*Make())->Get()->access_key_id, "d");
  variables_["AWS_PROFILE"] = "ci";
  const AwsCredentials credentials = *(*Make())->Get();
  EXPECT_EQ(credentials.secret_access_key, "cs=");
  EXPECT_EQ(credentials.session_token, "ct");
  variables_["AWS_PROFILE"] = "missing";
  const absl::Status status = (*Make())->Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("'missing'"), HasSubstr(path)));
}

TEST_F(AwsCredentialsTest, ReadTheFileAgainOnceRefused) {
  const std::string before = "[default]\naws_access_key_id=1\naws_secret_access_key=s\n";
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = File("credentials", before);
  const auto provider = *Make();
  const AwsCredentials first = *provider->Get();
  File("credentials", "[default]\naws_access_key_id=2\naws_secret_access_key=s\n");
  EXPECT_EQ(provider->Get()->access_key_id, "1");
  provider->Refused(first);
  EXPECT_EQ(provider->Get()->access_key_id, "2");
  provider->Refused(first);  // late: others are in use by now
  File("credentials", before);
  EXPECT_EQ(provider->Get()->access_key_id, "2");
}

TEST_F(AwsCredentialsTest, AFileThatIsBeingRewrittenPasses) {
  const std::string whole = "[default]\naws_access_key_id=1\naws_secret_access_key=s\n";
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = File("credentials", "[default]\n");
  const auto provider = *Make();
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kFailedPrecondition);
  File("credentials", whole);
  const AwsCredentials first = *provider->Get();
  provider->Refused(first);
  for (const std::string torn : {"", "[default]\naws_access_key_id=2\n",
                                 "[default]\naws_access_key_id=a b\naws_secret_access_key=s\n"}) {
    File("credentials", torn);
    EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kUnavailable) << torn;
  }
  std::filesystem::remove(directory_ / "credentials");
  const absl::Status gone = provider->Get().status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(gone.message()), HasSubstr(directory_ / "credentials"));
  File("credentials", whole);
  EXPECT_EQ(provider->Get()->access_key_id, "1");
}

TEST_F(AwsCredentialsTest, ExchangeAWebIdentityToken) {
  UseWebIdentity();
  const auto provider = *Make();
  AnswerCredentials("temporary", 60);
  const AwsCredentials credentials = *provider->Get();
  EXPECT_EQ(credentials.access_key_id, "temporary");
  EXPECT_EQ(credentials.session_token, "canary-session");
  ASSERT_EQ(http_.seen.size(), 1u);
  EXPECT_EQ(http_.seen[0].url, "https://sts.eu-central-1.amazonaws.com/");
  EXPECT_THAT(http_.seen[0].body, AllOf(HasSubstr("Action=AssumeRoleWithWebIdentity"),
                                        HasSubstr("WebIdentityToken=canary-token"),
                                        HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fweir")));
}

TEST_F(AwsCredentialsTest, RenewBeforeTheyExpire) {
  UseWebIdentity();
  variables_["AWS_ENDPOINT_URL_STS"] = "http://sts:1/";
  const auto provider = *Make();
  AnswerCredentials("first", 60);
  ASSERT_TRUE(provider->Get().ok());
  EXPECT_EQ(http_.seen[0].url, "http://sts:1/");
  clock_.Advance(54 * kMinuteUs);
  EXPECT_EQ(provider->Get()->access_key_id, "first");
  EXPECT_EQ(http_.seen.size(), 1u);
  clock_.Advance(2 * kMinuteUs);
  File("token", "rotated");
  AnswerCredentials("second", 60);
  EXPECT_EQ(provider->Get()->access_key_id, "second");
  EXPECT_THAT(http_.seen[1].body, HasSubstr("WebIdentityToken=rotated"));
}

TEST_F(AwsCredentialsTest, OutliveATokenServiceThatIsDown) {
  UseWebIdentity();
  const auto provider = *Make();
  AnswerCredentials("first", 60);
  ASSERT_TRUE(provider->Get().ok());
  clock_.Advance(56 * kMinuteUs);
  http_.NotSent();
  EXPECT_EQ(provider->Get()->access_key_id, "first");
  EXPECT_EQ(provider->Get()->access_key_id, "first");
  EXPECT_EQ(http_.seen.size(), 2u) << "not asked at every request";
  clock_.Advance(5 * kMinuteUs);  // expired
  http_.NotSent();
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kUnavailable);
  AnswerCredentials("second", 60);
  EXPECT_EQ(provider->Get()->access_key_id, "second");
}

TEST_F(AwsCredentialsTest, AreAskedForAgainOnceRefused) {
  UseWebIdentity();
  const auto provider = *Make();
  AnswerCredentials("first", 60);
  provider->Refused(*provider->Get());
  AnswerCredentials("second", 60);
  EXPECT_EQ(provider->Get()->access_key_id, "second");
}

TEST_F(AwsCredentialsTest, ATokenThatIsBeingReplacedPasses) {
  UseWebIdentity();
  const auto provider = *Make();
  AnswerCredentials("first", 60);
  provider->Refused(*provider->Get());
  http_.Answer(400, "<Error><Code>ExpiredTokenException</Code></Error>");
  const absl::Status refused = provider->Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ExpiredTokenException"));
  std::filesystem::remove(directory_ / "token");
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kUnavailable);
  File("token", "next");
  AnswerCredentials("second", 60);
  EXPECT_EQ(provider->Get()->access_key_id, "second");
}

TEST_F(AwsCredentialsTest, SayWhyATokenWasRefusedWithoutRepeatingIt) {
  UseWebIdentity();
  const auto provider = *Make();
  http_.Answer(400,
               "<Error><Code>InvalidIdentityToken</Code><Message>canary-token</Message></Error>");
  const absl::Status refused = provider->Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("InvalidIdentityToken"), HasSubstr("AWS_ROLE_ARN"),
                    Not(HasSubstr("canary"))));
  http_.Answer(503, "");
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kUnavailable);
  http_.Answer(200, "<html>not what was asked for</html>");
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kUnavailable);
  std::filesystem::remove(directory_ / "token");
  EXPECT_EQ(provider->Get().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weir
