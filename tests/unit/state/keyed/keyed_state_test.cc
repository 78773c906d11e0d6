#include "state/keyed/keyed_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/io_pool.h"
#include "base/random.h"
#include "state/keyed/file_merge_policy.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using Entries = std::map<std::string, std::string>;

std::string Key(uint64_t time, int group, const std::string& rest) {
  time |= uint64_t{1} << 63;  // sign flipped
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(time >> shift);
  key += static_cast<char>(group >> 8);
  key += static_cast<char>(group);
  return key + rest;
}

class KeyedStateTest : public testing::Test {
 protected:
  std::shared_ptr<KeyedState> Make(KeyGroupRange range, std::string schema = "v1") {
    KeyedStateOptions options;
    options.job = "job-1";
    options.state_id = "abc";
    options.schema = std::move(schema);
    options.generation = 7;
    options.key_groups = range;
    options.directory = local_.path();
    options.blobs = &blobs_;
    options.random = random_.get();
    options.io = io_.get();
    return MakeKeyedState(std::move(options));
  }
  static OperatorState State(std::vector<StateFile> files, KeyGroupRange range) {
    OperatorState state;
    state.state_id = "abc";
    state.schema = "v1";
    state.key_groups = range;
    state.files = std::move(files);
    return state;
  }
  static absl::Status Append(KeyedState& state, const Entries& entries, uint32_t run = 0) {
    return state
        .Append(run,
                [&](PutStateEntry put) {
                  for (const auto& [key, value] : entries) {
                    absl::Status status = put({key, value});
                    if (!status.ok()) return status;
                  }
                  return absl::OkStatus();
                })
        .status();
  }
  std::vector<StateFile> Checkpoint(KeyedState& state, uint64_t dead_before = 0) {
    auto files = state.Checkpoint(CheckpointId(++checkpoint_), Time(dead_before) - 1);
    EXPECT_TRUE(files.ok()) << files.status();
    return *std::move(files);
  }
  // The time that Key(time, ...) begins with.
  static int64_t Time(uint64_t time) { return StateTimeOf(Key(time, 0, "")); }
  static absl::StatusOr<Entries> All(KeyedState& state, uint64_t dead_before = 0) {
    return Collect(state.ReadAll(Time(dead_before) - 1), 0);
  }
  // Checks the order, too: by what follows the first `from` bytes.
  static absl::StatusOr<Entries> Collect(absl::StatusOr<std::unique_ptr<StateCursor>> cursor,
                                         size_t from) {
    if (!cursor.ok()) return cursor.status();
    Entries entries;
    std::string last;
    for (; (*cursor)->Valid(); (*cursor)->Next()) {
      const StateEntry entry = (*cursor)->entry();
      const std::string order =
          std::string(entry.key.substr(from)) + std::string(entry.key.substr(0, from));
      EXPECT_TRUE(entries.empty() || last < order);
      last = order;
      EXPECT_TRUE(entries.emplace(entry.key, entry.value).second);
    }
    if (!(*cursor)->status().ok()) return (*cursor)->status();
    return entries;
  }
  absl::Status RestoreStatus(const OperatorState& state) {
    std::filesystem::remove_all(local_.path());
    std::filesystem::create_directory(local_.path());
    return Make(state.key_groups)->Restore({state}).status();
  }
  size_t LocalFiles() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(local_.path()),
                                             std::filesystem::directory_iterator()));
  }

  TemporaryDirectory local_;
  FaultyBlobStore blobs_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
  std::unique_ptr<IoPool> io_ = MakeIoPool("io", 3);
  int64_t checkpoint_ = 0;
};

