#include "coordinator/lease.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::IsEmpty;

LeaseRecord Self(const std::string& holder) {
  LeaseRecord self;
  self.holder = holder;
  self.address = holder + ":7070";
  self.place = "host-of-" + holder;
  return self;
}

LeaseRecord Held(const std::string& holder, int64_t term, int64_t sequence) {
  LeaseRecord record = Self(holder);
  record.term = term;
  record.sequence = sequence;
  record.nonce = sequence;
  return record;
}

class LeaseTest : public ::testing::Test {
 protected:
  std::vector<LeaseAction> Send(const LeaseEvent& event) { return lease_.Handle(event, now_us_); }
  std::vector<LeaseAction> Pass(int64_t micros) {
    now_us_ += micros;
    return Send(LeaseTick());
  }
  // The answer to a read; the record's text stands for its version.
  std::vector<LeaseAction> Read(const LeaseRecord& record) {
    return Send(LeaseReadEvent{absl::OkStatus(), record, EncodeLease(record)});
  }
  std::vector<LeaseAction> ReadNothing() {
    return Send(LeaseReadEvent{absl::NotFoundError("leader"), {}, ""});
  }
  std::vector<LeaseAction> Written(const absl::Status& status) {
    return Send(LeaseWrittenEvent{status, status.ok() ? EncodeLease(written_) : ""});
  }
  template <class Action>
  Action Only(const std::vector<LeaseAction>& actions) {
    EXPECT_EQ(actions.size(), 1u);
    if (actions.size() != 1 || !std::holds_alternative<Action>(actions[0])) {
      ADD_FAILURE() << "not the action expected";
      return {};
    }
    const Action action = std::get<Action>(actions[0]);
    if constexpr (std::is_same_v<Action, LeaseWriteAction>) written_ = action.record;
    return action;
  }
  void BecomeLeader() {
    Only<LeaseReadAction>(Send(LeaseTick()));
    Only<LeaseWriteAction>(ReadNothing());
    EXPECT_EQ(Only<LeadNote>(Written(absl::OkStatus())).term, 1);
  }
  void StandBy(const LeaseRecord& record) {
    Only<LeaseReadAction>(Send(LeaseTick()));
    EXPECT_EQ(Only<FollowNote>(Read(record)).address, record.address);
  }

  int64_t now_us_ = 5'000'000;
  LeaseOptions options_;
  Lease lease_{Self("me"), options_};
  LeaseRecord written_;
};

TEST_F(LeaseTest, TheFirstOneLeadsAtOnce) {
  Only<LeaseReadAction>(Send(LeaseTick()));
  const auto write = Only<LeaseWriteAction>(ReadNothing());
  EXPECT_EQ(write.version, "") << "only if there is none";
  EXPECT_EQ(write.record.term, 1);
  EXPECT_FALSE(lease_.leads());
  EXPECT_EQ(Only<LeadNote>(Written(absl::OkStatus())).term, 1);
  EXPECT_TRUE(lease_.leads());
}

TEST_F(LeaseTest, TheLeaderWritesAgainAndAgain) {
  BecomeLeader();
  EXPECT_THAT(Pass(options_.renew_us - 1), IsEmpty());
  const std::string before = EncodeLease(written_);
  const auto write = Only<LeaseWriteAction>(Pass(1));
  EXPECT_EQ(write.version, before);
  EXPECT_EQ(write.record.term, 1);
  EXPECT_EQ(write.record.sequence, 2);
  EXPECT_NE(write.record.nonce, 1);
  EXPECT_THAT(Written(absl::OkStatus()), IsEmpty());
}

TEST_F(LeaseTest, QuestionsOfCallersDontPutTheNextWriteOff) {
  BecomeLeader();
  const LeaseRecord mine = written_;
  const int64_t step_us = options_.renew_us / 5;
  for (int64_t waited = step_us; waited < options_.renew_us; waited += step_us) {
    now_us_ += step_us;
    Only<LeaseReadAction>(Send(LeaseDoubtedEvent()));
    EXPECT_THAT(Read(mine), IsEmpty());
  }
  now_us_ += step_us;
  Only<LeaseReadAction>(Send(LeaseDoubtedEvent()));
  Only<LeaseWriteAction>(Read(mine));
}

TEST_F(LeaseTest, WhoeverLosesTheLeadLooksSoon) {
  BecomeLeader();
  Only<LeaseReadAction>(Send(LeaseDoubtedEvent()));
  Only<FollowNote>(Read(Held("other", 2, 2)));
  Only<LeaseReadAction>(Pass(options_.look_us));
}

