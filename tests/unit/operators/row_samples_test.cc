#include "operators/row_samples.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

RowSample Sample(int64_t offset) {
  return {.reason = "syntax", .payload = "{", .partition = 1, .offset = offset};
}

TEST(RowSamplesTest, KeepsTheNewestOfEachKind) {
  RowSamples samples;
  EXPECT_THAT(samples.All(), IsEmpty());
  for (int i = 0; i < 20; ++i) samples.AddBad(Sample(i));
  samples.AddLate(Sample(100));
  const std::vector<RowSample> all = samples.All();
  ASSERT_THAT(all, SizeIs(kSamplesKept + 1));
  EXPECT_EQ(all.front().offset, 15);
  EXPECT_EQ(all.back().offset, 100);
}

TEST(RowSamplesTest, WantsAFewAtATime) {
  RowSamples samples;
  for (size_t i = 0; i < kSamplesKept; ++i) {
    EXPECT_TRUE(samples.wants_bad());
    samples.AddBad(Sample(1));
  }
  EXPECT_FALSE(samples.wants_bad());
  EXPECT_TRUE(samples.wants_late()) << "late rows are another kind";
  samples.Renew();
  EXPECT_TRUE(samples.wants_bad());
}

TEST(RowSamplesTest, CutsLongTexts) {
  RowSamples samples;
  RowSample long_one = Sample(1);
  long_one.payload = std::string(1 << 20, 'x');
  long_one.message = std::string(1 << 20, 'y');
  samples.AddBad(long_one);
  EXPECT_LE(samples.All()[0].payload.size(), kSampleTextMax + 40);
  EXPECT_LE(samples.All()[0].message.size(), kSampleTextMax + 40);
}

}  // namespace
}  // namespace weir
