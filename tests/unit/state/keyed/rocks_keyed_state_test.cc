#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "state/keyed/keyed_state.h"
#include "tests/fakes/faulty_blob_store.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using Entries = std::map<std::string, std::string>;

std::string Key(uint64_t time, int group, const std::string& rest) {
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(time >> shift);
  key += static_cast<char>(group >> 8);
  key += static_cast<char>(group);
  return key + rest;
}

void Put(StateDelta& delta, std::string_view key, std::string_view value) {
  StateDelta::Span span{delta.arena.size(), key.size(), delta.arena.size() + key.size(),
                        value.size()};
  delta.arena.append(key).append(value);
  delta.entries.push_back(span);
}

class KeyedStateTest : public testing::Test {
 protected:
  std::unique_ptr<KeyedState> Make(KeyGroupRange range, std::string schema = "v1") {
    KeyedStateOptions options;
    options.job = "job-1";
    options.state_id = "abc";
    options.schema = std::move(schema);
    options.generation = 7;
    options.key_groups = range;
    options.cache_directory = cache_.path();
    options.blobs = &blobs_;
    options.random = random_.get();
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
  static absl::StatusOr<Entries> Restored(KeyedState& state,
                                          const std::vector<OperatorState>& states,
                                          KeyGroupRange range) {
    Entries entries;
    std::string last;
    absl::Status status = state.Restore(states, range, [&](const StateEntry& entry) {
      EXPECT_TRUE(states.size() > 1 || last < entry.key);
      last = std::string(entry.key);
      EXPECT_TRUE(entries.emplace(entry.key, entry.value).second);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return entries;
  }
  absl::Status RestoreStatus(const OperatorState& state) {
    return Restored(*Make(state.key_groups), {state}, state.key_groups).status();
  }
  bool CacheIsEmpty() const { return std::filesystem::is_empty(cache_.path()); }

  TemporaryDirectory cache_;
  FaultyBlobStore blobs_;
  std::unique_ptr<Random> random_ = SeededRandom(1);
};

TEST_F(KeyedStateTest, NothingWrittenNothingStored) {
  auto state = Make({0, 4096});
  EXPECT_TRUE(state->Write({})->empty());
  StateDelta full;
  full.full = true;
  EXPECT_TRUE(state->Write(full)->empty());
  EXPECT_TRUE(blobs_.Snapshot().empty());
  EXPECT_TRUE(Restored(*Make({0, 4096}), {State({}, {0, 4096})}, {0, 4096})->empty());
}

TEST_F(KeyedStateTest, NamesFilesUnderTheJob) {
  auto state = Make({0, 4096});
  StateDelta delta;
  Put(delta, Key(5, 1, "k"), "v");
  auto files = state->Write(delta);
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 1u);
  const StateFile& file = (*files)[0];
  ASSERT_EQ(blobs_.Snapshot().size(), 1u);
  const auto [name, bytes] = *blobs_.Snapshot().begin();
  EXPECT_EQ(name, "jobs/job-1/" + file.path);
  EXPECT_EQ(file.path.substr(0, 28), "state/abc/0000000007-0-4096-");
  EXPECT_EQ(file.size, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(file.checksum.size(), 32u);
  EXPECT_EQ(file.key_groups, (KeyGroupRange{0, 4096}));
  EXPECT_EQ(state->file_count(), 1);
  EXPECT_TRUE(CacheIsEmpty());
}

TEST_F(KeyedStateTest, DeletesComeBeforeTheEntriesOfTheSameDelta) {
  auto state = Make({0, 4096});
  StateDelta first;
  Put(first, Key(5, 1, "old"), "1");
  Put(first, Key(5, 1, "both"), "1");
  Put(first, Key(6, 1, "kept"), "1");
  ASSERT_TRUE(state->Write(first).ok());
  StateDelta second;
  second.deletes.push_back({Key(5, 0, ""), Key(6, 0, "")});
  Put(second, Key(5, 1, "both"), "2");
  Put(second, Key(5, 1, "new"), "2");
  auto files = state->Write(second);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(*Restored(*Make({0, 4096}), {State(*files, {0, 4096})}, {0, 4096}),
            (Entries{{Key(5, 1, "both"), "2"}, {Key(5, 1, "new"), "2"}, {Key(6, 1, "kept"), "1"}}));
  EXPECT_TRUE(CacheIsEmpty());
}

TEST_F(KeyedStateTest, ADeltaOfDeletesOnlyIsWritten) {
  auto state = Make({0, 4096});
  StateDelta first;
  Put(first, Key(5, 1, "a"), "1");
  Put(first, Key(9, 1, "b"), "1");
  ASSERT_TRUE(state->Write(first).ok());
  StateDelta second;
  second.deletes.push_back({Key(0, 0, ""), Key(9, 0, "")});
  auto files = state->Write(second);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->size(), 2u);
  EXPECT_EQ(*Restored(*Make({0, 4096}), {State(*files, {0, 4096})}, {0, 4096}),
            (Entries{{Key(9, 1, "b"), "1"}}));
}

// Tasks come and go; each restores what the ones before it wrote, over any ranges.
TEST_F(KeyedStateTest, RestoresWhatWasWrittenOverRandomHistories) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    Entries model;
    std::vector<OperatorState> stored = {State({}, {0, 4096})};
    for (int generation = 0; generation < 6; ++generation) {
      const int tasks = generation == 0 ? 1 : static_cast<int>(1 + random() % 3);
      std::vector<OperatorState> next;
      Entries seen;
      for (int t = 0; t < tasks; ++t) {
        const KeyGroupRange range = KeyGroupsOfTask(t, tasks);
        auto state = Make(range);
        auto restored = Restored(*state, stored, range);
        ASSERT_TRUE(restored.ok()) << restored.status();
        seen.insert(restored->begin(), restored->end());
        Entries own;
        for (auto& [key, value] : model) {
          int group = static_cast<uint8_t>(key[8]) << 8 | static_cast<uint8_t>(key[9]);
          if (range.Contains(group)) own.emplace(key, value);
        }
        ASSERT_EQ(*restored, own);
        std::vector<StateFile> files;
        for (int epoch = 0, epochs = static_cast<int>(random() % 4); epoch <= epochs; ++epoch) {
          StateDelta delta;
          delta.full = state->needs_full() || random() % 6 == 0;
          // Tasks of one generation expire different times.
          const uint64_t expired = random() % 12;
          if (random() % 2 == 0) {
            if (!delta.full) delta.deletes.push_back({Key(0, 0, ""), Key(expired, 0, "")});
            own.erase(own.begin(), own.lower_bound(Key(expired, 0, "")));
          }
          Entries changed;
          for (uint64_t n = random() % 30; n > 0; --n) {
            int group = range.begin + static_cast<int>(random() % (range.end - range.begin));
            changed[Key(random() % 16, group, absl::StrCat("k", random() % 5))] =
                absl::StrCat(random());
          }
          for (auto& [key, value] : changed) own[key] = value;
          for (auto& [key, value] : delta.full ? own : changed) Put(delta, key, value);
          auto written = state->Write(delta);
          ASSERT_TRUE(written.ok()) << written.status();
          files = *written;
        }
        next.push_back(State(files, range));
        for (auto it = model.begin(); it != model.end();) {
          int group = static_cast<uint8_t>(it->first[8]) << 8 | static_cast<uint8_t>(it->first[9]);
          it = range.Contains(group) ? model.erase(it) : std::next(it);
        }
        model.insert(own.begin(), own.end());
      }
      stored = std::move(next);
    }
  }
  EXPECT_TRUE(CacheIsEmpty());
}