TEST_F(LeaseTest, AStandbyTakesOverOnlyWhenTheRecordStandsStillForTheLease) {
  StandBy(Held("other", 4, 10));
  int64_t waited = 0;
  for (int64_t sequence = 11; sequence < 30; ++sequence) {
    Only<LeaseReadAction>(Pass(options_.look_us));
    EXPECT_THAT(Read(Held("other", 4, sequence)), IsEmpty()) << "it changes";
  }
  while (waited + options_.look_us < options_.lease_us) {
    waited += options_.look_us;
    Only<LeaseReadAction>(Pass(options_.look_us));
    auto actions = Read(Held("other", 4, 29));
    if (waited >= options_.silence_us) {
      EXPECT_EQ(Only<LeaseProbeAction>(actions).address, "other:7070");
      actions = Send(LeaseProbedEvent{false});
    }
    EXPECT_THAT(actions, IsEmpty()) << waited;
  }
  Only<LeaseReadAction>(Pass(options_.look_us));
  const auto write = Only<LeaseWriteAction>(Read(Held("other", 4, 29)));
  EXPECT_EQ(write.record.term, 5);
  EXPECT_EQ(write.record.sequence, 30);
  EXPECT_EQ(write.version, EncodeLease(Held("other", 4, 29)));
  EXPECT_EQ(Only<LeadNote>(Written(absl::OkStatus())).term, 5);
}

TEST_F(LeaseTest, NobodyListensAtASilentLeadersAddress) {
  StandBy(Held("other", 4, 10));
  Only<LeaseReadAction>(Pass(options_.silence_us));
  Only<LeaseProbeAction>(Read(Held("other", 4, 10)));
  Only<LeaseWriteAction>(Send(LeaseProbedEvent{true}));
  // The holder wrote after all: its address was wrong, not the holder gone.
  Only<LeaseReadAction>(Written(absl::AbortedError("changed")));
  EXPECT_THAT(Read(Held("other", 4, 11)), IsEmpty());
  EXPECT_FALSE(lease_.leads());
}

TEST_F(LeaseTest, AReleasedRecordIsTakenAtOnce) {
  StandBy(Held("other", 4, 10));
  LeaseRecord released = Held("other", 4, 11);
  released.released = true;
  Only<LeaseReadAction>(Pass(options_.look_us));
  const auto actions = Read(released);
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(std::get<FollowNote>(actions[0]).address, "");
  EXPECT_EQ(std::get<LeaseWriteAction>(actions[1]).record.term, 5);
}

TEST_F(LeaseTest, ASuccessorAtTheSamePlaceDoesNotWait) {
  LeaseRecord mine = Held("before me", 4, 10);
  mine.place = Self("me").place;
  Only<LeaseReadAction>(Send(LeaseTick()));
  const auto actions = Read(mine);
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(std::get<FollowNote>(actions[0]).address, "") << "nobody is there to be followed";
  written_ = std::get<LeaseWriteAction>(actions[1]).record;
  EXPECT_EQ(Only<LeadNote>(Written(absl::OkStatus())).term, 5);
  // Another one that says the same of itself is left alone: else both would go on for ever.
  LeaseRecord twin = Held("twin", 6, 12);
  twin.place = mine.place;
  Only<LeaseWriteAction>(Pass(options_.renew_us));
  Only<LeaseReadAction>(Written(absl::AbortedError("changed")));
  EXPECT_EQ(Only<FollowNote>(Read(twin)).address, "twin:7070");
}

// Peer failure 11 (FLINK-40114): the leader's record was erased when it took the lead again.
TEST_F(LeaseTest, Peer11_TheRecordSurvivesAFlappingLead) {
  BecomeLeader();
  for (int64_t term = 2; term < 20; term += 2) {
    const LeaseRecord other = Held("other", term, 10 * term);
    Only<LeaseWriteAction>(Pass(options_.renew_us));
    Only<LeaseReadAction>(Written(absl::AbortedError("changed")));
    EXPECT_EQ(Only<FollowNote>(Read(other)).address, "other:7070");
    LeaseRecord released = Held("other", term, 10 * term + 1);
    released.released = true;
    Only<LeaseReadAction>(Pass(options_.look_us));
    const auto actions = Read(released);
    ASSERT_EQ(actions.size(), 2u);
    const auto write = std::get<LeaseWriteAction>(actions[1]);
    written_ = write.record;
    EXPECT_EQ(write.version, EncodeLease(released)) << "replaced, never removed";
    EXPECT_EQ(write.record.holder, "me");
    EXPECT_EQ(write.record.address, "me:7070");
    EXPECT_EQ(Only<LeadNote>(Written(absl::OkStatus())).term, term + 1);
  }
  // And when somebody removes it, its holder puts it back.
  Only<LeaseReadAction>(Send(LeaseDoubtedEvent()));
  const auto write = Only<LeaseWriteAction>(ReadNothing());
  EXPECT_EQ(write.version, "");
  EXPECT_EQ(write.record.term, 19);
  EXPECT_THAT(Written(absl::OkStatus()), IsEmpty());
  EXPECT_TRUE(lease_.leads());
}

