#include "worker/edge_output.h"

#include <random>

#include "gtest/gtest.h"
#include "model/ids.h"
#include "tests/unit/worker/channels_test.h"
#include "worker/inbox.h"

namespace weir {
namespace {

class EdgeOutputTest : public ::testing::Test {
 protected:
  void Connect(int tasks) {
    std::vector<std::unique_ptr<ChannelSender>> senders;
    for (int i = 0; i < tasks; ++i) {
      inboxes_.push_back(std::make_unique<Inbox>([] {}, [](int64_t) {}));
      senders.push_back(MakeLocalSender(inboxes_.back().get()));
    }
    edge_.SetSenders(std::move(senders));
  }

  std::vector<std::unique_ptr<Inbox>> inboxes_;
  EdgeOutput edge_;
};

TEST_F(EdgeOutputTest, EveryRowGoesToTheOwnerOfItsKeyGroup) {
  Connect(3);
  std::mt19937 random(20261122);
  std::vector<uint16_t> groups;
  std::vector<int64_t> values;
  for (int i = 0; i < 1000; ++i) {
    groups.push_back(random() % kKeyGroups);
    values.push_back(groups.back());  // the value tells its group
  }
  ASSERT_TRUE(edge_.SendRows(EdgeTestBatch(groups, values)).ok());
  int64_t rows = 0;
  for (int task = 0; task < 3; ++task) {
    const KeyGroupRange range = KeyGroupsOfTask(task, 3);
    while (std::optional<Element> element = inboxes_[task]->Pop()) {
      for (int64_t value : ValuesOf(std::get<Batch>(*element))) {
        EXPECT_TRUE(range.Contains(static_cast<int>(value))) << value << " at task " << task;
        ++rows;
      }
    }
  }
  EXPECT_EQ(rows, 1000);
  EXPECT_EQ(edge_.rows_sent(), 1000);
}

TEST_F(EdgeOutputTest, AnEmptyBatchIsNotSent) {
  Connect(2);
  ASSERT_TRUE(edge_.SendRows(EdgeTestBatch({}, {})).ok());
  EXPECT_TRUE(inboxes_[0]->Empty());
  EXPECT_TRUE(inboxes_[1]->Empty());
}

TEST_F(EdgeOutputTest, AFullChannelTakesMarkersButNoRows) {
  Connect(1);
  const std::vector<uint16_t> groups(8192, 7);
  const std::vector<int64_t> values(8192, 1);
  while (edge_.CanSend()) ASSERT_TRUE(edge_.SendRows(EdgeTestBatch(groups, values)).ok());
  EXPECT_GE(inboxes_[0]->bytes(), kChannelBytesMax);
  ASSERT_TRUE(edge_.Broadcast(Barrier{Generation(1), CheckpointId(1), false}).ok());
  const int64_t full = inboxes_[0]->bytes();
  ASSERT_TRUE(inboxes_[0]->Pop().has_value());
  EXPECT_LT(inboxes_[0]->bytes(), full);
  while (inboxes_[0]->bytes() > 0) inboxes_[0]->Pop();
  EXPECT_TRUE(edge_.CanSend());
  EXPECT_TRUE(std::holds_alternative<Barrier>(*inboxes_[0]->Pop()));
}

TEST_F(EdgeOutputTest, EchoIsCompleteWhenEveryOwnerAnswered) {
  Connect(2);
  EXPECT_TRUE(edge_.echo()->complete);
  ASSERT_TRUE(edge_.Broadcast(StatusChange{ChannelStatus::kActive}).ok());
  EXPECT_FALSE(edge_.echo()->complete);
  const auto answer = edge_.EchoCallback();
  answer(EventTime{50});
  edge_.RefreshEcho();
  EXPECT_FALSE(edge_.echo()->complete);
  answer(EventTime{30});
  edge_.RefreshEcho();
  EXPECT_TRUE(edge_.echo()->complete);
  EXPECT_EQ(edge_.echo()->max, EventTime{50});
}

TEST_F(EdgeOutputTest, AnswersToAnEarlierSpellDontCompleteTheNext) {
  Connect(1);
  const auto answer = edge_.EchoCallback();
  ASSERT_TRUE(edge_.Broadcast(StatusChange{ChannelStatus::kActive}).ok());
  ASSERT_TRUE(edge_.Broadcast(StatusChange{ChannelStatus::kIdle}).ok());
  ASSERT_TRUE(edge_.Broadcast(StatusChange{ChannelStatus::kActive}).ok());
  answer(EventTime{1});
  edge_.RefreshEcho();
  EXPECT_FALSE(edge_.echo()->complete);
  answer(EventTime{9});
  edge_.RefreshEcho();
  EXPECT_TRUE(edge_.echo()->complete);
  EXPECT_EQ(edge_.echo()->max, EventTime{9});
}

TEST(EdgeOutput, AnAnswerMayComeAfterTheEdgeIsGone) {
  std::function<void(EventTime)> answer;
  {
    EdgeOutput edge;
    answer = edge.EchoCallback();
  }
  answer(EventTime{1});
}

}  // namespace
}  // namespace weir
