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

TEST(JobTextTest, VersionsBeforeTheFirstCommitAreDashes) {
  v1::Job job = Running(1, 0);
  job.add_sinks()->set_table_version(-1);
  EXPECT_THAT(WatchLine().Next(job, 0), HasSubstr("version - "));
  job.mutable_sinks(0)->set_table_version(0);
  EXPECT_THAT(WatchLine().Next(job, 0), HasSubstr("version 0 "));
}

}  // namespace
}  // namespace weir