TEST_F(KeyedStateTest, AStateThatBeginsEmptyHasNoSchemaYet) {
  OperatorState begins;
  begins.state_id = "agg";
  begins.key_groups = {0, 4096};
  EXPECT_EQ(RestoreStatus(begins), absl::OkStatus());
  begins.schema = "v0";
  EXPECT_TRUE(absl::IsFailedPrecondition(RestoreStatus(begins))) << "another one is another one";
  begins.schema.clear();
  begins.files.emplace_back();
  EXPECT_TRUE(absl::IsFailedPrecondition(RestoreStatus(begins))) << "files of who knows what";
}

TEST_F(KeyedStateTest, NothingWrittenNothingStored) {
  auto state = Make({0, 4096});
  EXPECT_TRUE(Append(*state, {}).ok());
  EXPECT_TRUE(Checkpoint(*state).empty());
  EXPECT_TRUE(blobs_.Snapshot().empty());
  EXPECT_EQ(LocalFiles(), 0u);
  EXPECT_TRUE(All(*state)->empty());
}

TEST_F(KeyedStateTest, NamesFilesUnderTheJob) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "k"), "v"}}).ok());
  EXPECT_TRUE(blobs_.Snapshot().empty()) << "stored by the next checkpoint";
  const std::vector<StateFile> files = Checkpoint(*state);
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(blobs_.Snapshot().size(), 1u);
  const auto [name, bytes] = *blobs_.Snapshot().begin();
  EXPECT_EQ(name, "jobs/job-1/" + files[0].path);
  EXPECT_EQ(files[0].path.substr(0, 28), "state/abc/0000000007-0-4096-");
  EXPECT_EQ(files[0].size, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(files[0].checksum.size(), 32u);
  EXPECT_EQ(files[0].key_groups, (KeyGroupRange{0, 4096}));
  EXPECT_EQ(state->size().files, 1);
  EXPECT_EQ(state->size().bytes, files[0].size);
  EXPECT_EQ(Checkpoint(*state), files) << "what is stored isn't stored again";
  EXPECT_EQ(blobs_.Snapshot().size(), 1u);
}

TEST_F(KeyedStateTest, LaterFilesOverrideEarlierOnes) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"}, {Key(5, 1, "b"), "1"}}).ok());
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "b"), "2"}, {Key(6, 1, "c"), "2"}}).ok());
  EXPECT_EQ(*All(*state),
            (Entries{{Key(5, 1, "a"), "1"}, {Key(5, 1, "b"), "2"}, {Key(6, 1, "c"), "2"}}));
}

TEST_F(KeyedStateTest, FilesOfDeadTimesAreDropped) {
  auto state = Make({0, 4096});
  const std::string undying = StateTimeBytes(kUndyingTime) + Key(0, 7, "").substr(8);
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"}, {Key(6, 1, "a"), "1"}}).ok());
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "b"), "1"}}).ok());
  ASSERT_TRUE(Append(*state, {{undying, "kept"}, {Key(4, 1, "b"), "1"}}).ok());
  EXPECT_EQ(Checkpoint(*state, 5).size(), 3u);
  EXPECT_EQ(Checkpoint(*state, 6).size(), 2u);
  EXPECT_EQ(*All(*state, 6), (Entries{{undying, "kept"}, {Key(6, 1, "a"), "1"}}));
  EXPECT_EQ(Checkpoint(*state, 7).size(), 1u);
}

TEST_F(KeyedStateTest, LocalCopiesStayWhileAPublishedCheckpointNamesThem) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"}}).ok());
  Checkpoint(*state);
  Checkpoint(*state, 6);  // without the file
  EXPECT_EQ(LocalFiles(), 1u);
  state->Published(CheckpointId(1));
  state.reset();
  io_.reset();  // waits for removals
  EXPECT_EQ(LocalFiles(), 1u);
}

TEST_F(KeyedStateTest, LocalCopiesGoWithTheFirstCheckpointWithoutThem) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"}}).ok());
  ASSERT_TRUE(Append(*state, {{Key(9, 1, "a"), "1"}}).ok());
  Checkpoint(*state);
  Checkpoint(*state, 6);
  state->Published(CheckpointId(2));
  state.reset();
  io_.reset();
  EXPECT_EQ(LocalFiles(), 1u);
}

