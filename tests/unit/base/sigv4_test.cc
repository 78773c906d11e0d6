#include "base/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"

namespace weir {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

const AwsCredentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                              ""};
const SigV4Scope kScope{"us-east-1", "s3", "20130524T000000Z"};
const char kHost[] = "examplebucket.s3.amazonaws.com";

// The four examples of "Signature Calculations for the Authorization Header: Transferring Payload
// in a Single Chunk", Amazon S3 API Reference.
TEST(SigV4Test, SignsTheGetOfARange) {
  const SigV4Request request{"GET",
                             "/test.txt",
                             "",
                             {{"host", kHost},
                              {"range", "bytes=0-9"},
                              {"x-amz-content-sha256", Sha256Hex("")},
                              {"x-amz-date", kScope.time}},
                             Sha256Hex("")};
  EXPECT_EQ(SigV4Authorization(request, kScope, kExample),
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4Test, SignsAPutWhosePathNeedsEncoding) {
  const std::string hash = Sha256Hex("Welcome to Amazon S3.");
  const SigV4Request request{"PUT",
                             EncodePath("/test$file.text"),
                             "",
                             {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                              {"host", kHost},
                              {"x-amz-content-sha256", hash},
                              {"x-amz-date", kScope.time},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                             hash};
  EXPECT_THAT(SigV4Authorization(request, kScope, kExample),
              EndsWith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(SigV4Test, SignsAParameterWithoutValue) {
  const SigV4Request request{
      "GET",
      "/",
      EncodeQuery({{"lifecycle", ""}}),
      {{"host", kHost}, {"x-amz-content-sha256", Sha256Hex("")}, {"x-amz-date", kScope.time}},
      Sha256Hex("")};
  EXPECT_THAT(SigV4Authorization(request, kScope, kExample),
              EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(SigV4Test, SignsAListing) {
  const SigV4Request request{
      "GET",
      "/",
      EncodeQuery({{"prefix", "J"}, {"max-keys", "2"}}),
      {{"host", kHost}, {"x-amz-content-sha256", Sha256Hex("")}, {"x-amz-date", kScope.time}},
      Sha256Hex("")};
  EXPECT_THAT(SigV4Authorization(request, kScope, kExample),
              EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// "get-vanilla" of AWS's test suite for Signature Version 4.
TEST(SigV4Test, SignsForOtherServices) {
  const SigV4Request request{
      "GET",
      "/",
      "",
      {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}},
      Sha256Hex("")};
  const AwsCredentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  EXPECT_THAT(
      SigV4Authorization(request, {"us-east-1", "service", "20150830T123600Z"}, credentials),
      EndsWith("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

TEST(SigV4Test, NeverShowsTheSecret) {
  const SigV4Request request{"GET", "/", "", {{"host", kHost}}, Sha256Hex("")};
  EXPECT_THAT(SigV4Authorization(request, kScope, kExample),
              Not(HasSubstr(kExample.secret_access_key)));
}

TEST(SigV4Test, EncodesAsTheStoreExpectsIt) {
  EXPECT_EQ(EncodeUri("a/b c=~é"), "a%2Fb%20c%3D~%C3%A9");
  EXPECT_EQ(EncodePath("/a b/c=1/+*%"), "/a%20b/c%3D1/%2B%2A%25");
  EXPECT_EQ(EncodeQuery({{"prefix", "a/b"}, {"list-type", "2"}, {"Z", ""}}),
            "Z=&list-type=2&prefix=a%2Fb");
  EXPECT_EQ(EncodeQuery({{"a", "2"}, {"a", "1"}}), "a=1&a=2");
  EXPECT_EQ(EncodeQuery({}), "");
  EXPECT_EQ(SigV4Time(1'369'353'600'000'000), "20130524T000000Z");
}

}  // namespace
}  // namespace weir
