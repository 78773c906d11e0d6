// Every way in which a write or its answer can go astray, answer by answer. The same against real
// HTTP: tests/integration/test_s3_faults.py; against a real store: test_s3.py.
#include "base/s3_blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/failpoint.h"
#include "base/posix_file.h"
#include "base/random.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/scripted_http.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kId[] = "x-amz-meta-weir-id";

std::string Listed(const std::string& key, int size) {
  return "<Contents><Key>" + key + "</Key><Size>" + std::to_string(size) + "</Size></Contents>";
}

class S3BlobStoreTest : public ::testing::Test {
 protected:
  S3BlobStoreTest() : random_(SeededRandom(3)) {
    http_.Answer(200, "<ListBucketResult></ListBucketResult>");
    auto opened = Open("s3://data/p");
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (opened.ok()) store_ = *std::move(opened);
    http_.seen.clear();
  }
  ~S3BlobStoreTest() override { ArmFailpoints("").IgnoreError(); }

  absl::StatusOr<std::unique_ptr<BlobStore>> Open(const std::string& uri) {
    return OpenS3BlobStore(uri,
                           [](const std::string& name) -> std::optional<std::string> {
                             if (name == "AWS_ACCESS_KEY_ID" || name == "AWS_SECRET_ACCESS_KEY")
                               return "key";
                             if (name == "AWS_ENDPOINT_URL") return "http://store";
                             return std::nullopt;
                           },
                           {&http_, nullptr, &clock_, random_.get(),
                            [this](int64_t micros) { clock_.Advance(micros); }, 4, 10'000});
  }
  // To the HEAD after a write: its own object stands there, or another writer's, or none.
  void FindOurs() {
    http_.answers.push_back([this] {
      std::string id;
      for (const auto& seen : http_.seen) {
        if (!seen.Header(kId).empty()) id = seen.Header(kId);
      }
      return HttpReply{200, {{kId, id}, {"etag", "\"ours\""}}, ""};
    });
  }
  void FindAnothers() { http_.Answer(200, "", {{kId, "another"}, {"etag", "\"theirs\""}}); }
  void FindNothing() { http_.Answer(404); }
  void LoseAll() {
    for (int i = 0; i < 10; ++i) http_.Lost();
  }

  std::vector<std::string> Methods() {
    std::vector<std::string> methods;
    for (const auto& seen : http_.seen) methods.push_back(seen.method);
    return methods;
  }
  std::string LocalFile(const std::string& bytes) {
    std::ofstream(directory_ / "local") << bytes;
    return directory_ / "local";
  }

  TemporaryDirectory directory_;
  ScriptedHttp http_;
  FakeClock clock_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(S3BlobStoreTest, CreatesOnlyIfAbsent) {
  http_.Answer(200, "", {{"etag", "\"1\""}});
  EXPECT_TRUE(store_->PutIfAbsent("log/1", "bytes").ok());
  ASSERT_EQ(http_.seen.size(), 1u);
  EXPECT_EQ(http_.seen[0].url, "http://store/data/p/log/1");
  EXPECT_EQ(http_.seen[0].Header("if-none-match"), "*");
  EXPECT_EQ(http_.seen[0].Header(kId).size(), 32u);
}

TEST_F(S3BlobStoreTest, KeepsTheFirstOfTwoPuts) {
  http_.AnswerCode(412, "PreconditionFailed");
  FindAnothers();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kAlreadyExists);
}

// notes: a resend of a PUT that landed gets 412 and looks like defeat.
TEST_F(S3BlobStoreTest, KnowsItsOwnWriteAfterTheAnswerWasLost) {
  http_.Lost();
  http_.AnswerCode(412, "PreconditionFailed");
  FindOurs();
  EXPECT_TRUE(store_->PutIfAbsent("a", "x").ok());
  EXPECT_THAT(Methods(), ElementsAre("PUT", "PUT", "HEAD"));
  EXPECT_EQ(http_.seen[0].Header(kId), http_.seen[1].Header(kId));
}

TEST_F(S3BlobStoreTest, KnowsAnothersWriteAfterAnAnswerWasLost) {
  http_.Lost();
  http_.AnswerCode(412, "PreconditionFailed");
  FindAnothers();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(S3BlobStoreTest, SendsAgainWhatDidNotLand) {
  http_.Lost();
  http_.Answer(200);
  EXPECT_TRUE(store_->PutIfAbsent("a", "x").ok());
  http_.AnswerCode(409, "ConditionalRequestConflict");
  http_.Answer(200);
  EXPECT_TRUE(store_->PutIfAbsent("a", "x").ok());
  http_.AnswerCode(500, "InternalError");
  http_.Answer(200);
  EXPECT_TRUE(store_->PutIfAbsent("a", "x").ok());
}

TEST_F(S3BlobStoreTest, SettlesWhatNoAttemptAnswered) {
  LoseAll();
  FindOurs();
  EXPECT_TRUE(store_->PutIfAbsent("a", "x").ok());
  LoseAll();
  FindAnothers();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kAlreadyExists);
  // One of them may be on its way still.
  LoseAll();
  FindNothing();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnknown);
  LoseAll();
  LoseAll();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, IsUnknownWhenOnlyALaterAttemptWasCertain) {
  http_.Lost();
  http_.AnswerCode(403, "AccessDenied");
  FindNothing();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, IsUnavailableOnlyWhenNothingHappened) {
  for (int i = 0; i < 10; ++i) http_.NotSent();
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnavailable);
  for (int i = 0; i < 10; ++i) http_.AnswerCode(503, "SlowDown");
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(http_.seen.size(), 20u);
}

