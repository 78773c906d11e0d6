#include "coordinator/job_history.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Outcome = CheckpointAttempt::Outcome;

constexpr Generation kGeneration{2};

Moment At(int64_t us) { return {us, us / 1000}; }

class JobHistoryTest : public ::testing::Test {
 protected:
  static JobLogState Log() {
    JobLogState log;
    EXPECT_TRUE(Apply(1, TestRecord("spec", TestSpec()), &log).ok());
    EXPECT_TRUE(Apply(2, TestRecord("start", StartedRecord{"c", "submitted", 2}), &log).ok());
    return log;
  }
  void Trigger(int64_t id, int64_t at_us) {
    history_.OnTriggered({kGeneration, CheckpointId(id), false}, /*tasks=*/2, At(at_us));
  }
  void Capture(int64_t id, int index, int64_t at_us) {
    history_.OnCaptured({kGeneration, CheckpointId(id), {0, index}}, At(at_us));
  }
  void MakeDurable(int64_t id, int index, int64_t at_us) {
    history_.OnDurable(kGeneration, CheckpointId(id), {0, index}, At(at_us));
  }
  void Publish(int64_t id, int64_t epoch, int64_t at_us) {
    history_.OnPublished(kGeneration, {Epoch(epoch), CheckpointId(id)}, At(at_us));
  }
  void Begin(int64_t epoch, int positions = 1) {
    CommitAction action;
    action.epoch = Epoch(epoch);
    action.manifest.watermark = EventTime{77};
    for (int i = positions - 1; i >= 0; --i) {
      PartitionPosition position;
      position.source = "src";
      position.partition = i;
      position.next_offset = 100 + i;
      action.manifest.positions.push_back(position);
    }
    StagedFile ours;
    ours.sink = "activity";
    ours.rows = 5;
    ours.size = 50;
    StagedFile other;
    other.sink = "elsewhere";
    other.rows = 7;
    action.manifest.staged = {ours, other, ours};
    history_.OnCommitBegins(spec_.plan, action);
  }
  void Done(int64_t epoch, absl::StatusOr<CommitResult> result, int64_t at_us) {
    CommitDoneEvent event;
    event.epoch = Epoch(epoch);
    event.result = std::move(result);
    event.duration_us = 1500;
    history_.OnCommitDone(spec_.plan, event, 2, At(at_us));
  }

  const JobSpec spec_ = TestSpec();
  JobHistory history_{Log()};
};

TEST_F(JobHistoryTest, BeginsWithWhatTheLogSays) {
  ASSERT_THAT(history_.happenings(), SizeIs(2));
  EXPECT_EQ(history_.happenings()[0].kind, HappeningKind::kSubmitted);
  EXPECT_EQ(history_.happenings()[1].kind, HappeningKind::kStarted);
  EXPECT_EQ(history_.happenings()[1].generation, 2);
  JobLogState ended = Log();
  ASSERT_TRUE(Apply(3, TestRecord("end", EndedRecord{JobEnd::kFailed, "no slot"}), &ended).ok());
  EXPECT_EQ(JobHistory(ended).happenings().back().message, "failed: no slot");
}

TEST_F(JobHistoryTest, ACheckpointByPhase) {
  Trigger(1, 1000);
  Capture(1, 0, 1100);
  EXPECT_EQ(history_.checkpoints()[0].captured_us, -1) << "one task is still to come";
  MakeDurable(1, 0, 1150);
  Capture(1, 1, 1200);
  MakeDurable(1, 1, 1400);
  Publish(1, 9, 1700);
  const CheckpointAttempt& attempt = history_.checkpoints()[0];
  EXPECT_EQ(attempt.captured_us, 200);
  EXPECT_EQ(attempt.last_captured, (TaskId{0, 1}));
  EXPECT_EQ(attempt.durable_us, 400);
  EXPECT_EQ(attempt.published_us, 700);
  EXPECT_EQ(attempt.committed_us, -1);
  EXPECT_EQ(attempt.outcome, Outcome::kPublished);
  Begin(9);
  Done(9, CommitResult{4}, 2000);
  EXPECT_EQ(history_.checkpoints()[0].committed_us, 1000);
}

TEST_F(JobHistoryTest, ReportsOfUnknownAttemptsAreIgnored) {
  Capture(1, 0, 1);
  MakeDurable(1, 0, 1);
  Publish(1, 9, 1);
  EXPECT_THAT(history_.checkpoints(), IsEmpty());
  Trigger(1, 1);
  history_.OnCaptured({Generation(1), CheckpointId(1), {0, 0}}, At(2));
  EXPECT_EQ(history_.checkpoints()[0].captured, 0) << "another generation's";
  for (int i = 0; i < 5; ++i) Capture(1, 0, 5);
  EXPECT_EQ(history_.checkpoints()[0].captured, 2) << "no more than there are tasks";
}