TEST_F(KeyedStateTest, OtherRangesNeedAFullDeltaFirst) {
  auto state = Make({0, 4096});
  StateDelta delta;
  Put(delta, Key(5, 1, "k"), "v");
  OperatorState stored = State(*state->Write(delta), {0, 4096});
  EXPECT_FALSE(state->needs_full());
  auto half = Make({0, 2048});
  ASSERT_TRUE(Restored(*half, {stored}, {0, 2048}).ok());
  EXPECT_TRUE(half->needs_full());
  EXPECT_EQ(half->file_count(), 0);
  auto same = Make({0, 4096});
  ASSERT_TRUE(Restored(*same, {stored}, {0, 4096}).ok());
  EXPECT_FALSE(same->needs_full());
  EXPECT_EQ(same->file_count(), 1);
}

TEST_F(KeyedStateTest, BytesPerEpochFollowTheKeysTouched) {
  auto state = Make({0, 4096});
  std::mt19937_64 random(3);
  StateDelta big;
  for (int i = 0; i < 20000; ++i) {
    Put(big, Key(5, static_cast<int>(random() % 4096), absl::StrCat("key", i)),
        absl::StrCat(random()));
  }
  int64_t big_bytes = (*state->Write(big))[0].size;
  StateDelta small;
  for (int i = 0; i < 20; ++i) Put(small, Key(5, i, absl::StrCat("key", i)), "v");
  int64_t small_bytes = (*state->Write(small))[1].size;
  EXPECT_GT(big_bytes, 200000);
  EXPECT_LT(small_bytes, 3000);
}

