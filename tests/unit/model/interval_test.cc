#include "model/interval.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

std::string Read(std::string_view text, std::string_view unit = "") {
  absl::StatusOr<Interval> interval = ParseInterval(text, unit);
  if (!interval.ok()) return "refused";
  return ToString(Value{DataType::Of(TypeKind::kInterval), *interval});
}

TEST(ParseInterval, ReadsWhatPostgresReads) {
  EXPECT_EQ(Read("5 minutes"), "INTERVAL '5 minutes'");
  EXPECT_EQ(Read("  1 Day  02:30:00.5 "), "INTERVAL '1 day 2 hours 30 minutes 500 milliseconds'");
  EXPECT_EQ(Read("1 year 2 months 3 days"), "INTERVAL '1 year 2 months 3 days'");
  EXPECT_EQ(Read("1h30m"), "INTERVAL '1 hour 30 minutes'");
  EXPECT_EQ(Read("500ms"), "INTERVAL '500 milliseconds'");
  EXPECT_EQ(Read("1.5 hours"), "INTERVAL '1 hour 30 minutes'");
  EXPECT_EQ(Read("-5 minutes"), "INTERVAL '-5 minutes'");
  EXPECT_EQ(Read("2 weeks"), "INTERVAL '14 days'");
  EXPECT_EQ(Read("0 seconds"), "INTERVAL '0 seconds'");
  EXPECT_EQ(Read("30", "second"), "INTERVAL '30 seconds'");
}

TEST(ParseInterval, RefusesTheRest) {
  for (const char* text :
       {"", " ", "5", "minutes", "5 parsecs", "5 minutes ago", "1.5 days", "1.5 months", "02:60:00",
        "1:2:3:4", "5 minutess", "99999999999999999999 seconds", "9223372036854775807 hours",
        "1.0000001 seconds", "--5 minutes", "5,5 minutes", "1 ms s"}) {
    EXPECT_EQ(Read(text), "refused") << text;
  }
}

TEST(FixedMicros, RefusesMonthsAndTheNegative) {
  EXPECT_EQ(*FixedMicros({0, 1, 1}), 86'400'000'001);
  EXPECT_EQ(FixedMicros({1, 0, 0}).status().message(),
            "months and years have no fixed length; write days, as in '30 days'");
  EXPECT_FALSE(FixedMicros({0, -1, 0}).ok());
  EXPECT_FALSE(FixedMicros({0, 2'000'000'000, 0}).ok());
}

TEST(DurationText, IsExact) {
  EXPECT_EQ(DurationText(0), "0 seconds");
  EXPECT_EQ(DurationText(600'000'000), "10 minutes");
  EXPECT_EQ(DurationText(90'061'001'001),
            "1 day 1 hour 1 minute 1 second 1 millisecond 1 microsecond");
}

}  // namespace
}  // namespace weir