TEST_F(JobHistoryTest, FailedAndOvertakenCheckpointsSayWhy) {
  Trigger(1, 1);
  Trigger(2, 2);
  Trigger(3, 3);
  history_.OnFailed(kGeneration, {CheckpointId(1), "it wasn't durable in time"}, At(4));
  Publish(3, 9, 5);
  const auto& attempts = history_.checkpoints();  // newest first
  EXPECT_EQ(attempts[2].outcome, Outcome::kFailed);
  EXPECT_THAT(attempts[2].reason, HasSubstr("durable in time"));
  EXPECT_EQ(attempts[1].outcome, Outcome::kAbandoned);
  EXPECT_EQ(attempts[0].outcome, Outcome::kPublished);
  EXPECT_EQ(history_.happenings().back().kind, HappeningKind::kCheckpointFailed);
}

TEST_F(JobHistoryTest, WhatALeftGenerationHadUnderWayComesToNothing) {
  Trigger(1, 1);
  Publish(1, 9, 2);
  Trigger(2, 3);
  history_.OnLeft(kGeneration);
  EXPECT_EQ(history_.checkpoints()[0].outcome, Outcome::kAbandoned);
  EXPECT_EQ(history_.checkpoints()[1].outcome, Outcome::kPublished);
}

TEST_F(JobHistoryTest, ACommitNamesItsEpochAndOffsets) {
  Begin(9, /*positions=*/3);
  Done(9, CommitResult{/*table_version=*/4, false, /*rebases=*/1}, 5000);
  ASSERT_THAT(history_.commits(), SizeIs(1));
  const CommitAttempt& commit = history_.commits()[0];
  EXPECT_EQ(commit.sink, "activity");
  EXPECT_EQ(commit.epoch, Epoch(9));
  EXPECT_EQ(commit.table_version, 4);
  EXPECT_EQ(commit.files, 2) << "those of other tables don't count";
  EXPECT_EQ(commit.rows, 10);
  EXPECT_EQ(commit.bytes, 100);
  EXPECT_EQ(commit.conflicts, 1);
  EXPECT_EQ(commit.watermark, EventTime{77});
  ASSERT_THAT(commit.offsets, SizeIs(3));
  EXPECT_EQ(commit.offsets[0].source, "events");
  EXPECT_EQ(commit.offsets[0].partition, 0);
  EXPECT_EQ(commit.offsets[0].next_offset, 100);
}

TEST_F(JobHistoryTest, AnAnswerToAnotherCommitIsIgnored) {
  Done(8, CommitResult{3}, 1);
  Begin(9);
  Done(8, CommitResult{3}, 2);
  EXPECT_THAT(history_.commits(), IsEmpty());
}

TEST_F(JobHistoryTest, AFailedCommitIsAnEvent) {
  for (int i = 0; i < 3; ++i) {
    Begin(9);
    Done(9, absl::UnavailableError("503"), 1000 * i);
  }
  EXPECT_EQ(history_.commits()[0].table_version, -1);
  EXPECT_EQ(history_.commits()[0].error, "503");
  const Happening& last = history_.happenings().back();
  EXPECT_EQ(last.kind, HappeningKind::kCommitFailed);
  EXPECT_EQ(last.message, "table /tables/activity: 503");
  EXPECT_EQ(last.count, 3) << "the same counts up";
  EXPECT_EQ(last.at_ms, 2) << "the last time";
  EXPECT_THAT(history_.happenings(), SizeIs(3));
}

TEST_F(JobHistoryTest, KeepsNoMoreThanItsBounds) {
  for (int i = 1; i <= 1000; ++i) {
    Trigger(i, i);
    Begin(i, /*positions=*/200);
    Done(i, CommitResult{i}, i);
    history_.Add({HappeningKind::kState, i, 2, 0, std::string(1 << 20, 'x') + std::to_string(i)});
  }
  EXPECT_THAT(history_.checkpoints(), SizeIs(kCheckpointsShown));
  EXPECT_EQ(history_.checkpoints()[0].id, CheckpointId(1000));
  EXPECT_THAT(history_.commits(), SizeIs(kCommitsShown));
  EXPECT_THAT(history_.commits()[0].offsets, SizeIs(kOffsetsShown));
  EXPECT_EQ(history_.commits()[0].partitions, 200);
  EXPECT_LE(history_.happenings().size(), kEventsShown);
  EXPECT_LE(history_.happenings().back().message.size(), 1100u);
}

}  // namespace
}  // namespace weir