TEST_F(S3BlobStoreTest, DoesNotCallALackOfRightsRetryable) {
  http_.AnswerCode(403, "AccessDenied");
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kPermissionDenied);
  http_.AnswerCode(404, "NoSuchBucket");
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kFailedPrecondition)
      << "a blob that isn't found is another matter";
}

TEST_F(S3BlobStoreTest, SwapsOnlyTheVersionNamed) {
  http_.Answer(200, "old", {{"etag", "\"1\""}});
  const BlobStore::Versioned read = *store_->GetVersioned("lease");
  EXPECT_EQ(read.bytes, "old");
  http_.Answer(200, "", {{"etag", "\"2\""}});
  EXPECT_EQ(*store_->PutIfVersion("lease", "new", read.version), "\"2\"");
  EXPECT_EQ(http_.seen.back().Header("if-match"), "\"1\"");
  http_.AnswerCode(412, "PreconditionFailed");
  FindAnothers();
  EXPECT_EQ(store_->PutIfVersion("lease", "new", "\"1\"").status().code(),
            absl::StatusCode::kAborted);
  http_.AnswerCode(404, "NoSuchKey");
  FindNothing();
  EXPECT_EQ(store_->PutIfVersion("lease", "new", "\"1\"").status().code(),
            absl::StatusCode::kAborted);
}

