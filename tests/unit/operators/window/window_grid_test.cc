#include "operators/window/window_grid.h"

#include <gtest/gtest.h>

#include <random>

namespace weir {
namespace {

TEST(WindowGrid, AgreesWithTheDefinition) {
  const uint64_t seed = 3;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    WindowSpec spec{static_cast<int64_t>(1 + random() % 40),
                    static_cast<int64_t>(1 + random() % 40),
                    static_cast<int64_t>(random() % 200) - 100};
    SCOPED_TRACE(testing::Message() << "size " << spec.size_us << " slide " << spec.slide_us
                                    << " origin " << spec.origin_us);
    const WindowGrid grid(spec);
    for (int64_t time = -130; time < 130; ++time) {
      const int64_t pane_end = grid.PaneEnd(time);
      ASSERT_GT(pane_end, time);
      ASSERT_LE(pane_end - grid.pane(), time);
      int64_t first = 0, last = 0, windows = 0;
      for (int64_t k = -400; k < 400; ++k) {
        const int64_t start = spec.origin_us + k * spec.slide_us;
        if (time < start || time >= start + spec.size_us) continue;
        last = start + spec.size_us;
        if (windows++ == 0) first = last;
      }
      ASSERT_EQ(grid.InWindow(pane_end), windows > 0) << time;
      if (windows == 0) continue;
      ASSERT_EQ(grid.FirstWindowEnd(pane_end), first) << time;
      ASSERT_EQ(grid.LastWindowEnd(pane_end), last) << time;
    }
  }
}

TEST(WindowGrid, TimesAtTheEdgeAreNotRepresentable) {
  const WindowGrid grid({300'000'000, 300'000'000, 0});
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(grid.Representable(0));
  EXPECT_TRUE(grid.Representable(253'402'300'799'000'000));  // year 9999
  EXPECT_FALSE(grid.Representable(max));
  EXPECT_FALSE(grid.Representable(max - 300'000'000));
  EXPECT_FALSE(grid.Representable(std::numeric_limits<int64_t>::min()));
}

}  // namespace
}  // namespace weir