TEST_F(KeyedStateTest, MissingShortAndAlteredFilesAreNamed) {
  auto state = Make({0, 4096});
  std::vector<StateFile> files;
  std::mt19937_64 random(11);
  for (int f = 0; f < 2; ++f) {
    StateDelta delta;
    for (int i = 0; i < 300; ++i) Put(delta, Key(5, i, absl::StrCat(f)), absl::StrCat(random()));
    files = *state->Write(delta);
  }
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
  EXPECT_TRUE(CacheIsEmpty());
}

TEST_F(KeyedStateTest, AnotherSchemaIsRefused) {
  absl::Status status =
      Restored(*Make({0, 4096}, "v2"), {State({}, {0, 4096})}, {0, 4096}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("\"v1\""), std::string::npos);
  EXPECT_NE(std::string(status.message()).find("\"v2\""), std::string::npos);
}

TEST_F(KeyedStateTest, UploadsSurviveLostAnswers) {
  auto state = Make({0, 4096});
  StateDelta delta;
  Put(delta, Key(5, 1, "k"), "v");
  blobs_.PlanPuts({PutFault::kDoneUnknown});
  EXPECT_EQ(state->Write(delta)->size(), 1u);
  blobs_.PlanPuts({PutFault::kLost, PutFault::kUnavailable});
  EXPECT_EQ(state->Write(delta)->size(), 2u);
  EXPECT_EQ(blobs_.Snapshot().size(), 2u);
  blobs_.PlanPuts({PutFault::kDenied});
  EXPECT_EQ(state->Write(delta).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(state->file_count(), 2);
  EXPECT_TRUE(CacheIsEmpty());
}

TEST_F(KeyedStateTest, AVisitorsErrorStopsTheRestore) {
  auto state = Make({0, 4096});
  StateDelta delta;
  Put(delta, Key(5, 1, "k"), "v");
  OperatorState stored = State(*state->Write(delta), {0, 4096});
  absl::Status status = Make({0, 4096})->Restore(
      {stored}, {0, 4096}, [](const StateEntry&) { return absl::DataLossError("no"); });
  EXPECT_EQ(status.message(), "no");
}

TEST_F(KeyedStateTest, AnUnwritableCacheNamesTheFile) {
  std::filesystem::remove_all(cache_.path());
  StateDelta delta;
  Put(delta, Key(5, 1, "k"), "v");
  absl::Status status = Make({0, 4096})->Write(delta).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(status.message()).find(cache_.path()), std::string::npos) << status;
}

}  // namespace
}  // namespace weir