TEST_F(KeyedStateTest, LocalCopiesAreUsedWhenTheyAreRight) {
  auto state = Make({0, 4096});
  for (int f = 0; f < 4; ++f) {
    ASSERT_TRUE(Append(*state, {{Key(5, f, "a"), "1"}}).ok());
  }
  const std::vector<StateFile> files = Checkpoint(*state);
  // With the store gone, the local files are enough.
  for (const StateFile& file : files) ASSERT_TRUE(blobs_.Delete("jobs/job-1/" + file.path).ok());
  auto again = Make({0, 4096});
  ASSERT_TRUE(again->Restore({State(files, {0, 4096})}).ok());
  EXPECT_EQ(All(*again)->size(), 4u);
  // One altered bit, and it isn't taken.
  const std::string local = local_.path() + "/" + files[2].path.substr(10);
  std::fstream(local, std::ios::in | std::ios::out | std::ios::binary).seekp(10).put('x');
  absl::Status status = Make({0, 4096})->Restore({State(files, {0, 4096})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_FALSE(std::filesystem::exists(local));
}

TEST_F(KeyedStateTest, ReadsTimesInTheOrderOfKeys) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"},
                              {Key(6, 1, "a"), "1"},
                              {Key(6, 1, "b"), "1"},
                              {Key(7, 0, "z"), "1"}})
                  .ok());
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "b"), "2"}, {Key(6, 1, "a"), "2"}}).ok());
  auto cursor = state->Read({Time(5), Time(6)});
  ASSERT_TRUE(cursor.ok());
  std::vector<std::string> seen;
  for (; (*cursor)->Valid(); (*cursor)->Next()) {
    const StateEntry entry = (*cursor)->entry();
    seen.push_back(absl::StrCat(static_cast<int>(entry.key[7]), std::string(entry.key.substr(10)),
                                std::string(entry.value)));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"5a1", "6a2", "5b2", "6b1"}));
  EXPECT_TRUE(Collect(state->Read({Time(8)}), 8)->empty());
}

// Tasks come and go; each goes on from what the ones before it wrote, over any ranges, while files
// are merged; at any moment all reads agree with a model.
TEST_F(KeyedStateTest, RestoresWhatWasWrittenOverRandomHistories) {
  int64_t rewritten = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    Entries model;
    std::vector<OperatorState> stored = {State({}, {0, 4096})};
    uint64_t dead_before = 0;
    for (int generation = 0; generation < 6; ++generation) {
      const int tasks = generation == 0 ? 1 : static_cast<int>(1 + random() % 3);
      std::vector<OperatorState> next;
      for (int t = 0; t < tasks; ++t) {
        const KeyGroupRange range = KeyGroupsOfTask(t, tasks);
        auto state = Make(range);
        auto found = state->Restore(stored);
        ASSERT_TRUE(found.ok()) << found.status();
        Entries own;
        std::set<int64_t> times;
        for (auto& [key, value] : model) {
          if (!range.Contains(StateGroupOf(key))) continue;
          own.emplace(key, value);
          times.insert(StateTimeOf(key));
        }
        ASSERT_EQ(*All(*state, dead_before), own);
        for (int64_t time : times) {
          EXPECT_TRUE(std::count(found->times.begin(), found->times.end(), time) == 1);
        }
        std::vector<StateFile> files;
        for (int epoch = 0, epochs = static_cast<int>(random() % 30); epoch <= epochs; ++epoch) {
          Entries changed;
          for (uint64_t n = random() % 30; n > 0; --n) {
            int group = range.begin + static_cast<int>(random() % (range.end - range.begin));
            changed[Key(dead_before + random() % 16, group, absl::StrCat("k", random() % 5))] =
                absl::StrCat(random());
          }
          for (auto& [key, value] : changed) own[key] = value;
          ASSERT_TRUE(Append(*state, changed, 3).ok());
          if (random() % 4 != 0) continue;
          files = Checkpoint(*state, dead_before);
          while (*state->MergeFiles()) {
          }
          EXPECT_LE(files.size(), static_cast<size_t>(2 * kStateFilesMax));
          state->Published(CheckpointId(checkpoint_));
          ASSERT_EQ(*All(*state, dead_before), own);
          Entries window;
          const std::vector<int64_t> read = {Time(dead_before), Time(dead_before + 3)};
          for (auto& [key, value] : own) {
            if (std::count(read.begin(), read.end(), StateTimeOf(key)) > 0) window[key] = value;
          }
          ASSERT_EQ(*Collect(state->Read(read), 8), window);
        }
        next.push_back(State(Checkpoint(*state, dead_before), range));
        rewritten += state->size().rewritten_bytes;
        std::erase_if(model,
                      [&](const auto& entry) { return range.Contains(StateGroupOf(entry.first)); });
        model.insert(own.begin(), own.end());
      }
      stored = std::move(next);
      dead_before += random() % 6;
      std::erase_if(model, [&](const auto& e) { return StateTimeOf(e.first) < Time(dead_before); });
    }
  }
  EXPECT_GT(rewritten, 0);
}

