#include "worker/aligner.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

Barrier B(int64_t id) { return Barrier{Generation(1), CheckpointId(id), false}; }

TEST(Aligner, CompletesWithTheLastChannel) {
  Aligner aligner(3);
  EXPECT_FALSE((*aligner.OnBarrier(0, B(1))).has_value());
  EXPECT_TRUE(aligner.IsBlocked(0));
  EXPECT_FALSE(aligner.IsBlocked(1));
  EXPECT_FALSE((*aligner.OnBarrier(2, B(1))).has_value());
  const std::optional<Barrier> complete = *aligner.OnBarrier(1, B(1));
  ASSERT_TRUE(complete.has_value());
  EXPECT_EQ(complete->id, CheckpointId(1));
  for (int channel = 0; channel < 3; ++channel) EXPECT_FALSE(aligner.IsBlocked(channel));
}

TEST(Aligner, TakesOneBarrierAfterAnother) {
  Aligner aligner(2);
  for (int64_t id = 1; id <= 5; ++id) {
    EXPECT_FALSE((*aligner.OnBarrier(id % 2, B(id))).has_value());
    EXPECT_EQ((*aligner.OnBarrier((id + 1) % 2, B(id)))->id, CheckpointId(id));
  }
}

TEST(Aligner, SingleChannelNeverBlocks) {
  Aligner aligner(1);
  EXPECT_TRUE((*aligner.OnBarrier(0, B(7))).has_value());
  EXPECT_FALSE(aligner.IsBlocked(0));
}

TEST(Aligner, AnEndedChannelIsNotWaitedFor) {
  Aligner aligner(2);
  EXPECT_FALSE(aligner.OnEnd(1).has_value());
  EXPECT_TRUE((*aligner.OnBarrier(0, B(1))).has_value());
}

TEST(Aligner, AnEndCanCompleteABarrier) {
  Aligner aligner(2);
  EXPECT_FALSE((*aligner.OnBarrier(0, B(1))).has_value());
  const std::optional<Barrier> complete = aligner.OnEnd(1);
  ASSERT_TRUE(complete.has_value());
  EXPECT_EQ(complete->id, CheckpointId(1));
  EXPECT_FALSE(aligner.IsBlocked(0));
}

TEST(Aligner, RefusesABarrierTwice) {
  Aligner aligner(2);
  ASSERT_TRUE(aligner.OnBarrier(0, B(1)).ok());
  EXPECT_EQ(aligner.OnBarrier(0, B(1)).status().code(), absl::StatusCode::kInternal);
}

TEST(Aligner, RefusesAnOlderBarrier) {
  Aligner aligner(1);
  ASSERT_TRUE(aligner.OnBarrier(0, B(5)).ok());
  EXPECT_FALSE(aligner.OnBarrier(0, B(4)).ok());
  EXPECT_FALSE(aligner.OnBarrier(0, B(5)).ok());
}

TEST(Aligner, RefusesTwoBarriersAtOnce) {
  Aligner aligner(2);
  ASSERT_TRUE(aligner.OnBarrier(0, B(1)).ok());
  EXPECT_FALSE(aligner.OnBarrier(1, B(2)).ok());
}

TEST(Aligner, RefusesABarrierAfterTheEnd) {
  Aligner aligner(2);
  aligner.OnEnd(0);
  EXPECT_FALSE(aligner.OnBarrier(0, B(1)).ok());
}

}  // namespace
}  // namespace weir
