#include "coordinator/api_messages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/coordinator/job_harness.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

TEST(PrintableTextTest, LeavesText) {
  for (const char* text : {"", "plain", "größer 漢字 🦆", "<script>alert('x')</script>"}) {
    EXPECT_EQ(PrintableText(text), text);
  }
}

TEST(PrintableTextTest, ShowsAllElseAsNumbers) {
  EXPECT_EQ(PrintableText(std::string_view("a\0b\n\x1b[31m", 9)), "a\\x00b\\x0A\\x1B[31m");
  EXPECT_EQ(PrintableText("\xff\xfe"), "\\xFF\\xFE");
  EXPECT_EQ(PrintableText("\xc3"), "\\xC3") << "cut in a character";
  EXPECT_EQ(PrintableText("\xc0\xaf"), "\\xC0\\xAF") << "overlong";
  EXPECT_EQ(PrintableText("\xed\xa0\x80"), "\\xED\\xA0\\x80") << "half a surrogate pair";
  EXPECT_EQ(PrintableText("\xc2\x85"), "\\xC2\\x85") << "a control character";
  EXPECT_EQ(PrintableText("\xe2\x80\xae"
                          "abc"),
            "\\xE2\\x80\\xAE"
            "abc")
      << "right to left";
}

JobDetails Details() {
  JobDetails details;
  details.plan = TestSpec().plan;
  TaskView task;
  task.id = {0, 0};
  task.worker = "w:1";
  task.reported = true;
  task.live.lag_records = 7;
  task.live.partitions = {{.partition = 4,
                           .next_offset = 10,
                           .end_offset = 17,
                           .lag_records = 7,
                           .watermark = {1'700'000'000'000'000},
                           .status = ChannelStatus::kIdle}};
  task.partitions = {{.records = 2.5, .quiet_us = 3'000'000}};
  details.tasks = {task};
  details.samples = {{"syntax", "no object", "\xff{", 3, 100, 5}};
  return details;
}

TEST(ApiMessagesTest, ATaskIsFoundAtItsVertex) {
  v1::JobDetails out;
  Fill(Details(), "the plan", /*samples=*/true, &out);
  EXPECT_EQ(out.plan(), "the plan");
  ASSERT_EQ(out.vertices_size(), 2);
  ASSERT_EQ(out.vertices(0).tasks_size(), 1);
  EXPECT_EQ(out.vertices(1).tasks_size(), 0);
  const v1::Task& task = out.vertices(0).tasks(0);
  EXPECT_EQ(task.name(), "events/0");
  EXPECT_FALSE(task.has_watermark());
  ASSERT_EQ(task.partitions_size(), 1);
  EXPECT_EQ(task.partitions(0).status(), "idle");
  EXPECT_EQ(task.partitions(0).quiet_ms(), 3000);
  EXPECT_EQ(task.partitions(0).watermark().seconds(), 1'700'000'000);
  ASSERT_EQ(out.edges_size(), 1);
  EXPECT_EQ(out.edges(0).to_vertex(), 1);
}

TEST(ApiMessagesTest, RowsAreShownOnlyWhenAllowed) {
  v1::JobDetails out;
  Fill(Details(), "", /*samples=*/false, &out);
  EXPECT_EQ(out.samples_size(), 0);
  EXPECT_TRUE(out.samples_hidden());
  out.Clear();
  Fill(Details(), "", /*samples=*/true, &out);
  ASSERT_EQ(out.samples_size(), 1);
  EXPECT_EQ(out.samples(0).payload(), "\\xFF{");
  EXPECT_FALSE(out.samples_hidden());
}

TEST(ApiMessagesTest, PhasesThatWereNotReachedStayMinusOne) {
  JobDetails details = Details();
  CheckpointAttempt attempt;
  attempt.captured_us = 1500;
  details.checkpoints.push_back(attempt);
  v1::JobDetails out;
  Fill(details, "", false, &out);
  EXPECT_EQ(out.checkpoints(0).captured_ms(), 1.5);
  EXPECT_EQ(out.checkpoints(0).durable_ms(), -1);
  EXPECT_EQ(out.checkpoints(0).last_captured(), "events/0");
  EXPECT_EQ(out.checkpoints(0).last_durable(), "");
  EXPECT_EQ(out.checkpoints(0).outcome(), v1::CheckpointAttempt::UNDER_WAY);
}

}  // namespace
}  // namespace weir
