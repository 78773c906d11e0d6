#include "model/table_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string Normal(const std::string& path) {
  const auto normal = NormalTablePath(path, "/base/dir");
  return normal.ok() ? *normal : absl::StrCat("refused: ", normal.status().message());
}

TEST(TablePath, HasOneSpelling) {
  EXPECT_EQ(Normal("lake/activity"), "/base/dir/lake/activity");
  EXPECT_EQ(Normal("./lake//activity/"), "/base/dir/lake/activity");
  EXPECT_EQ(Normal("/data/./lake/"), "/data/lake");
  EXPECT_EQ(Normal("file:///data/lake"), "/data/lake");
  EXPECT_EQ(Normal("/a b/ü=1"), "/a b/ü=1");
  EXPECT_EQ(Normal("s3://bucket.name-1/a/b=1/c_d.e/"), "s3://bucket.name-1/a/b=1/c_d.e");
  EXPECT_EQ(Normal("s3://bucket//a/./b"), "s3://bucket/a/b");
}

TEST(TablePath, RefusesWithWhatIsAccepted) {
  EXPECT_EQ(Normal(""), "refused: it is empty");
  for (const char* path : {"../x", "a/../b", "/a/..", "s3://bucket/a/../b", "file:///a/../b"})
    EXPECT_EQ(Normal(path), "refused: it has a '..' segment; write where it leads") << path;
  for (const char* path : {"gs://bucket/a", "http://host/a", "hdfs://a/b", "S3://bucket/a"})
    EXPECT_THAT(Normal(path), HasSubstr("refused: accepted are a directory, file:///")) << path;
  EXPECT_EQ(Normal("s3a://bucket/a"), "refused: write s3://bucket/a");
  EXPECT_THAT(Normal("file://host/a"), HasSubstr("no host"));
  EXPECT_THAT(Normal("s3://"), HasSubstr("names no bucket"));
  EXPECT_THAT(Normal("s3:///a"), HasSubstr("names no bucket"));
  EXPECT_THAT(Normal("s3://bucket/"), HasSubstr("directory of its own"));
  for (const char* path : {"s3://Bucket/a", "s3://b/a", "s3://-bucket/a", "s3://a..b/a"})
    EXPECT_THAT(Normal(path), HasSubstr("can't be a bucket")) << path;
  for (const char* path : {"s3://bucket/a b", "s3://bucket/a?b", "s3://bucket/a#b",
                           "s3://bucket/a%20b", "s3://bucket/*", "s3://bucket/ü"})
    EXPECT_THAT(Normal(path), HasSubstr("made of letters, digits")) << path;
}

TEST(TablePath, NeverRepeatsAPassword) {
  for (const char* path : {"s3://user:hunter2@bucket/a", "s3://hunter2@bucket/a"}) {
    EXPECT_THAT(Normal(path), HasSubstr("takes no user, password or port"));
    EXPECT_THAT(Normal(path), testing::Not(HasSubstr("hunter2")));
    EXPECT_THAT(std::string(CheckTablePath(path).message()), testing::Not(HasSubstr("hunter2")));
  }
}

TEST(TablePath, OnlyTheNormalSpellingPasses) {
  for (const char* path : {"/a/b", "s3://bucket/a"}) EXPECT_TRUE(CheckTablePath(path).ok()) << path;
  for (const char* path : {"a", "/a/", "/a//b", "file:///a", "s3://bucket/a/", ""})
    EXPECT_TRUE(absl::IsInvalidArgument(CheckTablePath(path))) << path;
  EXPECT_TRUE(IsObjectStorePath("s3://bucket/a"));
  EXPECT_FALSE(IsObjectStorePath("/s3://bucket/a"));
}

}  // namespace
}  // namespace weir