TEST_F(KeyedStateTest, TellsTheLargestRun) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "a"), "1"}}, 41).ok());
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "b"), "1"}}, 3).ok());
  auto found = Make({0, 4096})->Restore({State(Checkpoint(*state), {0, 4096})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->last_run, 41u);
  EXPECT_EQ(found->entries, 2);
  EXPECT_EQ(found->times, std::vector<int64_t>{Time(5)});
}

TEST_F(KeyedStateTest, AppendsGoOnWhileFilesAreMerged) {
  auto state = Make({0, 4096});
  Entries model;
  absl::Notification done, stopped;
  io_->Run([&] {
    while (!done.HasBeenNotified()) EXPECT_EQ(state->MergeFiles().status(), absl::OkStatus());
    stopped.Notify();
  });
  for (int i = 0; i < 400; ++i) {
    const Entries changed = {{Key(5, i % 50, "k"), absl::StrCat(i)}};
    ASSERT_TRUE(Append(*state, changed).ok());
    model[changed.begin()->first] = changed.begin()->second;
    if (i % 20 == 0) {
      ASSERT_EQ(*All(*state), model);
      Checkpoint(*state);
      state->Published(CheckpointId(checkpoint_));
    }
  }
  done.Notify();
  stopped.WaitForNotification();
  EXPECT_EQ(*All(*state), model);
  EXPECT_GT(state->size().rewritten_bytes, 0);
}

TEST_F(KeyedStateTest, MissingShortAndAlteredFilesAreNamed) {
  auto state = Make({0, 4096});
  std::vector<StateFile> files;
  std::mt19937_64 random(11);
  for (int f = 0; f < 2; ++f) {
    Entries entries;
    for (int i = 0; i < 300; ++i) entries[Key(5, i, absl::StrCat(f))] = absl::StrCat(random());
    ASSERT_TRUE(Append(*state, entries).ok());
  }
  files = Checkpoint(*state);
  const OperatorState stored = State(files, {0, 4096});
  ASSERT_TRUE(RestoreStatus(stored).ok());
  for (const StateFile& file : files) {
    const std::string name = "jobs/job-1/" + file.path;
    const std::string good = *blobs_.Get(name);
    auto expect_data_loss = [&](const std::string& what) {
      absl::Status status = RestoreStatus(stored);
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what << ": " << status;
      EXPECT_NE(std::string(status.message()).find(name), std::string::npos) << status;
    };
    for (size_t size : {size_t{0}, size_t{1}, good.size() / 2, good.size() - 1}) {
      blobs_.Overwrite(name, good.substr(0, size));
      expect_data_loss(absl::StrCat("cut to ", size));
    }
    blobs_.Overwrite(name, good + "x");
    expect_data_loss("one byte more");
    for (int flips = 0; flips < 20; ++flips) {
      std::string bad = good;
      size_t at = random() % bad.size();
      bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
      blobs_.Overwrite(name, bad);
      expect_data_loss(absl::StrCat("bit of byte ", at));
    }
    ASSERT_TRUE(blobs_.Delete(name).ok());
    expect_data_loss("deleted");
    blobs_.Overwrite(name, good);
  }
  EXPECT_TRUE(RestoreStatus(stored).ok());
}

