#include "base/s3_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::map<std::string, std::string>;

Environment From(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    if (it == variables.end() || it->second.empty()) return std::nullopt;
    return it->second;
  };
}

TEST(S3UriTest, SplitsBucketAndPrefix) {
  struct Case {
    const char *uri, *bucket, *prefix;
  };
  for (const Case& c : {Case{"s3://data", "data", ""}, Case{"s3://data/", "data", ""},
                        Case{"s3://my.bucket-1/a/b", "my.bucket-1", "a/b"},
                        Case{"s3://data/a b/c=1/", "data", "a b/c=1"}}) {
    const auto location = ParseS3Uri(c.uri);
    ASSERT_TRUE(location.ok()) << location.status();
    EXPECT_EQ(location->bucket, c.bucket);
    EXPECT_EQ(location->prefix, c.prefix);
  }
  EXPECT_EQ(ParseS3Uri("s3://data/a/")->Uri(), "s3://data/a");
  EXPECT_EQ(ParseS3Uri("s3://data/")->Uri(), "s3://data");
}

TEST(S3UriTest, RefusesWhatNamesNoBucket) {
  for (const std::string uri :
       {"", "s3://", "s3:///a", "s3://ab", "s3://UPPER", "s3://under_score", "s3://-a-", "s3://a..",
        "s3://data//a", "s3://data/../a", "s3://data/a//", "s3://data/a?versionId=1",
        "s3://data/a#b", "s3://data:9000/a", "gs://data/a", "s3://data/a\nb"}) {
    const absl::Status status = ParseS3Uri(uri).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << uri;
    EXPECT_THAT(std::string(status.message()), HasSubstr("s3://bucket/prefix")) << uri;
  }
  EXPECT_FALSE(ParseS3Uri("s3://data/" + std::string(200, 'a') + "/" + std::string(200, 'b') + "/" +
                          std::string(200, 'c'))
                   .ok());
}

TEST(S3UriTest, DoesNotRepeatCredentials) {
  const absl::Status status = ParseS3Uri("s3://AKID:canary-secret@data/a").status();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("AWS_SECRET_ACCESS_KEY"), Not(HasSubstr("canary-secret"))));
}

TEST(S3EndpointTest, IsAwsByDefault) {
  const auto endpoint = S3EndpointFrom(From({{"AWS_REGION", "eu-central-1"}}), "data");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->Url(), "https://data.s3.eu-central-1.amazonaws.com");
  EXPECT_FALSE(endpoint->path_style);
  // A certificate for *.s3... doesn't cover a second dot.
  EXPECT_EQ(S3EndpointFrom(From({{"AWS_DEFAULT_REGION", "eu-west-1"}}), "my.data")->Url(),
            "https://s3.eu-west-1.amazonaws.com");
}

TEST(S3EndpointTest, CanBeAnotherStore) {
  const auto endpoint = S3EndpointFrom(
      From({{"AWS_ENDPOINT_URL", "http://minio:9000/"}, {"AWS_CA_BUNDLE", "/ca"}}), "data");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->Url(), "http://minio:9000");
  EXPECT_TRUE(endpoint->path_style);
  EXPECT_EQ(endpoint->region, "us-east-1");
  EXPECT_EQ(endpoint->ca_file, "/ca");
  const auto by_service = S3EndpointFrom(From({{"AWS_ENDPOINT_URL", "http://other"},
                                               {"AWS_ENDPOINT_URL_S3", "https://store.example:443"},
                                               {"WEIR_S3_PATH_STYLE", "false"}}),
                                         "data");
  EXPECT_EQ(by_service->Url(), "https://data.store.example");
}

TEST(S3EndpointTest, RefusesWhatItCannotUse) {
  for (const char* url : {"minio:9000", "ftp://minio", "http://", "http://user:canary@minio",
                          "http://minio/path", "http://mi nio"}) {
    const absl::Status status = S3EndpointFrom(From({{"AWS_ENDPOINT_URL", url}}), "data").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("AWS_ENDPOINT_URL"), Not(HasSubstr("canary"))));
  }
  EXPECT_THAT(std::string(S3EndpointFrom(From({}), "data").status().message()),
              HasSubstr("AWS_REGION"));
  EXPECT_FALSE(S3EndpointFrom(From({{"AWS_REGION", "eu/1"}}), "data").ok());
  EXPECT_THAT(
      std::string(S3EndpointFrom(From({{"AWS_REGION", "r"}, {"WEIR_S3_PATH_STYLE", "yes"}}), "data")
                      .status()
                      .message()),
      HasSubstr("WEIR_S3_PATH_STYLE"));
}

TEST(S3EndpointTest, TakesTheRegionOfTheProfile) {
  TemporaryDirectory directory;
  std::ofstream(directory / "config") << "[default]\nregion = eu-north-1\n[profile ci]\n"
                                         "region=ap-south-1\n";
  Variables variables{{"AWS_CONFIG_FILE", directory / "config"}};
  EXPECT_EQ(S3EndpointFrom(From(variables), "data")->region, "eu-north-1");
  variables["AWS_PROFILE"] = "ci";
  EXPECT_EQ(S3EndpointFrom(From(variables), "data")->region, "ap-south-1");
  variables["AWS_PROFILE"] = "other";
  EXPECT_FALSE(S3EndpointFrom(From(variables), "data").ok());
}

}  // namespace
}  // namespace weir