TEST_F(LeaseTest, AnUnknownWriteIsReadBack) {
  Only<LeaseReadAction>(Send(LeaseTick()));
  Only<LeaseWriteAction>(ReadNothing());
  Only<LeaseReadAction>(Written(absl::UnknownError("lost")));
  EXPECT_EQ(Only<LeadNote>(Read(written_)).term, 1) << "it had landed";

  const LeaseRecord first = written_;
  Only<LeaseWriteAction>(Pass(options_.renew_us));
  Only<LeaseReadAction>(Written(absl::UnknownError("lost")));
  EXPECT_THAT(Read(first), IsEmpty()) << "it hadn't";
  const auto again = Only<LeaseWriteAction>(Pass(options_.look_us));
  EXPECT_EQ(again.version, EncodeLease(first));
  EXPECT_NE(EncodeLease(again.record), EncodeLease(first));
}

TEST_F(LeaseTest, AStoreThatIsAwayReplacesNobody) {
  BecomeLeader();
  for (int i = 0; i < 100; ++i) {
    Only<LeaseWriteAction>(Pass(options_.lease_us));
    EXPECT_THAT(Written(absl::UnavailableError("away")), IsEmpty());
    EXPECT_TRUE(lease_.leads());
    EXPECT_FALSE(lease_.knows());
  }
}

TEST_F(LeaseTest, AStandbyThatCannotReadTakesNothing) {
  StandBy(Held("other", 4, 10));
  for (int i = 0; i < 100; ++i) {
    Only<LeaseReadAction>(Pass(options_.lease_us));
    EXPECT_THAT(Send(LeaseReadEvent{absl::UnavailableError("away"), {}, ""}), IsEmpty());
  }
  EXPECT_FALSE(lease_.knows());
}

TEST_F(LeaseTest, APausedLeaderStepsDownWhenItWakes) {
  BecomeLeader();
  Only<LeaseWriteAction>(Pass(60'000'000));
  Only<LeaseReadAction>(Written(absl::AbortedError("changed")));
  EXPECT_EQ(Only<FollowNote>(Read(Held("other", 2, 7))).address, "other:7070");
  EXPECT_FALSE(lease_.leads());
}

TEST_F(LeaseTest, ReleasesOnceAndTakesNothingAfterwards) {
  BecomeLeader();
  const auto write = Only<LeaseWriteAction>(Send(LeaseReleaseEvent()));
  EXPECT_TRUE(write.record.released);
  EXPECT_FALSE(lease_.released());
  EXPECT_THAT(Written(absl::OkStatus()), IsEmpty());
  EXPECT_TRUE(lease_.released());
  EXPECT_THAT(Pass(options_.lease_us), IsEmpty());
}

TEST_F(LeaseTest, AReleaseDuringATakeoverGivesBackWhatItGot) {
  Only<LeaseReadAction>(Send(LeaseTick()));
  Only<LeaseWriteAction>(ReadNothing());
  EXPECT_THAT(Send(LeaseReleaseEvent()), IsEmpty());
  EXPECT_TRUE(Only<LeaseWriteAction>(Written(absl::OkStatus())).record.released);
  EXPECT_THAT(Written(absl::UnavailableError("away")), IsEmpty());
  EXPECT_TRUE(lease_.released()) << "one try is enough";
}

TEST_F(LeaseTest, AStandbyLeavesWithoutAWord) {
  StandBy(Held("other", 4, 10));
  EXPECT_THAT(Send(LeaseReleaseEvent()), IsEmpty());
  EXPECT_TRUE(lease_.released());
}

TEST(LeaseRecordTest, ReadsWhatItWrote) {
  LeaseRecord record = Held("other", 7, 9);
  record.released = true;
  const auto read = DecodeLease(EncodeLease(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, record);
  const auto newer = DecodeLease(EncodeLease(record) + "colour blue\n");
  ASSERT_TRUE(newer.ok());
  EXPECT_EQ(*newer, record);
}

TEST(LeaseRecordTest, RefusesWhatIsNoRecord) {
  const std::string good = EncodeLease(Held("other", 7, 9));
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("weir leader 2\nholder x\n"),
        std::string("weir leader 1\n"), good.substr(0, good.size() - 1),
        good.substr(0, good.size() / 2), good + "term seven\n"}) {
    EXPECT_EQ(DecodeLease(bad).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace weir
