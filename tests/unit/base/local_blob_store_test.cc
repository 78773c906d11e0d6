#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/posix_file.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LocalBlobStoreTest : public ::testing::Test {
 protected:
  LocalBlobStoreTest() { store_ = *OpenLocalBlobStore(directory_ / "data"); }
  ~LocalBlobStoreTest() override { ArmFailpoints("").IgnoreError(); }

  std::vector<std::string> Names(const std::string& prefix, const std::string& after = "") {
    std::vector<std::string> names;
    const std::vector<BlobStore::Entry> entries = *store_->List(prefix, after);
    for (const BlobStore::Entry& entry : entries) names.push_back(entry.name);
    return names;
  }
  std::vector<std::string> Temporaries() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "data/.weir-tmp"))
      names.push_back(entry.path().filename());
    return names;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(LocalBlobStoreTest, GivesBackWhatWasPut) {
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(store_->PutIfAbsent("jobs/j/log/1", bytes).ok());
  EXPECT_EQ(*store_->Get("jobs/j/log/1"), bytes);
  ASSERT_TRUE(store_->PutIfAbsent("empty", "").ok());
  EXPECT_EQ(*store_->Get("empty"), "");
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(LocalBlobStoreTest, KeepsTheFirstOfTwoPuts) {
  ASSERT_TRUE(store_->PutIfAbsent("a", "first").ok());
  EXPECT_EQ(store_->PutIfAbsent("a", "second").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*store_->Get("a"), "first");
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(LocalBlobStoreTest, LetsOneOfManyWritersWin) {
  constexpr int kWriters = 8;
  for (int round = 0; round < 20; ++round) {
    const std::string name = "log/" + std::to_string(round);
    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    std::string winner;
    std::vector<std::thread> threads;
    for (int i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, i] {
        const absl::Status status = store_->PutIfAbsent(name, std::to_string(i));
        if (status.ok()) {
          ++winners;
          winner = std::to_string(i);
        } else if (absl::IsAlreadyExists(status)) {
          ++losers;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, kWriters - 1);
    EXPECT_EQ(*store_->Get(name), winner);
  }
}

TEST_F(LocalBlobStoreTest, SaysNotFound) {
  ASSERT_TRUE(store_->PutIfAbsent("a/b", "x").ok());
  EXPECT_EQ(store_->Get("missing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound) << "a folder";
  EXPECT_EQ(store_->Get("a/b/c").status().code(), absl::StatusCode::kNotFound) << "below a blob";
  EXPECT_EQ(store_->GetToFile("missing", directory_ / "out").code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

TEST_F(LocalBlobStoreTest, RefusesNamesThatLeaveTheStore) {
  for (const std::string name : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.",
                                 ".weir-tmp/x", ".weir-tmp"}) {
    EXPECT_EQ(store_->PutIfAbsent(name, "x").code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store_->Get(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store_->Delete(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(store_->PutIfAbsent(std::string("a\0b", 3), "").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->PutIfAbsent(std::string(256, 'a'), "").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->List("../", "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LocalBlobStoreTest, RefusesABlobBelowABlob) {
  ASSERT_TRUE(store_->PutIfAbsent("a", "x").ok());
  EXPECT_EQ(store_->PutIfAbsent("a/b", "y").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(LocalBlobStoreTest, ListsInByteOrder) {
  // In a walk "a/" comes before "a.b" or after it, by luck; in bytes '.' < '/'.
  for (const char* name : {"j/a/x", "j/a.b", "j/a0", "k/1"})
    ASSERT_TRUE(store_->PutIfAbsent(name, "1").ok());
  EXPECT_THAT(Names(""), ElementsAre("j/a.b", "j/a/x", "j/a0", "k/1"));
  EXPECT_THAT(Names("j/"), ElementsAre("j/a.b", "j/a/x", "j/a0"));
  EXPECT_THAT(Names("j/a/"), ElementsAre("j/a/x"));
  EXPECT_THAT(Names("j/a"), ElementsAre("j/a.b", "j/a/x", "j/a0"));
  EXPECT_THAT(Names("j/a", "j/a/x"), ElementsAre("j/a0"));
  EXPECT_THAT(Names("nothing/here"), IsEmpty());
}

TEST_F(LocalBlobStoreTest, ListsSizesAndStartsAfterARecord) {
  for (int i = 1; i <= 12; ++i) {
    char name[40];
    std::snprintf(name, sizeof(name), "jobs/j/log/%020d", i);
    ASSERT_TRUE(store_->PutIfAbsent(name, std::string(i, 'x')).ok());
  }
  const auto entries = *store_->List("jobs/j/log/", "jobs/j/log/00000000000000000009");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "jobs/j/log/00000000000000000010");
  EXPECT_EQ(entries[0].size, 10);
  EXPECT_EQ(entries[2].size, 12);
}

TEST_F(LocalBlobStoreTest, StoresAFileAndGivesItBackAsOne) {
  const std::string local = directory_ / "local.sst";
  std::ofstream(local) << "content";
  ASSERT_TRUE(store_->PutFileIfAbsent("state/1.sst", local).ok());
  EXPECT_EQ(*store_->Get("state/1.sst"), "content");
  EXPECT_TRUE(std::filesystem::exists(local));
  // The blob is the same file by now; a second put is refused all the same.
  EXPECT_EQ(store_->PutFileIfAbsent("state/1.sst", local).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->PutFileIfAbsent("state/2.sst", directory_ / "missing").code(),
            absl::StatusCode::kNotFound);

  const std::string fetched = directory_ / "fetched.sst";
  ASSERT_TRUE(store_->GetToFile("state/1.sst", fetched).ok());
  EXPECT_EQ(*ReadFile(fetched), "content");
  EXPECT_EQ(store_->GetToFile("state/1.sst", fetched).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(LocalBlobStoreTest, ABlobOutlivesTheFileItCameFrom) {
  const std::string local = directory_ / "local.sst";
  std::ofstream(local) << "content";
  ASSERT_TRUE(store_->PutFileIfAbsent("state/1.sst", local).ok());
  std::filesystem::remove(local);
  EXPECT_EQ(*store_->Get("state/1.sst"), "content");
}

TEST_F(LocalBlobStoreTest, DeletesAlsoWhatIsNotThere) {
  ASSERT_TRUE(store_->PutIfAbsent("a/b", "x").ok());
  EXPECT_TRUE(store_->Delete("a/b").ok());
  EXPECT_EQ(store_->Get("a/b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->Delete("a/b").ok());
  EXPECT_TRUE(store_->Delete("a").ok());
  EXPECT_TRUE(store_->PutIfAbsent("a/b", "again").ok());
}

TEST_F(LocalBlobStoreTest, ReplacesOnlyTheVersionNamed) {
  ASSERT_TRUE(store_->PutIfAbsent("lease", "owner a, 1").ok());
  const BlobStore::Versioned first = *store_->GetVersioned("lease");
  EXPECT_EQ(first.bytes, "owner a, 1");
  const auto second = store_->PutIfVersion("lease", "owner a, 2", first.version);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(*second, first.version);
  EXPECT_EQ(store_->GetVersioned("lease")->version, *second);
  EXPECT_EQ(store_->PutIfVersion("lease", "owner b, 1", first.version).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(*store_->Get("lease"), "owner a, 2");
  EXPECT_TRUE(store_->PutIfVersion("lease", "owner a, 3", *second).ok());
  EXPECT_THAT(Names(""), ElementsAre("lease"));
  EXPECT_THAT(Temporaries(), ElementsAre("lock"));
}

TEST_F(LocalBlobStoreTest, DoesNotBringBackWhatWasDeleted) {
  ASSERT_TRUE(store_->PutIfAbsent("lease", "a").ok());
  const std::string version = store_->GetVersioned("lease")->version;
  ASSERT_TRUE(store_->Delete("lease").ok());
  EXPECT_EQ(store_->PutIfVersion("lease", "b", version).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(store_->PutIfVersion("lease/below", "b", version).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(store_->GetVersioned("lease").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->PutIfVersion("../lease", "b", version).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LocalBlobStoreTest, LetsOneOfManySwapsOfAVersionWin) {
  constexpr int kWriters = 8;
  constexpr int kRounds = 20;
  ASSERT_TRUE(store_->PutIfAbsent("lease", "start").ok());
  for (int round = 0; round < kRounds; ++round) {
    const std::string version = store_->GetVersioned("lease")->version;
    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    std::atomic<int> winner{-1};
    std::vector<std::thread> threads;
    for (int i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, i] {
        const auto swapped = store_->PutIfVersion("lease", absl::StrCat(round, " by ", i), version);
        if (swapped.ok()) {
          ++winners;
          winner = i;
        } else if (absl::IsAborted(swapped.status())) {
          ++losers;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, kWriters - 1);
    EXPECT_EQ(*store_->Get("lease"), absl::StrCat(round, " by ", winner.load()));
  }
}

TEST_F(LocalBlobStoreTest, ReplacesWhateverIsThere) {
  ASSERT_TRUE(store_->Replace("log/hint", "1").ok());
  EXPECT_EQ(*store_->Get("log/hint"), "1");
  ASSERT_TRUE(store_->Replace("log/hint", "2").ok());
  EXPECT_EQ(*store_->Get("log/hint"), "2");
  EXPECT_EQ(store_->Replace("log/hint/x", "3").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Replace("a//b", "3").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Temporaries(), ElementsAre("lock"));
}

TEST_F(LocalBlobStoreTest, TellsACertainFailureOfASwapFromAnUnknownOne) {
  ASSERT_TRUE(store_->PutIfAbsent("a", "x").ok());
  const std::string version = store_->GetVersioned("a")->version;
  ASSERT_TRUE(
      ArmFailpoints("blob_store.before_rename=error@1;blob_store.after_rename=error@1").ok());
  EXPECT_EQ(store_->PutIfVersion("a", "y", version).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(*store_->Get("a"), "x");
  EXPECT_EQ(store_->PutIfVersion("a", "y", version).status().code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(*store_->Get("a"), "y") << "the swap had happened";
}

TEST_F(LocalBlobStoreTest, GivesUpOnALockThatAStoppedProcessHolds) {
  ASSERT_TRUE(store_->Replace("a", "x").ok());
  const int file = open((directory_ / "data/.weir-tmp/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(file, LOCK_EX), 0);
  EXPECT_EQ(store_->Replace("a", "y").code(), absl::StatusCode::kUnavailable);
  close(file);
  EXPECT_TRUE(store_->Replace("a", "y").ok());
}

TEST_F(LocalBlobStoreTest, TellsACertainFailureFromAnUnknownOutcome) {
  ASSERT_TRUE(ArmFailpoints("blob_store.before_link=error@1;blob_store.after_link=error@1").ok());
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->PutIfAbsent("a", "x").code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(*store_->Get("a"), "x") << "the write had happened";
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(LocalBlobStoreTest, SweepsOnlyOldTemporaries) {
  const std::string old_file = directory_ / "data/.weir-tmp/old";
  const std::string new_file = directory_ / "data/.weir-tmp/new";
  std::ofstream(old_file) << "x";
  std::ofstream(new_file) << "x";
  const std::string lock = directory_ / "data/.weir-tmp/lock";
  std::ofstream(lock) << "";
  for (const std::string& file : {old_file, lock}) {
    std::filesystem::last_write_time(
        file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(48));
  }
  ASSERT_TRUE(OpenLocalBlobStore(directory_ / "data").ok());
  EXPECT_THAT(Temporaries(), UnorderedElementsAre("new", "lock"));
}

TEST(LocalBlobStoreAtTest, MakesNothingBeforeTheFirstWrite) {
  TemporaryDirectory directory;
  const auto store = LocalBlobStoreAt(directory / "a/b/");
  EXPECT_TRUE(store->List("", "")->empty());
  EXPECT_EQ(store->Get("x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->Size("x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  ASSERT_TRUE(store->PutIfAbsent("c/x", "12345").ok());
  EXPECT_EQ(*store->Size("c/x"), 5);
  EXPECT_EQ(store->Size("c").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*LocalBlobStoreAt(directory / "a/b")->Get("c/x"), "12345");
  EXPECT_TRUE(LocalBlobStoreAt(directory / "a/b")->Delete("c/x").ok());
  EXPECT_EQ(store->Get("c/x").status().code(), absl::StatusCode::kNotFound);
}

TEST(OpenBlobStoreTest, AcceptsPathsAndFileUris) {
  TemporaryDirectory directory;
  auto by_uri = OpenBlobStore("file://" + (directory / "data"));
  ASSERT_TRUE(by_uri.ok()) << by_uri.status();
  ASSERT_TRUE((*by_uri)->PutIfAbsent("a", "x").ok());
  auto by_path = OpenBlobStore((directory / "data") + "/");
  ASSERT_TRUE(by_path.ok());
  EXPECT_EQ(*(*by_path)->Get("a"), "x");
}

TEST(OpenBlobStoreTest, NamesWhatItCannotOpen) {
  TemporaryDirectory directory;
  const absl::Status scheme = OpenBlobStore("gs://bucket/x").status();
  EXPECT_EQ(scheme.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(scheme.message()), AllOf(HasSubstr("gs"), HasSubstr("file:///")));
  EXPECT_EQ(OpenBlobStore("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenBlobStore("file://host/x").status().code(), absl::StatusCode::kInvalidArgument);

  std::ofstream(directory / "file") << "x";
  const absl::Status not_a_directory = OpenBlobStore(directory / "file").status();
  EXPECT_EQ(not_a_directory.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(not_a_directory.message()), HasSubstr(directory / "file"));
}

}  // namespace
}  // namespace weir
