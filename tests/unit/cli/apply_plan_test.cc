#include "cli/apply_plan.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

ApplyFacts Live(bool same_words) {
  ApplyFacts facts;
  facts.exists = facts.live = true;
  facts.same_words = same_words;
  facts.job = "a-1";
  facts.epoch = 7;
  return facts;
}
ApplyFacts Ended(bool same_words) {
  ApplyFacts facts = Live(same_words);
  facts.live = false;
  return facts;
}

TEST(DecideApplyTest, WhatStandsAsDeclaredIsLeftAlone) {
  EXPECT_EQ(DecideApply(Live(true)), ApplyAction::kUnchanged);
  ApplyFacts finished = Ended(true);
  finished.finished = true;
  EXPECT_EQ(DecideApply(finished), ApplyAction::kUnchanged);
}

TEST(DecideApplyTest, WhatDoesNotIsMadeSo) {
  EXPECT_EQ(DecideApply({}), ApplyAction::kCreate);
  EXPECT_EQ(DecideApply(Live(false)), ApplyAction::kReplace);
  EXPECT_EQ(DecideApply(Ended(true)), ApplyAction::kContinue) << "stopped, failed or cancelled";
  EXPECT_EQ(DecideApply(Ended(false)), ApplyAction::kContinue);
  ApplyFacts finished = Ended(false);
  finished.finished = true;
  EXPECT_EQ(DecideApply(finished), ApplyAction::kContinue);
  ApplyFacts stopping = Live(true);
  stopping.stopping = true;
  EXPECT_EQ(DecideApply(stopping), ApplyAction::kReplace);
}

TEST(OriginOfTest, GoesBackToTheLastCheckpointThereIs) {
  EXPECT_EQ(OriginOf({}).job, "");
  EXPECT_EQ(OriginOf(Ended(true)).job, "a-1");
  EXPECT_EQ(OriginOf(Ended(true)).epoch, 0) << "its newest";
  ApplyFacts facts = Ended(true);
  facts.epoch = 0;
  EXPECT_EQ(OriginOf(facts).job, "") << "it never had a checkpoint, nor anything before it";
  facts.from_job = "a-0";
  facts.from_epoch = 5;
  EXPECT_EQ(OriginOf(facts).job, "a-0") << "else the state of the one before would be lost";
  EXPECT_EQ(OriginOf(facts).epoch, 5);
}

TEST(ApplyRequestIdTest, IsTheSameForTheSameStepOnly) {
  const std::string id = ApplyRequestId(Ended(false), "a", "SELECT 1");
  EXPECT_EQ(ApplyRequestId(Ended(false), "a", "SELECT 1"), id);
  EXPECT_NE(ApplyRequestId(Ended(false), "b", "SELECT 1"), id);
  EXPECT_NE(ApplyRequestId(Ended(false), "a", "SELECT 2"), id);
  ApplyFacts next = Ended(false);
  next.job = "a-2";
  EXPECT_NE(ApplyRequestId(next, "a", "SELECT 1"), id);
  next = Ended(false);
  next.epoch = 8;
  EXPECT_NE(ApplyRequestId(next, "a", "SELECT 1"), id);
}

}  // namespace
}  // namespace weir