TEST_F(S3BlobStoreTest, SettlesASwapWhoseAnswerWasLost) {
  http_.Lost();
  http_.AnswerCode(412, "PreconditionFailed");
  FindOurs();
  EXPECT_EQ(*store_->PutIfVersion("lease", "new", "\"1\""), "\"ours\"");
  // Ours may have landed and been followed.
  http_.Lost();
  http_.AnswerCode(412, "PreconditionFailed");
  FindAnothers();
  EXPECT_EQ(store_->PutIfVersion("lease", "new", "\"1\"").status().code(),
            absl::StatusCode::kUnknown);
  LoseAll();
  FindAnothers();
  EXPECT_EQ(store_->PutIfVersion("lease", "new", "\"1\"").status().code(),
            absl::StatusCode::kUnknown);
  http_.Lost();
  http_.AnswerCode(404, "NoSuchKey");
  FindNothing();
  EXPECT_EQ(store_->PutIfVersion("lease", "new", "\"1\"").status().code(),
            absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, ReplacesWithoutACondition) {
  http_.Answer(200);
  EXPECT_TRUE(store_->Replace("hint", "x").ok());
  EXPECT_EQ(http_.seen[0].Header("if-none-match") + http_.seen[0].Header("if-match"), "");
  LoseAll();
  EXPECT_EQ(store_->Replace("hint", "x").code(), absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, ReadsOrSaysWhyNot) {
  http_.AnswerCode(404, "NoSuchKey");
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  http_.Lost();
  http_.Answer(200, "bytes");
  EXPECT_EQ(*store_->Get("a"), "bytes");
  LoseAll();
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(S3BlobStoreTest, DeletesAlsoWhatIsNotThere) {
  http_.Answer(204);
  EXPECT_TRUE(store_->Delete("a").ok());
  http_.AnswerCode(404, "NoSuchKey");
  EXPECT_TRUE(store_->Delete("a").ok());
  LoseAll();
  EXPECT_EQ(store_->Delete("a").code(), absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, ListsPageByPage) {
  http_.Answer(200, "<L><IsTruncated>true</IsTruncated>" + Listed("p/j/a%2Fx+y", 1) +
                        "<NextContinuationToken>t &amp; 1</NextContinuationToken></L>");
  http_.Answer(200, "<L><IsTruncated>false</IsTruncated>" + Listed("p/j/b", 2) +
                        Listed("p/j/folder/", 0) + "</L>");
  const auto entries = store_->List("j/", "j/a");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].name, "j/a/x y");
  EXPECT_EQ((*entries)[1].name, "j/b");
  EXPECT_EQ((*entries)[1].size, 2);
  EXPECT_EQ(
      http_.seen[0].url,
      "http://store/data?encoding-type=url&list-type=2&prefix=p%2Fj%2F&start-after=p%2Fj%2Fa");
  EXPECT_THAT(http_.seen[1].url, HasSubstr("continuation-token=t%20%26%201"));
}

TEST_F(S3BlobStoreTest, SortsAndSiftsAListing) {
  http_.Answer(200, "<L>" + Listed("p/b", 1) + Listed("p/a", 1) + Listed("p/ab", 1) + "</L>");
  const auto entries = store_->List("a", "a");
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ((*entries)[0].name, "ab");
}

TEST_F(S3BlobStoreTest, RefusesAListingThatMakesNoSense) {
  http_.Answer(200, "<L>" + Listed("q/b", 1) + "</L>");
  EXPECT_EQ(store_->List("", "").status().code(), absl::StatusCode::kInternal);
  http_.Answer(200, "<L><IsTruncated>true</IsTruncated></L>");
  EXPECT_EQ(store_->List("", "").status().code(), absl::StatusCode::kInternal);
  http_.Answer(200, "<L><Contents><Key>p/a</Key></Contents></L>");
  EXPECT_EQ(store_->List("", "").status().code(), absl::StatusCode::kInternal);
}

TEST_F(S3BlobStoreTest, SendsALargeFileInParts) {
  http_.Answer(200, "<R><UploadId>u&amp;1</UploadId></R>");
  http_.Answer(200, "", {{"etag", "\"e1\""}});
  http_.Answer(200, "", {{"etag", "\"e2\""}});
  http_.Answer(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
  EXPECT_TRUE(store_->PutFileIfAbsent("f", LocalFile("abcdef")).ok());
  ASSERT_EQ(http_.seen.size(), 4u);
  EXPECT_EQ(http_.seen[0].url, "http://store/data/p/f?uploads=");
  EXPECT_EQ(http_.seen[0].Header(kId).size(), 32u);
  EXPECT_EQ(http_.seen[1].url, "http://store/data/p/f?partNumber=1&uploadId=u%261");
  EXPECT_EQ(http_.seen[1].body + "|" + http_.seen[2].body, "abcd|ef");
  EXPECT_EQ(http_.seen[3].Header("if-none-match"), "*");
  EXPECT_THAT(http_.seen[3].body, HasSubstr("<PartNumber>2</PartNumber><ETag>&quot;e2&quot;"));
}

TEST_F(S3BlobStoreTest, SendsASmallFileAtOnce) {
  http_.Answer(200);
  EXPECT_TRUE(store_->PutFileIfAbsent("f", LocalFile("abcd")).ok());
  EXPECT_THAT(Methods(), ElementsAre("PUT"));
  EXPECT_EQ(store_->PutFileIfAbsent("f", directory_ / "missing").code(),
            absl::StatusCode::kNotFound);
}

class S3UploadTest : public S3BlobStoreTest {
 protected:
  S3UploadTest() {
    http_.Answer(200, "<R><UploadId>u</UploadId></R>");
    http_.Answer(200, "", {{"etag", "\"e1\""}});
  }
  absl::Status Put() { return store_->PutFileIfAbsent("f", LocalFile("abcdef")); }
};

TEST_F(S3UploadTest, IsAbortedWhenAPartFails) {
  http_.AnswerCode(403, "AccessDenied");
  http_.Answer(204);
  EXPECT_EQ(Put().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Methods(), ElementsAre("POST", "PUT", "PUT", "DELETE"));
}

TEST_F(S3UploadTest, IsNoBlobYetWhenAPartIsLost) {
  LoseAll();
  http_.Answer(204);
  EXPECT_EQ(Put().code(), absl::StatusCode::kUnavailable);
}

TEST_F(S3UploadTest, LosesAgainstAnObjectThatStandsThere) {
  http_.Answer(200);
  http_.AnswerCode(412, "PreconditionFailed");
  http_.Answer(204);  // abort
  FindAnothers();
  EXPECT_EQ(Put().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(S3UploadTest, KnowsItsOwnEndAfterTheAnswerWasLost) {
  http_.Answer(200);
  http_.Lost();
  http_.AnswerCode(404, "NoSuchUpload");
  FindOurs();
  EXPECT_TRUE(Put().ok());
}

TEST_F(S3UploadTest, IsNotAbortedWhileItsEndMayArrive) {
  http_.Answer(200);
  LoseAll();
  FindNothing();
  EXPECT_EQ(Put().code(), absl::StatusCode::kUnknown);
  const std::vector<std::string> methods = Methods();
  EXPECT_EQ(std::count(methods.begin(), methods.end(), "DELETE"), 0);
}

TEST_F(S3UploadTest, TakesAnErrorInsideA200ForWhatItIs) {
  http_.Answer(200);
  http_.AnswerCode(200, "InternalError");
  http_.Answer(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
  EXPECT_TRUE(Put().ok());
}

TEST_F(S3UploadTest, BeginsAgainWhenTheStoreDroppedIt) {
  http_.AnswerCode(404, "NoSuchUpload");
  http_.Answer(200, "<R><UploadId>u2</UploadId></R>");
  http_.Answer(200, "", {{"etag", "\"e1\""}});
  http_.Answer(200, "", {{"etag", "\"e2\""}});
  http_.Answer(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
  EXPECT_TRUE(Put().ok());
  EXPECT_THAT(http_.seen.back().url, HasSubstr("uploadId=u2"));
}

TEST_F(S3BlobStoreTest, FetchesAFile) {
  http_.Answer(200, "content", {{"etag", "\"1\""}, {"content-length", "7"}});
  ASSERT_TRUE(store_->GetToFile("f", directory_ / "out").ok());
  EXPECT_EQ(*ReadFile(directory_ / "out"), "content");
  EXPECT_EQ(store_->GetToFile("f", directory_ / "out").code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(S3BlobStoreTest, FetchesNothingThatIsShorterOrMissing) {
  http_.Answer(200, "cont", {{"content-length", "7"}});
  EXPECT_EQ(store_->GetToFile("f", directory_ / "out").code(), absl::StatusCode::kUnavailable);
  http_.AnswerCode(404, "NoSuchKey");
  EXPECT_EQ(store_->GetToFile("f", directory_ / "out").code(), absl::StatusCode::kNotFound);
  http_.Answer(206, "tent", {{"content-range", "bytes 3-6/7"}});
  for (int i = 0; i < 9; ++i) http_.Lost();
  EXPECT_EQ(store_->GetToFile("f", directory_ / "out").code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

TEST_F(S3BlobStoreTest, TellsACertainFailureFromAnUnknownOutcome) {
  ASSERT_TRUE(ArmFailpoints("blob_store.before_put=error@1;blob_store.after_put=error@1").ok());
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(http_.seen.empty());
  http_.Answer(200);
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnknown);
}

TEST_F(S3BlobStoreTest, RefusesNamesThatLeaveTheStore) {
  for (const std::string name : {"", "/a", "../x", "a//b", "a/"}) {
    EXPECT_EQ(store_->PutIfAbsent(name, "x").code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store_->Get(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store_->Delete(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  std::string deep(200, 'a');
  for (int i = 0; i < 5; ++i) deep += "/" + std::string(200, 'a');
  EXPECT_EQ(store_->Replace(deep, "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(http_.seen.empty());
}

TEST_F(S3BlobStoreTest, IsNotOpenedWhenItCannotBeUsed) {
  for (int i = 0; i < 3; ++i) http_.NotSent();
  absl::Status status = Open("s3://data/p").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("no connection"), HasSubstr("AWS_ENDPOINT_URL")));
  http_.Answer(404, "<html>some web server</html>");
  status = Open("s3://data/p").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("AWS_ENDPOINT_URL"));
  http_.AnswerCode(404, "NoSuchBucket");
  EXPECT_EQ(Open("s3://data/p").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Open("s3://X").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir
