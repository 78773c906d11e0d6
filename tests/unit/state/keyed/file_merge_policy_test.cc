#include "state/keyed/file_merge_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>

namespace weir {
namespace {

TEST(FileMergePolicy, LeavesShortListsAlone) {
  EXPECT_EQ(ChooseMerge({}), std::nullopt);
  EXPECT_EQ(ChooseMerge({5}), std::nullopt);
  EXPECT_EQ(ChooseMerge(std::vector<int64_t>(kMergeWidth - 1, 100)), std::nullopt);
  EXPECT_EQ(ChooseMerge(std::vector<int64_t>(kMergeWidth - 1, 0)), std::nullopt);
}

TEST(FileMergePolicy, MergesTheNewestOfOneSize) {
  std::vector<int64_t> sizes(kMergeWidth, 100);
  EXPECT_EQ(ChooseMerge(sizes), (FileSpan{0, kMergeWidth}));
  sizes.insert(sizes.begin(), 10'000);
  EXPECT_EQ(ChooseMerge(sizes), (FileSpan{1, kMergeWidth + 1}));
  sizes.push_back(20);  // much smaller: of another tier
  EXPECT_EQ(ChooseMerge(sizes), (FileSpan{1, kMergeWidth + 2}));
}

TEST(FileMergePolicy, ALargeFileIsntRewrittenForSmallOnes) {
  std::vector<int64_t> sizes = {1'000'000};
  sizes.insert(sizes.end(), kMergeWidth - 1, 10);
  EXPECT_EQ(ChooseMerge(sizes), std::nullopt);
}

// Each is half as large again as the next: all behind a file together are about twice as large.
TEST(FileMergePolicy, FallingSizesAreMergedOnlyWhenTheListIsFull) {
  std::vector<int64_t> sizes = {1000};
  while (sizes.size() < kStateFilesMax) sizes.insert(sizes.begin(), sizes.front() * 3 / 2);
  EXPECT_EQ(ChooseMerge(sizes), std::nullopt);
  sizes.push_back(600);
  const int count = static_cast<int>(sizes.size());
  EXPECT_EQ(ChooseMerge(sizes), (FileSpan{count - kMergeWidth, count}));
}

struct Outcome {
  size_t longest = 0;
  double amplification = 0;  // bytes written per byte of deltas
};

// One delta a second for a day; a window of `window_s` seconds drops its files when it is over.
// With `expires` false all deltas stay.
template <class Size>
Outcome ADay(Size size, int window_s) {
  struct File {
    int64_t size;
    int last_window;
  };
  std::vector<File> list;
  Outcome outcome;
  double deltas = 0, rewritten = 0;
  for (int second = 0; second < 86'400; ++second) {
    const int window = window_s > 0 ? second / window_s : 0;
    std::erase_if(list, [&](const File& file) { return file.last_window < window; });
    list.push_back({size(second), window});
    deltas += static_cast<double>(list.back().size);
    outcome.longest = std::max(outcome.longest, list.size());
    while (true) {
      std::vector<int64_t> sizes;
      for (const File& file : list) sizes.push_back(file.size);
      const auto span = ChooseMerge(sizes);
      if (!span) break;
      EXPECT_GE(span->end - span->begin, 2);
      File merged{0, list[span->end - 1].last_window};
      for (int i = span->begin; i < span->end; ++i) merged.size += list[i].size;
      rewritten += static_cast<double>(merged.size);
      list.erase(list.begin() + span->begin, list.begin() + span->end);
      list.insert(list.begin() + span->begin, merged);
    }
  }
  outcome.amplification = (deltas + rewritten) / deltas;
  return outcome;
}

TEST(FileMergePolicy, ADayOfEpochsOfOneSecond) {
  std::mt19937_64 random(5);
  struct Case {
    const char* name;
    std::function<int64_t(int)> size;
  };
  const Case cases[] = {
      {"equal", [](int) { return int64_t{10'000}; }},
      {"uniform", [&](int) { return static_cast<int64_t>(1 + random() % 100'000); }},
      {"heavy tail", [&](int) { return int64_t{1} << random() % 30; }},
      {"bursts", [](int s) { return s % 600 == 0 ? int64_t{300} << 20 : int64_t{50'000}; }},
      {"falling", [](int s) { return int64_t{1} << (40 - s % 40); }},
      {"rising", [](int s) { return int64_t{1} << s % 40; }},
  };
  for (const Case& c : cases) {
    for (int window_s : {0, 300, 3600}) {
      const Outcome outcome = ADay(c.size, window_s);
      std::printf("%-10s window %4d s: longest list %zu, write amplification %.2f\n", c.name,
                  window_s, outcome.longest, outcome.amplification);
      EXPECT_LE(outcome.longest, static_cast<size_t>(kStateFilesMax) + 1);
      EXPECT_LE(outcome.amplification, window_s > 0 ? 6 : 8);
    }
  }
}

}  // namespace
}  // namespace weir