TEST_F(KeyedStateTest, AnotherSchemaIsRefused) {
  absl::Status status = Make({0, 4096}, "v2")->Restore({State({}, {0, 4096})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("\"v1\""), std::string::npos);
  EXPECT_NE(std::string(status.message()).find("\"v2\""), std::string::npos);
}

// Peers, row 14 (SPARK-43404, SPARK-47036): a checkpoint that is made again leaves a file of the
// same name and size but other content, and the wrong one of the two is read.
TEST_F(KeyedStateTest, Row14AnAttemptMadeAgainWritesUnderAnotherName) {
  std::vector<StateFile> written;
  for (const char* value : {"old", "new"}) {
    checkpoint_ = 0;
    auto state = Make({0, 4096});  // of the same generation
    ASSERT_TRUE(Append(*state, {{Key(5, 1, "k"), value}}).ok());
    written.push_back(Checkpoint(*state).at(0));
  }
  EXPECT_EQ(written[0].size, written[1].size);
  EXPECT_NE(written[0].path, written[1].path);
  EXPECT_NE(written[0].checksum, written[1].checksum);
  for (const size_t i : {0u, 1u}) {
    auto state = Make({0, 4096});
    ASSERT_TRUE(state->Restore({State({written[i]}, {0, 4096})}).ok());
    EXPECT_EQ(*All(*state), (Entries{{Key(5, 1, "k"), i == 0 ? "old" : "new"}}));
  }
}

TEST_F(KeyedStateTest, UploadsSurviveLostAnswers) {
  auto state = Make({0, 4096});
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "k"), "v"}}).ok());
  blobs_.PlanPuts({PutFault::kDoneUnknown});
  EXPECT_EQ(Checkpoint(*state).size(), 1u);
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "k"), "v"}}).ok());
  blobs_.PlanPuts({PutFault::kLost, PutFault::kUnavailable});
  EXPECT_EQ(Checkpoint(*state).size(), 2u);
  EXPECT_EQ(blobs_.Snapshot().size(), 2u);
  ASSERT_TRUE(Append(*state, {{Key(5, 1, "k"), "v"}}).ok());
  blobs_.PlanPuts({PutFault::kDenied});
  EXPECT_EQ(state->Checkpoint(CheckpointId(9), kUndyingTime).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Checkpoint(*state).size(), 3u) << "the next one may have more luck";
}

TEST_F(KeyedStateTest, AProducersErrorLeavesNothingBehind) {
  auto state = Make({0, 4096});
  auto written = state->Append(0, [](PutStateEntry put) {
    EXPECT_TRUE(put({Key(5, 1, "k"), "v"}).ok());
    return absl::OutOfRangeError("no");
  });
  EXPECT_EQ(written.status().message(), "no");
  EXPECT_EQ(LocalFiles(), 0u);
  EXPECT_EQ(state->size().files, 0);
}

TEST_F(KeyedStateTest, AnUnwritableDirectoryNamesTheFile) {
  std::filesystem::remove_all(local_.path());
  absl::Status status = Append(*Make({0, 4096}), {{Key(5, 1, "k"), "v"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(status.message()).find(local_.path()), std::string::npos) << status;
}

}  // namespace
}  // namespace weir
