#include "model/time_text.h"

#include <limits>

#include "gtest/gtest.h"

namespace weir {
namespace {

constexpr int64_t kInstant = 1'709'190'489'500'000;  // 2024-02-29 07:08:09.5 UTC

TEST(TimeTextTest, OneInstantManySpellings) {
  for (const char* text :
       {"2024-02-29T07:08:09.5Z", "2024-02-29 07:08:09.5", "2024-02-29 07:08:09.500000+00",
        "2024-02-29t09:08:09.5+02:00", "2024-02-29 02:08:09.5-0500", " 2024-2-29 7:08:09.5 UTC ",
        "20240229T070809.5Z", "2024-02-29 07:08:09.4999999 z", "2024-02-29 12:38:09.5+05:30 AD"}) {
    int64_t micros = 0;
    EXPECT_EQ(ParseTimestamptz(text, &micros), TimeParse::kOk) << text;
    EXPECT_EQ(micros, kInstant) << text;
  }
  EXPECT_EQ(FormatTimestamptz(kInstant), "2024-02-29 07:08:09.5+00");
  EXPECT_EQ(FormatTimestamp(kInstant), "2024-02-29 07:08:09.5");
}

TEST(TimeTextTest, ZoneCountsOnlyForInstants) {
  int64_t micros = 0;
  EXPECT_EQ(ParseTimestamp("2024-02-29 07:08:09.5+09:00", &micros), TimeParse::kOk);
  EXPECT_EQ(micros, kInstant);
  int32_t days = 0;
  EXPECT_EQ(ParseDate("2024-02-29T23:59:59-12:00", &days), TimeParse::kOk);
  EXPECT_EQ(FormatDate(days), "2024-02-29");
}

TEST(TimeTextTest, EdgesOfTheClock) {
  int64_t micros = 0;
  EXPECT_EQ(ParseTimestamptz("epoch", &micros), TimeParse::kOk);
  EXPECT_EQ(micros, 0);
  EXPECT_EQ(ParseTimestamptz("1969-12-31 24:00:00", &micros), TimeParse::kOk);
  EXPECT_EQ(micros, 0);
  EXPECT_EQ(ParseTimestamptz("1969-12-31 23:59:60", &micros), TimeParse::kOk);
  EXPECT_EQ(micros, 0);
  EXPECT_EQ(ParseTimestamptz("1969-12-31 23:59:59.9999999", &micros), TimeParse::kOk);
  EXPECT_EQ(micros, 0);
  EXPECT_EQ(FormatTimestamp(-1), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(FormatTimestamp(std::numeric_limits<int64_t>::max()), "294247-01-10 04:00:54.775807");
}

TEST(TimeTextTest, Refused) {
  for (const char* text :
       {"", "x", "2024", "2024-02", "2024-02-29x", "2024-02-29 07", "24-02-29", "2024/02/29",
        "2024-02-29T", "2024-02-29T07:8", "infinity", "now", "2024-02-29 07:08 America/New_York",
        "2024-02-29 07:08+", "epoch1", "-2024-02-29", "2024-02-29 07:08:09,5"}) {
    int64_t micros = 0;
    EXPECT_EQ(ParseTimestamptz(text, &micros), TimeParse::kSyntax) << text;
  }
  for (const char* text :
       {"2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-04-31", "2024-01-01 25:00",
        "2024-01-01 24:00:01", "2024-01-01 00:60", "2024-01-01 00:00:61", "0000-01-01",
        "2024-01-01 00:00+16:00", "294248-01-01", "4715-01-01 BC"}) {
    int64_t micros = 0;
    EXPECT_EQ(ParseTimestamptz(text, &micros), TimeParse::kRange) << text;
  }
}

TEST(TimeTextTest, CalendarRoundTrip) {
  EXPECT_EQ(DaysFromCivil({1970, 1, 1}), 0);
  EXPECT_EQ(DaysFromCivil({-4713, 11, 24}), kMinDate);
  EXPECT_EQ(DaysFromCivil({5874897, 12, 31}), kMaxDate);
  EXPECT_EQ(FormatDate(DaysFromCivil({-43, 3, 15})), "0044-03-15 BC");
  for (int64_t day = -800'000; day < 800'000; day += 97) {
    CivilDate date = CivilFromDays(day);
    EXPECT_EQ(DaysFromCivil(date), day);
    int32_t parsed = 0;
    EXPECT_EQ(ParseDate(FormatDate(day), &parsed), TimeParse::kOk) << FormatDate(day);
    EXPECT_EQ(parsed, day);
  }
}

}  // namespace
}  // namespace weir
