#include "cli/job_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/text_table.h"
#include "weir/v1/job.pb.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

TEST(TextTableTest, AlignsColumns) {
  TextTable table({"NAME", ">ROWS", "PATH"});
  table.AddRow({"a", "5", "/x"});
  table.AddRow({"snow ☃", "12345", ""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "NAME     ROWS  PATH\n"
            "a           5  /x\n"
            "snow ☃  12345\n");
}

TEST(TextTableDeathTest, RowsAreAsWideAsTheHeader) {
  TextTable table({"A", "B"});
  EXPECT_DEATH(table.AddRow({"1"}), "1 cells for 2");
}

v1::Job Running(int64_t generation, int64_t rows) {
  v1::Job job;
  job.set_name("a");
  job.set_state(v1::RUNNING);
  job.set_generation(generation);
  job.set_live_records_in(rows);
  return job;
}

TEST(WatchLineTest, CountsRowsPerSecond) {
  WatchLine line;
  EXPECT_THAT(line.Next(Running(1, 1000), 5'000'000), HasSubstr("rows/s - "));
  EXPECT_THAT(line.Next(Running(1, 4000), 6'500'000), HasSubstr("rows/s 2000 "));
  EXPECT_THAT(line.Next(Running(1, 4000), 7'500'000), HasSubstr("rows/s 0 "));
}

TEST(WatchLineTest, MakesNoRateOutOfMilliseconds) {
  WatchLine line;
  v1::Job job;
  job.set_live_records_in(1000);
  line.Next(job, 0);
  job.set_live_records_in(3000);
  EXPECT_THAT(line.Next(job, 1'000'000), HasSubstr("rows/s 2000 "));
  job.set_live_records_in(4000);
  EXPECT_THAT(line.Next(job, 1'001'000), HasSubstr("rows/s 2000 "));
  EXPECT_THAT(line.Next(job, 2'000'000), HasSubstr("rows/s 1000 "));
}

TEST(WatchLineTest, HasNoRateAcrossARestart) {
  WatchLine line;
  line.Next(Running(1, 4000), 1'000'000);
  EXPECT_THAT(line.Next(Running(2, 4500), 2'000'000), HasSubstr("rows/s - "));
  EXPECT_THAT(line.Next(Running(2, 4000), 3'000'000), HasSubstr("rows/s - ")) << "went back";
  EXPECT_THAT(line.Next(Running(2, 4100), 4'000'000), HasSubstr("rows/s 100 "));
  EXPECT_THAT(line.Next(Running(2, 4200), 4'000'000), HasSubstr("rows/s 100 ")) << "no time passed";
}

TEST(WatchLineTest, SaysWhyAJobWaits) {
  v1::Job job = Running(1, 0);
  job.set_state(v1::WAITING);
  job.set_reason("2 slots are missing");
  EXPECT_THAT(WatchLine().Next(job, 0), HasSubstr("2 slots are missing"));
}

TEST(JobTextTest, SaysWhetherTablesAreFreshAndWhoIsToBlame) {
  v1::Job job;
  v1::TableHealth* fresh = job.add_tables();
  fresh->set_sink("daily");
  fresh->set_status(v1::TableHealth::FRESH);
  fresh->set_summary("committed 3s ago");
  v1::TableHealth* stale = job.add_tables();
  stale->set_sink("activity");
  stale->set_status(v1::TableHealth::STALE);
  stale->set_summary("last commit 2m ago: brokers away");
  stale->add_suspects()->set_message("brokers away");
  v1::Suspect* second = stale->add_suspects();
  second->set_kind("task");
  second->set_name("activity/0");
  second->set_message("is busy");
  std::ostringstream out;
  PrintJob(job, out);
  EXPECT_THAT(out.str(), HasSubstr("daily     FRESH   committed 3s ago\n"));
  EXPECT_THAT(out.str(), HasSubstr("activity  STALE   last commit 2m ago: brokers away\n"));
  EXPECT_THAT(out.str(), HasSubstr("also task activity/0: is busy\n"));
}

TEST(JobTextTest, EventsSayWhatAndWhy) {
  v1::ListEventsResponse events;
  v1::JobEvent* event = events.add_events();
  event->mutable_at()->set_seconds(1'700'000'000);
  event->set_kind(v1::JobEvent::RESTART);
  event->set_generation(5);
  event->set_count(2);
  event->set_message("worker 10.0.0.1:7080 lost");
  std::ostringstream out;
  PrintEvents(events, out);
  EXPECT_EQ(out.str(),
            "AT                    KIND     GENERATION  EPOCH  TIMES  WHAT\n"
            "2023-11-14T22:13:20Z  RESTART           5      -      2  worker 10.0.0.1:7080 lost\n");
}

TEST(JobTextTest, VersionsBeforeTheFirstCommitAreDashes) {
  v1::Job job = Running(1, 0);
  job.add_sinks()->set_table_version(-1);
  EXPECT_THAT(WatchLine().Next(job, 0), HasSubstr("version - "));
  job.mutable_sinks(0)->set_table_version(0);
  EXPECT_THAT(WatchLine().Next(job, 0), HasSubstr("version 0 "));
}

}  // namespace
}  // namespace weir
