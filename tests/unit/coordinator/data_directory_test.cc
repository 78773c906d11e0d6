#include "coordinator/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/faulty_blob_store.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

TEST(DataDirectoryTest, MarksAnEmptyStoreAndAcceptsItAgain) {
  FaultyBlobStore store;
  ASSERT_TRUE(OpenDataDirectory(&store, "x").ok());
  const auto before = store.Snapshot();
  EXPECT_EQ(before.at("VERSION"), "weir data 1\n");
  EXPECT_TRUE(OpenDataDirectory(&store, "x").ok());
  EXPECT_EQ(store.Snapshot(), before);
}

TEST(DataDirectoryTest, TakesTheMarkOfAnotherCoordinatorForItsOwn) {
  FaultyBlobStore store;
  store.PlanPuts({PutFault::kDoneUnknown});
  EXPECT_TRUE(OpenDataDirectory(&store, "x").ok());
}

TEST(DataDirectoryTest, RefusesWhatIsNotItsOwn) {
  FaultyBlobStore store;
  store.Overwrite("VERSION", "something else");
  EXPECT_EQ(OpenDataDirectory(&store, "x").code(), absl::StatusCode::kDataLoss);
  store.Overwrite("VERSION", "weir data 99\n");
  EXPECT_EQ(OpenDataDirectory(&store, "x").code(), absl::StatusCode::kFailedPrecondition);
}

class WithoutConditions : public FaultyBlobStore {
 public:
  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    if (honours_absence) return FaultyBlobStore::PutIfAbsent(name, bytes);
    return Replace(name, bytes);
  }
  absl::StatusOr<std::string> PutIfVersion(const std::string& name, std::string_view bytes,
                                           const std::string& version) override {
    if (honours_versions) return FaultyBlobStore::PutIfVersion(name, bytes, version);
    Overwrite(name, std::string(bytes));
    return GetVersioned(name)->version;
  }
  bool honours_absence = true;
  bool honours_versions = true;
};

TEST(DataDirectoryTest, RefusesAStoreThatIgnoresConditions) {
  WithoutConditions store;
  ASSERT_TRUE(OpenDataDirectory(&store, "s3://b").ok());
  store.honours_absence = false;
  absl::Status status = OpenDataDirectory(&store, "s3://b");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("If-None-Match is ignored"));
  store.honours_absence = true;
  store.honours_versions = false;
  status = OpenDataDirectory(&store, "s3://b");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("If-Match is ignored"));
  EXPECT_EQ(store.Snapshot().at("VERSION"), "weir data 1\n") << "the mark stays what it was";
}

TEST(DataDirectoryTest, AsksAgainWhatIsUnknown) {
  FaultyBlobStore store;
  ASSERT_TRUE(OpenDataDirectory(&store, "x").ok());
  store.PlanPuts({PutFault::kNone, PutFault::kLost, PutFault::kLost});
  EXPECT_TRUE(OpenDataDirectory(&store, "x").ok());
  store.PlanPuts(std::deque<PutFault>(6, PutFault::kLost));
  EXPECT_EQ(OpenDataDirectory(&store, "x").code(), absl::StatusCode::kUnknown);
}

TEST(DataDirectoryTest, DoesNotStartOnAStoreThatDoesNotAnswer) {
  FaultyBlobStore store;
  store.FailGets(1);
  EXPECT_EQ(OpenDataDirectory(&store, "x").code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(OpenDataDirectory(&store, "x").ok());
  store.PlanPuts({PutFault::kNone, PutFault::kUnavailable});
  EXPECT_EQ(OpenDataDirectory(&store, "x").code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weir
